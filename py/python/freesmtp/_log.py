"""What the log shows, and who hears its lines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True)
class LogOptions:
    """What `SMTP.log_file` shows besides the conversation. Secrets are removed in any case."""

    timestamps: bool = False
    """Each line begins with the time, in UTC."""
    body: str = "size"
    """How much of a message is shown: `size`, `headers` (and the size) or `full`."""
    json: bool = False
    """The file has one JSON object in each line: `time`, `connection`, `kind` and `line`."""


@dataclass(frozen=True)
class LogEvent:
    """One line of a conversation, secrets removed and control characters escaped."""

    time: datetime
    """When, in UTC."""
    connection: int
    """The connection, from 1: lines of concurrent ones differ here."""
    kind: str
    """Whose line it is: `sent`, `received`, `notice` or `body`."""
    line: str
    """The line, without a line break."""


_Hear = Callable[[int, int, str, str], None]
_MARKS = {"sent": "> ", "received": "< ", "body": "| "}


def listener(given: Any) -> _Hear | None:
    """The function that hears lines for a `logging.Logger`, or for a function that takes a `LogEvent`."""
    if isinstance(given, logging.Logger):
        return _logging(given)
    return _calling(given) if callable(given) else None


def _logging(logger: logging.Logger) -> _Hear:
    def hear(_milliseconds: int, connection: int, kind: str, line: str) -> None:
        if logger.isEnabledFor(logging.DEBUG):
            extra = {"smtp_connection": connection, "smtp_kind": kind}
            logger.debug("[%d] %s%s", connection, _MARKS.get(kind, ""), line, extra=extra)

    return hear


def _calling(function: Callable[[LogEvent], object]) -> _Hear:
    def hear(milliseconds: int, connection: int, kind: str, line: str) -> None:
        time = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
        function(LogEvent(time, connection, kind, line))

    return hear
