"""What the agent of the spool tells: plain data, made by the native part. They compare by value, and pickle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from . import _freesmtp
from ._asyncio import awaited, in_thread

if TYPE_CHECKING:
    from types import TracebackType

    from ._freesmtp import SMTP, _SpoolEvents


@dataclass(frozen=True)
class SpoolRecipient:
    """A recipient of a message of the spool."""

    email: str
    """The mailbox."""
    state: str
    """`ready`, `later`, `held`; or what became of it: `delivered`, `failed`, `expired`, `cancelled`."""
    attempts: int
    """How many attempts were made."""
    next_attempt: datetime | None
    """When it is tried again."""
    at: datetime | None
    """When it was tried last, or got its result."""
    server: str
    """The server that answered last, `mail.example.com:25`; empty when none did."""
    reply_code: int
    """Its reply code, or 0."""
    enhanced_code: str
    """Its enhanced status code (RFC 3463), or empty."""
    reply_text: str
    """Its reply's text, or what happened."""
    cause: str
    """The identifier of the diagnosis; empty when nothing went wrong."""
    remedy: str
    """What to do, a line for each way."""


@dataclass(frozen=True)
class SpoolStatus:
    """What became of a message of the spool so far."""

    id: str
    """Its id."""
    state: str
    """What it waits for: `ready` (a session, or it is being sent), `later`, `held`, `paused` (its blast is), `done`."""
    is_done: bool
    """Whether each recipient has its result."""
    message_id: str
    """Its `Message-ID`, with angle brackets; empty when it has none, or ended longer ago."""
    sender: str
    """Its reverse-path; empty for the null one."""
    blast: str
    """The blast it belongs to; empty for none."""
    submitted: datetime | None
    """When it was submitted."""
    expires: datetime | None
    """When it is given up, as long as it waits."""
    recipients_total: int
    """How many recipients it has."""
    recipients_open: int
    """How many of them have no result yet."""
    recipients: tuple[SpoolRecipient, ...]
    """The recipients, at most a thousand; none of a message that ended longer ago."""


@dataclass(frozen=True)
class BlastStatus:
    """How far a blast is; the counts are recipients."""

    name: str
    """Its name."""
    state: str
    """`running`, `paused`, `cancelled`, `done`."""
    is_done: bool
    """Whether each recipient has its result."""
    messages: int
    """Messages that were submitted under its name."""
    recipients: int
    """Their recipients."""
    open: int
    """Those without a result."""
    delivered: int
    """Those whose server took the message."""
    deferred: int
    """Those of the open ones that were put off at least once."""
    failed: int
    """Those that were refused for good."""
    expired: int
    """Those whose time was over."""
    cancelled: int
    """Those that were cancelled."""
    rate: float
    """Recipients delivered per second, lately."""
    eta_seconds: float | None
    """Seconds that it takes at this rate; `None` when nothing says how long."""


@dataclass(frozen=True)
class SpoolEvent:
    """What happened to a recipient."""

    event: str
    """`delivered`, `deferred` (it is tried again), `bounced` (refused for good), `expired`, `cancelled`, or `lost`:
    `count` events were missed, because they were taken too slowly."""
    key: str
    """The same when the same event is told again."""
    at: str
    """When: RFC 3339, UTC, milliseconds."""
    id: str
    """The message's id in the spool."""
    message_id: str
    """Its `Message-ID`."""
    sender: str
    """Its reverse-path; empty for the null one."""
    recipient: str
    """The recipient."""
    blast: str
    """The blast; empty for none."""
    attempt: int
    """Which attempt it was, counted from 1; 0 when none was made."""
    server: str
    """The server, or empty."""
    reply_code: int
    """Its reply code, or 0."""
    enhanced_code: str
    """Its enhanced status code (RFC 3463), or empty."""
    reply_text: str
    """Its reply's text, or what happened."""
    cause: str
    """The identifier of the diagnosis, or empty."""
    remedy: str
    """What to do."""
    next_attempt: str
    """When it is tried again: RFC 3339; empty when it is not."""
    is_unknown: bool
    """The message was sent whole and no answer came: it may have been delivered."""
    count: int
    """How many events were missed."""


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def spool_status(submitted: int | None, expires: int | None, **fields: Any) -> SpoolStatus:
    """The class, with moments."""
    return SpoolStatus(submitted=_moment(submitted), expires=_moment(expires), **fields)


def spool_recipient(next_attempt: int | None, at: int | None, **fields: Any) -> SpoolRecipient:
    """The class, with moments."""
    return SpoolRecipient(next_attempt=_moment(next_attempt), at=_moment(at), **fields)


class SpoolEvents:
    """Events as they happen, for `for` and `async for`; ended by `close`, or by the end of the agent: `SpoolError`."""

    def __init__(self, native: _SpoolEvents) -> None:
        self._native = native

    def __iter__(self) -> SpoolEvents:
        return self

    def __next__(self) -> SpoolEvent:
        event = self._native.next()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> SpoolEvents:
        return self

    async def __anext__(self) -> SpoolEvent:
        event = await in_thread(self._native.next, self.close)
        if event is None:
            raise StopAsyncIteration
        return event

    def __enter__(self) -> SpoolEvents:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it; a wait that is under way raises `Cancelled`."""
        self._native.cancel()


async def _spool_status_async(self: SMTP, id: str) -> SpoolStatus:
    """`spool_status` for asyncio."""
    return await asyncio.to_thread(self.spool_status, id)


async def _blast_status_async(self: SMTP, name: str) -> BlastStatus:
    """`blast_status` for asyncio."""
    return await asyncio.to_thread(self.blast_status, name)


async def _pause_blast_async(self: SMTP, name: str) -> BlastStatus:
    """`pause_blast` for asyncio."""
    return await asyncio.to_thread(self.pause_blast, name)


async def _resume_blast_async(self: SMTP, name: str) -> BlastStatus:
    """`resume_blast` for asyncio."""
    return await asyncio.to_thread(self.resume_blast, name)


async def _cancel_blast_async(self: SMTP, name: str) -> BlastStatus:
    """`cancel_blast` for asyncio."""
    return await asyncio.to_thread(self.cancel_blast, name)


async def _spool_events_async(self: SMTP, blast: str | None = None) -> SpoolEvents:
    """`spool_events` for asyncio: it ends when the task is cancelled before the agent has answered."""
    call = _freesmtp._Cancel()
    return await in_thread(lambda: self._spool_events(blast, call), call.cancel)


async def _wait_for_blast_async(self: SMTP, name: str, timeout: float | None = None) -> BlastStatus:
    """`wait_for_blast` for asyncio: it ends when the task is cancelled."""
    call = _freesmtp._Cancel()
    return await in_thread(lambda: self._wait_for_blast(name, timeout, call), call.cancel)


async def _wait_for_message_async(self: SMTP, id: str, timeout: float | None = None) -> SpoolStatus:
    """`wait_for_message` for asyncio: it ends when the task is cancelled."""
    call = _freesmtp._Cancel()
    return await in_thread(lambda: self._wait_for_message(id, timeout, call), call.cancel)


def apply() -> None:
    """Gives `SMTP` what is for asyncio."""
    awaited(
        _freesmtp.SMTP,
        _spool_status_async,
        _blast_status_async,
        _pause_blast_async,
        _resume_blast_async,
        _cancel_blast_async,
        _wait_for_blast_async,
        _wait_for_message_async,
        _spool_events_async,
    )
