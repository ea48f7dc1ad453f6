"""Messages of the standard library's package `email`, as bytes."""

from __future__ import annotations

from email.generator import BytesGenerator
from email.message import Message
from email.utils import getaddresses
from io import BytesIO
from typing import Any

_ADDRESSES = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc")


def flatten(message: Message[Any, Any]) -> bytes:
    """The message as it travels; `From ` at the start of a line stays what it is: that is for mbox files only."""
    changes: dict[str, Any] = {"linesep": "\r\n", "mangle_from_": False}
    values = [str(value) for name in _ADDRESSES for value in message.get_all(name, [])]
    if hasattr(message.policy, "utf8") and not all(address.isascii() for _, address in getaddresses(values)):
        # An address cannot be encoded (RFC 6531); such a message has UTF-8 in its headers.
        changes["utf8"] = True
    # Not `as_bytes`, which classes of others (Django's) have with other arguments.
    written = BytesIO()
    BytesGenerator(written, policy=message.policy.clone(**changes)).flatten(message)
    return written.getvalue()
