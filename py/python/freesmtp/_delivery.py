"""What servers and the spool are asked for with a message: kept together, and set on the message itself."""

from __future__ import annotations

from typing import Any

from ._freesmtp import EmailMessage

DELIVERY = (
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
SPOOL = ("not_before", "expires", "spool_priority", "blast", "idempotency_key")


def _forwarded(holder: str, name: str, doc: str | None) -> property:
    def get(self: Any) -> Any:
        return getattr(getattr(self, holder), name)

    def put(self: Any, value: Any) -> None:
        setattr(getattr(self, holder), name, value)

    return property(get, put, doc=doc)


def apply() -> None:
    """Gives `EmailMessage` the properties."""
    message: Any = EmailMessage()
    for holder, names in (("_delivery", DELIVERY), ("_spool", SPOOL)):
        kept = type(getattr(message, holder))
        for name in names:
            setattr(EmailMessage, name, _forwarded(holder, name, getattr(kept, name).__doc__))
