"""Sending without blocking an event loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._freesmtp import SMTP, EmailMessage
    from ._report import Report


async def send(smtp: SMTP, message: EmailMessage) -> Report:
    """Send in a thread. When the task is cancelled, the send is too, and has ended before the task goes on."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Report] = loop.create_future()

    def settle(report: Report | None, error: BaseException | None) -> None:
        if finished.cancelled():
            return
        if report is not None:
            finished.set_result(report)
        else:
            finished.set_exception(error or RuntimeError("the send ended without a result"))

    def done(report: Report | None, error: BaseException | None) -> None:
        # A loop that was closed before the send ended: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, report, error)

    operation = smtp._start(message, done)
    try:
        return await asyncio.shield(finished)
    except asyncio.CancelledError:
        operation.cancel()
        # Nothing of a cancelled task goes on behind its back: the core answers a cancel at once.
        await asyncio.wait([finished])
        if not finished.cancelled():
            finished.exception()
        raise
