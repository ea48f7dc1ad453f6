"""`SendBulk`: the loop that fetches messages where the program's iterable runs, and gives results as they come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from ._freesmtp import SMTP, _Bulk
    from ._report import BulkResult


def send_bulk(smtp: SMTP, messages: Iterable[Any]) -> Generator[BulkResult, None, None]:
    """The generator of `SMTP.send_bulk`; what is no iterable raises here, not in the loop."""
    return _results(smtp._open_bulk(), iter(messages))


def _results(bulk: _Bulk, source: Iterator[Any]) -> Generator[BulkResult, None, None]:
    try:
        while True:
            # The next message may be long in coming: results that are ready come first.
            yield from bulk.ready()
            if bulk.wants_message():
                try:
                    message = next(source)
                except StopIteration:
                    bulk.close()
                else:
                    bulk.push(message)
                continue
            results = bulk.next()
            if results is None:
                return
            yield from results
    finally:
        _leave(bulk)


def _leave(bulk: _Bulk) -> None:
    """Nothing of a bulk that was left goes on behind the program's back."""
    bulk.cancel()
    while bulk.next() is not None:
        pass


_Results = Optional["tuple[BulkResult, ...]"]


def send_bulk_async(smtp: SMTP, messages: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[BulkResult, None]:
    """The asynchronous generator of `SMTP.send_bulk_async`."""
    source = messages.__aiter__() if isinstance(messages, AsyncIterable) else _steps(iter(messages))
    return _results_async(smtp._open_bulk(), source)


async def _steps(source: Iterator[Any]) -> AsyncIterator[Any]:
    """An iterable as an asynchronous one; a long one leaves the loop its turns."""
    for item in source:
        yield item
        await asyncio.sleep(0)


async def _fetch(source: AsyncIterator[Any]) -> Any:
    """The next message, in a task of its own."""
    return await source.__anext__()


def _wait(bulk: _Bulk, loop: asyncio.AbstractEventLoop) -> asyncio.Future[_Results]:
    """The next results."""
    finished: asyncio.Future[_Results] = loop.create_future()

    def settle(results: _Results, error: BaseException | None) -> None:
        if finished.cancelled():
            return
        if error is None:
            finished.set_result(results)
        else:
            finished.set_exception(error)

    def done(results: _Results, error: BaseException | None) -> None:
        # A loop that was closed before: nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, results, error)

    bulk.wait(done)
    return finished


async def _results_async(bulk: _Bulk, source: AsyncIterator[Any]) -> AsyncGenerator[BulkResult, None]:
    loop = asyncio.get_running_loop()
    fetching: asyncio.Task[Any] | None = None
    waiting: asyncio.Future[_Results] | None = None
    try:
        while True:
            if fetching is None and bulk.wants_message():
                fetching = asyncio.ensure_future(_fetch(source))
            if waiting is None:
                waiting = _wait(bulk, loop)
            awaited: set[asyncio.Future[Any]] = {waiting} if fetching is None else {waiting, fetching}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if fetching is not None and fetching.done():
                fetched, fetching = fetching, None
                try:
                    message = fetched.result()
                except StopAsyncIteration:
                    bulk.close()
                else:
                    bulk.push(message)
            if waiting.done():
                results, waiting = waiting.result(), None
                if results is None:
                    return
                for result in results:
                    yield result
    finally:
        await _leave_async(bulk, loop, fetching, waiting)


async def _leave_async(
    bulk: _Bulk,
    loop: asyncio.AbstractEventLoop,
    fetching: asyncio.Task[Any] | None,
    waiting: asyncio.Future[_Results] | None,
) -> None:
    bulk.cancel()
    if fetching is not None:
        fetching.cancel()
        await asyncio.wait([fetching])
        if not fetching.cancelled():
            fetching.exception()
    # The core answers a cancel at once. `waiting` is `None` where its end was seen, or a batch of results was given.
    ended = False
    while not ended:
        waiting = waiting or _wait(bulk, loop)
        await asyncio.wait([waiting])
        ended = waiting.exception() is not None or waiting.result() is None
        waiting = None
