"""Sending, and waiting, without blocking an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ._freesmtp import SMTP, EmailMessage
    from ._report import Report

_T = TypeVar("_T")


async def send(smtp: SMTP, message: EmailMessage) -> Report:
    """Send in a thread. When the task is cancelled, the send is too, and has ended before the task goes on."""
    report: Report = await _outcome(lambda done: smtp._start(message, done).cancel)
    return report


async def in_thread(work: Callable[[], _T], cancel: Callable[[], object]) -> _T:
    """Do what may take long in a thread of its own: those that the loop keeps for such work are few.

    When the task is cancelled, `cancel` ends the work, and it has ended before the task goes on.
    """

    def start(done: Callable[[Any, BaseException | None], None]) -> Callable[[], object]:
        def run() -> None:
            try:
                result = work()
            except BaseException as error:
                done(None, error)
            else:
                done(result, None)

        threading.Thread(target=run, daemon=True).start()
        return cancel

    found: _T = await _outcome(start)
    return found


async def _outcome(start: Callable[[Callable[[Any, BaseException | None], None]], Callable[[], object]]) -> Any:
    """Await what begins with `start`, which gets what to call at the end, and gives what cancels it."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if finished.cancelled():
            return
        if error is None:
            finished.set_result(result)
        else:
            finished.set_exception(error)

    def done(result: Any, error: BaseException | None) -> None:
        # A loop that was closed before the end: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    cancel = start(done)
    try:
        return await asyncio.shield(finished)
    except asyncio.CancelledError:
        cancel()
        # Nothing of a cancelled task goes on behind its back: the core answers a cancel at once.
        await asyncio.wait([finished])
        if not finished.cancelled():
            finished.exception()
        raise
