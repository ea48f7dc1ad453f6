"""The `Date` header as `datetime`: the limited C interface has no access to that type."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_unix(value: datetime) -> tuple[int, int]:
    """Seconds since 1970 UTC, and the minutes east of UTC that it is shown with; naive means local time."""
    aware = value if value.utcoffset() is not None else value.astimezone()
    offset = aware.utcoffset() or timedelta()
    return (aware - _EPOCH) // timedelta(seconds=1), offset // timedelta(minutes=1)


def from_unix(unix_seconds: int, offset_minutes: int) -> datetime:
    """The aware `datetime` for both."""
    moment = _EPOCH + timedelta(seconds=unix_seconds)
    return moment.astimezone(timezone(timedelta(minutes=offset_minutes)))
