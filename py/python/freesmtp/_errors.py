"""One class for each kind of failure, all under `SMTPError`; the native part makes them by `from_core`.

Each also is the builtin exception that fits, so that code that knows nothing of this library handles it well:
`ValueError` for bad input, `TimeoutError`, `ConnectionError`, `PermissionError` for a refused login, else `OSError`
as in the standard library's `smtplib`. `SMTPOutcomeUnknown` is no `ConnectionError` on purpose: who repeats a send
after a broken connection would deliver twice.
"""

from __future__ import annotations

from typing import Any, Literal

from ._report import Diagnosis, RecipientResult


class SMTPError(Exception):
    """Why a call failed: what, where, the server's own words, and what to do about it.

    `str(error)` is all of it for a person, with the remedies.
    """

    kind: Literal[
        "message",
        "dns",
        "connect",
        "tls",
        "proxy",
        "timeout",
        "authentication",
        "protocol",
        "recipients-refused",
        "outcome-unknown",
        "file-io",
        "spool",
        "cancelled",
        "internal",
    ]
    """The stable name of the kind: `recipients-refused`, `dns`, `timeout` …"""
    number: int
    """Its stable number, banded by hundred."""
    stage: str
    """The phase of the session: `COMPOSE`, `CONNECT`, `AUTH`, `RCPT`, `EOM` …"""
    field: str | None
    """The property that holds bad input, such as `Recipients[2].Email`."""
    message: str
    """What happened, in one sentence, without the diagnosis."""
    reply_code: int
    """The code of the server's reply; 0 when there was none."""
    enhanced_code: str | None
    """The reply's enhanced status code (RFC 3463)."""
    reply_text: str
    """The reply's text, codes left out."""
    recipients: tuple[RecipientResult, ...]
    """One entry for each recipient, when the transaction got that far."""
    server: str | None
    """The server it is about: `mail.example.com:587`."""
    is_temporary: bool
    """Whether the same call may succeed later without a change."""
    diagnosis: Diagnosis | None
    """Why it failed and what to do."""
    transcript: tuple[str, ...]
    """The last lines of the conversation, secrets removed."""
    message_id: str | None
    """The `Message-ID`, to search for when the outcome is unknown."""
    others: tuple[SMTPError, ...]
    """The failures of the servers that were tried before the last one."""
    os_error: int | None
    """The operating system's own error number, where it was one; `errno` in those that are an `OSError`."""

    def __init__(self, text: str = "", **fields: Any) -> None:
        """Takes what `str()` gives, and fields by name; those left out say that nothing is known."""
        super().__init__(text)
        unknown = fields.keys() - _UNKNOWN.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        for name, value in {**_UNKNOWN, "message": text, **fields}.items():
            setattr(self, name, value)
        _tell_errno(self, self.os_error)

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: getattr(self, name) for name in _UNKNOWN}
        return _restore, (type(self), self.args[0], fields), self.__dict__


_UNKNOWN: dict[str, Any] = {
    "kind": "internal",
    "number": 900,
    "stage": "COMMAND",
    "field": None,
    "message": "",
    "reply_code": 0,
    "enhanced_code": None,
    "reply_text": "",
    "recipients": (),
    "server": None,
    "is_temporary": False,
    "diagnosis": None,
    "transcript": (),
    "message_id": None,
    "others": (),
    "os_error": None,
}
"""Every field, and what it is when nothing is known."""


class MessageError(SMTPError, ValueError):
    """The message or a setting is not valid; `field` names it. Nothing was sent."""


class SMTPConnectionError(SMTPError, ConnectionError):
    """The server could not be reached, or the connection broke: `kind` is `dns`, `connect`, `tls` or `proxy`."""


class SMTPTimeoutError(SMTPConnectionError, TimeoutError):
    """The server did not answer in time."""


class SMTPAuthenticationError(SMTPError, PermissionError):
    """The server refused the login, or no usable mechanism is offered."""


class SMTPProtocolError(SMTPError, OSError):
    """The server refused a command, or broke the protocol."""


class SMTPRecipientsRefused(SMTPProtocolError):
    """Every recipient was refused; `recipients` says why for each."""


class SMTPOutcomeUnknown(SMTPError, OSError):
    """The connection broke after the whole message was sent: it may have been delivered."""


class FileIOError(SMTPError, OSError):
    """A file could not be opened, read or written."""


class SpoolError(SMTPError, OSError):
    """The spool could not take the message."""


class Cancelled(SMTPError):
    """The program cancelled the operation."""


class InternalError(SMTPError, RuntimeError):
    """A fault of this library. Please report it."""


SMTPProtocolException = SMTPProtocolError
SMTPConnectionException = SMTPConnectionError
SMTPAuthenticationException = SMTPAuthenticationError
FileIOException = FileIOError

CLASSES: dict[str, type[SMTPError]] = {
    "message": MessageError,
    "dns": SMTPConnectionError,
    "connect": SMTPConnectionError,
    "tls": SMTPConnectionError,
    "proxy": SMTPConnectionError,
    "timeout": SMTPTimeoutError,
    "authentication": SMTPAuthenticationError,
    "protocol": SMTPProtocolError,
    "recipients-refused": SMTPRecipientsRefused,
    "outcome-unknown": SMTPOutcomeUnknown,
    "file-io": FileIOError,
    "spool": SpoolError,
    "cancelled": Cancelled,
    "internal": InternalError,
}
"""The class of each kind."""


def from_core(text: str, fields: dict[str, Any]) -> SMTPError:
    """The exception for an error of the core."""
    return CLASSES.get(fields["kind"], SMTPError)(text, **fields)


def _tell_errno(error: BaseException, number: int | None) -> None:
    if isinstance(error, OSError):
        error.errno = number


def _restore(cls: type[SMTPError], text: str, fields: dict[str, Any]) -> SMTPError:
    return cls(text, **fields)
