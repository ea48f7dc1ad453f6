"""The two ways to call the operations of `SMTP`: a job is carried out with one of them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from freesmtp import SMTP, BulkResult, CheckReport, EmailMessage, Reply, Report, SMTPError, _freesmtp

_T = TypeVar("_T")


class Ended(Exception):
    """The language's own way to end a call has ended it, and leaves no error of the library's."""


def hears(path: str) -> bytes:
    """Waits until somebody says something in that FIFO."""
    fifo = os.open(path, os.O_RDONLY)
    try:
        return os.read(fifo, 1)
    finally:
        os.close(fifo)


def beside(path: str, act: Callable[[], object]) -> threading.Thread:
    """A thread that acts once somebody says something in that FIFO."""

    def run() -> None:
        hears(path)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Blocking:
    """Those that wait."""

    def __init__(self) -> None:
        self.fifo = ""
        """When the next call is cancelled in the language's own way, which is Ctrl-C."""

    def send(self, smtp: SMTP, message: EmailMessage) -> Report:
        """Sends."""
        return self._interrupted(lambda: smtp.send(message))

    def disconnect(self, smtp: SMTP) -> None:
        """Disconnects."""
        self._interrupted(smtp.disconnect)

    def connect(self, smtp: SMTP) -> None:
        """Connects."""
        self._interrupted(smtp.connect)

    def command(self, smtp: SMTP, line: str) -> Reply:
        """Sends a command."""
        return self._interrupted(lambda: smtp.send_smtp_command(line))

    def send_bulk(self, smtp: SMTP, messages: list[EmailMessage]) -> list[BulkResult]:
        """The results in the order in which they complete."""
        return list(smtp.send_bulk(messages))

    def send_bulk_merge(self, smtp: SMTP, message: EmailMessage, rows: list[dict[str, str]]) -> list[BulkResult]:
        """The same of a message for each row."""
        return list(smtp.send_bulk_merge(message, rows))

    def check(self, smtp: SMTP, **options: Any) -> CheckReport:
        """Checks."""
        return smtp.check(**options)

    def ask(self, smtp: SMTP, question: str, *given: Any) -> Any:
        """What the agent tells."""
        return getattr(smtp, question)(*given)

    def spool_events(self, smtp: SMTP, blast: str, count: int) -> list[Any]:
        """So many events."""

        def told() -> list[Any]:
            with smtp.spool_events(blast) as events:
                return [event for _, event in zip(range(count), events)]

        return self._interrupted(told)

    def settle(self) -> None:
        """Nothing is left over."""

    def _interrupted(self, call: Callable[[], _T]) -> _T:
        fifo, self.fifo = self.fifo, ""
        if not fifo:
            return call()
        main = threading.main_thread().ident or 0

        def ctrl_c() -> None:
            # Between two steps of this driver a Ctrl-C would end it before the call, which is to be interrupted.
            time.sleep(0.05)
            signal.pthread_kill(main, signal.SIGINT)

        hearing = None
        try:
            hearing = beside(fifo, ctrl_c)
            return call()
        except KeyboardInterrupt:
            raise Ended from None
        finally:
            if hearing:
                hearing.join()


class Awaited:
    """Those for asyncio, awaited in this loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.fifo = ""
        """When the next call is cancelled in the language's own way, which is to cancel its task."""

    def send(self, smtp: SMTP, message: EmailMessage) -> Report:
        """Sends."""
        return self._cancelled(smtp.send_async(message))

    def disconnect(self, smtp: SMTP) -> None:
        """Disconnects."""
        self._cancelled(smtp.disconnect_async())

    def connect(self, smtp: SMTP) -> None:
        """Connects."""
        self._cancelled(smtp.connect_async())

    def command(self, smtp: SMTP, line: str) -> Reply:
        """Sends a command."""
        return self._cancelled(smtp.send_smtp_command_async(line))

    def send_bulk(self, smtp: SMTP, messages: list[EmailMessage]) -> list[BulkResult]:
        """The results in the order in which they complete."""

        async def results() -> list[BulkResult]:
            return [result async for result in smtp.send_bulk_async(messages)]

        return self.loop.run_until_complete(results())

    def send_bulk_merge(self, smtp: SMTP, message: EmailMessage, rows: list[dict[str, str]]) -> list[BulkResult]:
        """The same of a message for each row."""

        async def results() -> list[BulkResult]:
            return [result async for result in smtp.send_bulk_merge_async(message, rows)]

        return self.loop.run_until_complete(results())

    def check(self, smtp: SMTP, **options: Any) -> CheckReport:
        """Checks."""
        return self.loop.run_until_complete(smtp.check_async(**options))

    def ask(self, smtp: SMTP, question: str, *given: Any) -> Any:
        """What the agent tells."""
        return self.loop.run_until_complete(getattr(smtp, f"{question}_async")(*given))

    def spool_events(self, smtp: SMTP, blast: str, count: int) -> list[Any]:
        """So many events."""

        async def events() -> list[Any]:
            told: list[Any] = []
            with await smtp.spool_events_async(blast) as events:
                async for event in events:
                    told.append(event)
                    if len(told) == count:
                        break
            return told

        return self._cancelled(events())

    def settle(self) -> None:
        """Threads that have told the loop of a result hold it until they have the GIL once more."""
        deadline = time.monotonic() + 5
        while _freesmtp._inside() and time.monotonic() < deadline:
            self.loop.run_until_complete(asyncio.sleep(0.001))

    def _cancelled(self, call: Awaitable[_T]) -> _T:
        fifo, self.fifo = self.fifo, ""
        tasks = [asyncio.ensure_future(call, loop=self.loop)]
        canceller = beside(fifo, lambda: self.loop.call_soon_threadsafe(tasks[0].cancel)) if fifo else None
        try:
            return self.loop.run_until_complete(tasks[0])
        except asyncio.CancelledError:
            raise Ended from None
        except SMTPError as error:
            # Its frames hold the task, which holds it: objects are to go without the collector's help.
            raise error.with_traceback(None) from None
        finally:
            if canceller:
                canceller.join()
            tasks.clear()
