"""What a send answers: plain data, made by the native part. They compare by value, and pickle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Diagnosis:
    """Why something failed, who must act, and what to do."""

    cause: str
    """What went wrong: a stable identifier such as `relay-denied`."""
    who: Literal["sender-code", "sender-account", "server-admin", "recipient", "network", "nobody-retry"]
    """Who must act."""
    summary: str
    """One sentence for a person."""
    remedy: str
    """What to do, concrete for this session; several ways are on lines of their own."""
    evidence: str
    """The server's words, or the facts, on which this rests."""
    retry_after: float | None
    """Seconds to wait before the next attempt, when the server named a time or the cause implies one."""
    reference: str | None
    """The RFC section, or the provider's page that the server named."""
    text: str = field(repr=False, compare=False)
    """All of it for a person, which is also what `str()` gives."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class RecipientResult:
    """What became of the message for one recipient."""

    email: str
    """The address as it was given."""
    status: Literal["accepted", "deferred", "refused", "unknown"]
    """What became of it."""
    stage: str
    """The phase in which that was decided, such as `RCPT`."""
    reply_code: int
    """The code of the reply that decided it; 0 when none did."""
    enhanced_code: str | None
    """Its enhanced status code (RFC 3463), such as `5.7.1`."""
    reply_text: str
    """Its text, codes left out."""
    diagnosis: Diagnosis | None
    """Why, and what to do, unless accepted."""


@dataclass(frozen=True)
class TlsInfo:
    """The TLS session that was in use, as far as the platform's TLS tells."""

    version: str | None
    """Protocol version such as `TLSv1.3`."""
    cipher: str | None
    """Cipher suite."""
    certificate_subject: str | None
    """The subject of the server's certificate."""
    certificate_not_after: int | None
    """When that certificate expires, in seconds since 1970-01-01 UTC."""


@dataclass(frozen=True)
class Report:
    """The answer of a send that the server of at least one recipient accepted."""

    recipients: tuple[RecipientResult, ...]
    """One entry for each recipient, in the order of the message."""
    reply_code: int
    """The code of the reply after the end of the message."""
    enhanced_code: str | None
    """Its enhanced status code (RFC 3463)."""
    reply_text: str
    """Its text; it usually names the server's queue id."""
    message_id: str
    """The `Message-ID`, with its angle brackets."""
    size: int
    """Bytes of the message as composed."""
    server: str
    """The server that took it: `mail.example.com:587`."""
    peer_address: str | None
    """The address that was connected to."""
    tls: TlsInfo | None
    """The TLS session; `None` means clear text."""
    auth_mechanism: str | None
    """The mechanism that logged in, such as `PLAIN`; `None` means no login."""
    elapsed: float
    """Seconds it took, connecting included where a connection was opened."""
    warnings: tuple[str, ...]
    """Trouble that did not stop the mail: a log that could not be written, a server that failed before."""
    transcript: tuple[str, ...]
    """The conversation, secrets removed, oldest line first."""

    @property
    def accepted(self) -> tuple[RecipientResult, ...]:
        """The recipients the server took responsibility for."""
        return tuple(result for result in self.recipients if result.status == "accepted")

    @property
    def failed(self) -> tuple[RecipientResult, ...]:
        """The recipients that were deferred, refused or are unknown."""
        return tuple(result for result in self.recipients if result.status != "accepted")


@dataclass(frozen=True)
class BulkResult:
    """What came of one message of `SMTP.send_bulk`."""

    index: int
    """The place of the message in the iterable, from 0."""
    report: Report | None
    """As `SMTP.send` answers; `None` when it failed."""
    error: Exception | None
    """What `SMTP.send` would raise; `None` when it was sent."""


@dataclass(frozen=True)
class Reply:
    """One reply of a server, of one or more lines."""

    code: int
    """The three-digit code."""
    enhanced_code: str | None
    """The enhanced status code (RFC 3463)."""
    lines: tuple[str, ...]
    """The text of each line, without code."""
    text: str
    """The whole text, lines joined by `\\n`."""

    def __str__(self) -> str:
        return f"{self.code:03} {self.text}"


@dataclass(frozen=True)
class Explanation:
    """One failure found in a transcript."""

    line: int
    """The line of the transcript where it stands, from 1."""
    stage: str | None
    """The phase, such as `RCPT`, where the transcript shows it."""
    host: str
    """The server's name, or empty."""
    sender: str | None
    """The sender of the transaction."""
    recipient: str | None
    """The recipient in question."""
    reply: Reply | None
    """The reply that refused; `None` for a failure that the client noticed."""
    diagnosis: Diagnosis
    """Why, who must act, what to do."""

    def __str__(self) -> str:
        return str(self.diagnosis)
