"""What arrived: the messages of a Maildir, read with Python's own parser, which none of us wrote."""

import email
import email.message
import email.policy
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Part:
    """An attachment or inline part: its file name, content type, bytes and Content-ID (without brackets)."""

    name: str | None
    type: str
    data: bytes
    cid: str | None = None


@dataclass
class Arrived:
    """A message as its reader sees it."""

    raw: bytes
    message: email.message.EmailMessage
    text: str | None = None
    html: str | None = None
    attachments: list[Part] = field(default_factory=list)
    inline: list[Part] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The header, decoded; `None` when it is missing."""
        value = self.message[name]
        return None if value is None else str(value)

    def addresses(self, name: str) -> list[tuple[str, str]]:
        """The addresses of a header as (display name, address)."""
        value = self.message[name]
        return [] if value is None else [(a.display_name, a.addr_spec) for a in value.addresses]


def parse(raw: bytes) -> Arrived:
    """Reads a message and takes its parts apart; a defect found by the parser is an error."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    arrived = Arrived(raw, message)
    defects = [d for part in message.walk() for d in part.defects]
    defects += [d for part in message.walk() for name, value in part.items() for d in _defects(part, name, value)]
    if defects:
        raise AssertionError(f"the message has defects: {defects}")
    for part in message.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        cid = part["Content-ID"]
        if part.get_content_disposition() != "attachment" and name is None and cid is None:
            if kind == "text/plain" and arrived.text is None:
                arrived.text = _body(part)
                continue
            if kind == "text/html" and arrived.html is None:
                arrived.html = _body(part)
                continue
        data = part.get_payload(decode=True)
        found = Part(name, kind, bytes(data), None if cid is None else str(cid).strip().strip("<>"))
        (arrived.attachments if part.get_content_disposition() == "attachment" else arrived.inline).append(found)
    return arrived


def _defects(part: email.message.EmailMessage, name: str, value: Any) -> list[Any]:
    """What the parser holds against a header, but for the plain fallback beside an RFC 2231 parameter."""
    sources = [
        re.sub(r'"(\\.|[^"\\])*"', '""', str(source), flags=re.S) for key, source in part.raw_items() if key == name
    ]
    extended = {m for source in sources for m in re.findall(r"[\s;]([\w-]+)\*(?:0\*?)?=", source)}
    plain = [m for source in sources for m in re.findall(r"[\s;]([\w-]+)=", source)]
    fallback = len(plain) == len(set(plain)) and extended & set(plain)
    return [d for d in value.defects if not (fallback and "duplicate parameter name" in str(d))]


def _body(part: email.message.EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


class Maildir:
    """One mail box."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def messages(self) -> list[Arrived]:
        """All that was delivered so far."""
        return [parse(raw) for raw in self.raw()]

    def raw(self) -> list[bytes]:
        """The bytes of all that was delivered so far."""
        return [file.read_bytes() for folder in ("new", "cur") for file in sorted(self.path.glob(f"{folder}/*"))]

    def find(self, message_id: str) -> bytes | None:
        """The bytes of the message of that Message-ID, if it is there now. More than one is a failure."""
        wanted = message_id.encode()
        found = [raw for raw in self.raw() if wanted in raw.partition(b"\n\n")[0]]
        if len(found) > 1:
            raise AssertionError(f"{message_id} was delivered {len(found)} times")
        return found[0] if found else None

    def wait_for(self, message_id: str, patience: float = 60) -> Arrived:
        """The message of that Message-ID; delivery goes on in the background, so it is waited for."""
        return parse(self.wait_for_raw(message_id, patience))

    def wait_for_raw(self, message_id: str, patience: float = 60) -> bytes:
        """Its bytes, for what Python's parser has no notion of (addresses outside ASCII, RFC 6532)."""
        deadline = time.monotonic() + patience
        while (found := self.find(message_id)) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"{message_id} did not arrive in {self.path.name} within {patience:g} s")
            time.sleep(0.02)
        return found

    def wait_for_all(self, subject: str, count: int, patience: float = 60) -> list[Arrived]:
        """The messages with that subject, as soon as there are `count` of them."""
        deadline = time.monotonic() + patience
        while len(found := [m for m in self.messages() if m.header("Subject") == subject]) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(found)} of {count} messages arrived in {self.path.name}")
            time.sleep(0.05)
        return found
