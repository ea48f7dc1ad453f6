"""Sending, and waiting, without blocking an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from . import _freesmtp

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from types import TracebackType

    from ._check import CheckReport
    from ._freesmtp import SMTP, EmailMessage
    from ._report import Reply, Report

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
    # A task that is cancelled cancels what it awaits, and has to know of the end all the same. `asyncio.shield` would
    # do, with more callbacks for each message.
    finished: asyncio.Future[Any] = loop.create_future()
    ended: asyncio.Future[None] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result(None)
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
        return await finished
    except asyncio.CancelledError:
        cancel()
        # Nothing of a cancelled task goes on behind its back: the core answers a cancel at once.
        await ended
        if not finished.cancelled():
            finished.exception()
        raise


async def _connect_async(self: SMTP) -> None:
    """`connect` for asyncio: it ends when the task is cancelled."""
    call = _freesmtp._Cancel()
    await in_thread(lambda: self._connect(call), call.cancel)


async def _disconnect_async(self: SMTP) -> None:
    """`disconnect` for asyncio: when the task is cancelled, the connections are closed without waiting for answers."""
    if self.connected:
        call = _freesmtp._Cancel()
        await in_thread(lambda: self._disconnect(call), call.cancel)


async def _send_smtp_command_async(self: SMTP, command: str) -> Reply:
    """`send_smtp_command` for asyncio: it ends when the task is cancelled."""
    call = _freesmtp._Cancel()
    return await in_thread(lambda: self._send_smtp_command(command, call), call.cancel)


async def _check_async(
    self: SMTP,
    *,
    from_: str | None = None,
    to: Iterable[str] | None = None,
    dkim_selector: str | None = None,
    outgoing_ip: str | IPv4Address | IPv6Address | None = None,
    dns: str | None = None,
    timeout: float | None = None,
    server: int = 0,
) -> CheckReport:
    """`check` for asyncio: it ends when the task is cancelled."""
    call = _freesmtp._Cancel()

    def check() -> CheckReport:
        return self._check(
            call,
            from_=from_,
            to=to,
            dkim_selector=dkim_selector,
            outgoing_ip=outgoing_ip,
            dns=dns,
            timeout=timeout,
            server=server,
        )

    return await in_thread(check, call.cancel)


async def _enter(self: SMTP) -> SMTP:
    return self


async def _exit(
    self: SMTP,
    kind: type[BaseException] | None = None,
    error: BaseException | None = None,
    traceback: TracebackType | None = None,
) -> None:
    await _disconnect_async(self)


def awaited(cls: type, *functions: Callable[..., Any]) -> None:
    """Gives a class of the native part what is for asyncio: functions under their names without the first `_`."""
    for function in functions:
        name = function.__name__.removeprefix("_")
        function.__name__, function.__qualname__ = name, f"{cls.__name__}.{name}"
        setattr(cls, name, function)


def apply() -> None:
    """Gives `SMTP` what is for asyncio."""
    awaited(_freesmtp.SMTP, _connect_async, _disconnect_async, _send_smtp_command_async, _check_async)
    for name, function in (("__aenter__", _enter), ("__aexit__", _exit)):
        function.__name__, function.__qualname__ = name, f"SMTP.{name}"
        setattr(_freesmtp.SMTP, name, function)
