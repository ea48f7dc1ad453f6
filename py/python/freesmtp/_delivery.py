"""The properties of a message that servers are asked for: kept together, and set on the message itself."""

from __future__ import annotations

from typing import Any

from ._freesmtp import EmailMessage

PROPERTIES = (
    "return_content",
    "envelope_id",
    "require_tls",
    "deliver_by",
    "deliver_by_mode",
    "deliver_by_trace",
    "hold_for",
    "hold_until",
    "mt_priority",
    "optional_extensions",
)


def _forwarded(name: str, doc: str | None) -> property:
    def get(self: Any) -> Any:
        return getattr(self._delivery, name)

    def put(self: Any, value: Any) -> None:
        setattr(self._delivery, name, value)

    return property(get, put, doc=doc)


def apply() -> None:
    """Gives `EmailMessage` the properties."""
    message: Any = EmailMessage()
    kept = type(message._delivery)
    for name in PROPERTIES:
        setattr(EmailMessage, name, _forwarded(name, getattr(kept, name).__doc__))
