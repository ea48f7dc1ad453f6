"""`send_bulk`: messages are fetched as they are needed, results come at once, and leaving the loop ends it."""

import asyncio
import contextlib
import email.message
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from freesmtp import SMTP, BulkResult, Cancelled, EmailMessage, MessageError

from harness.scripted import ScriptedServer, Silence

Serve = Callable[..., ScriptedServer]
PATIENCE = 30.0


def make(number: int) -> EmailMessage:
    """A message that any server takes."""
    return EmailMessage(f"r{number}@domain.test", "sender@domain.test", f"Number {number}", "Hello")


def test_a_result_for_each(smtp: SMTP) -> None:
    smtp.max_connections = 3
    smtp.MaxMessagesPerConnection = 7
    results = sorted(smtp.SendBulk(make(number) for number in range(50)), key=lambda sent: sent.index)
    assert [sent.index for sent in results] == list(range(50))
    assert all(sent.error is None for sent in results)
    reports = [sent.report for sent in results if sent.report is not None]
    assert [report.recipients[0].email for report in reports] == [f"r{number}@domain.test" for number in range(50)]
    assert list(smtp.send_bulk([])) == []


def test_it_takes_what_send_takes_and_tells_what_send_raises(smtp: SMTP) -> None:
    standard = email.message.EmailMessage()
    standard["From"], standard["To"] = "a@b.test", "c@d.test"
    standard.set_content("Hello")
    bad = make(2)
    bad.subject = "a\r\nb"
    items: list[Any] = [standard, standard.as_bytes(), bad, "no message", None, make(5)]
    results = {sent.index: sent for sent in smtp.send_bulk(items)}
    assert {index for index, sent in results.items() if sent.report} == {0, 1, 5}
    assert isinstance(results[2].error, MessageError)
    assert results[2].error.field == "Subject"
    for index in (3, 4):
        with pytest.raises(TypeError, match="EmailMessage") as caught:
            smtp.send(items[index])
        assert type(results[index].error) is TypeError
        assert str(results[index].error) == str(caught.value)


def test_a_slow_source_does_not_keep_results_back(smtp: SMTP) -> None:
    async def main() -> None:
        answered = asyncio.Event()

        async def questions() -> AsyncIterator[EmailMessage]:
            for number in range(4):
                answered.clear()
                yield make(number)
                await asyncio.wait_for(answered.wait(), PATIENCE)

        indices = []
        async for sent in smtp.send_bulk_async(questions()):
            indices.append(sent.index)
            answered.set()
        assert indices == [0, 1, 2, 3]

    asyncio.run(main())


def test_messages_are_fetched_on_the_calling_thread_as_they_are_needed(smtp: SMTP) -> None:
    made = 0

    def endless() -> Iterator[EmailMessage]:
        nonlocal made
        while True:
            assert threading.current_thread() is threading.main_thread()
            made += 1
            yield make(made)

    for taken, sent in enumerate(smtp.send_bulk(endless())):
        assert sent.error is None
        assert made < taken + 400
        if taken == 600:
            break


class Broken(Exception):
    """What the source of a test raises."""


def broken() -> Iterator[EmailMessage]:
    """A source that breaks."""
    yield make(0)
    raise Broken


def test_what_the_iterable_raises_goes_on(smtp: SMTP) -> None:
    with pytest.raises(Broken):
        list(smtp.send_bulk(broken()))
    with pytest.raises(TypeError):
        smtp.send_bulk(7)  # type: ignore[arg-type]

    async def main() -> None:
        with pytest.raises(Broken):
            async for _ in smtp.SendBulkAsync(broken()):
                pass

    asyncio.run(main())
    assert smtp.send(make(1)).reply_code == 250


def test_closing_the_generator_ends_it(serve: Serve) -> None:
    server = serve([Silence()])
    smtp = SMTP(f"127.0.0.1:{server.port}")

    async def main() -> None:
        bulk = smtp.send_bulk_async(make(number) for number in range(10))
        task = asyncio.ensure_future(bulk.__anext__())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
        assert task.cancelled()

    asyncio.run(main())


def test_cancelling_the_object_is_an_error_of_each_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        smtp = SMTP(f"127.0.0.1:{listener.getsockname()[1]}")

        def cancel() -> None:
            client, _ = listener.accept()
            with client:
                smtp.cancel()
                with contextlib.suppress(OSError):
                    client.recv(1)

        canceller = threading.Thread(target=cancel)
        canceller.start()
        results = list(smtp.send_bulk([make(0)]))
        canceller.join()
    assert [type(sent.error) for sent in results] == [Cancelled]


def test_the_loop_goes_on_and_a_plain_iterable_is_taken(smtp: SMTP) -> None:
    async def main() -> None:
        smtp.max_connections = 2
        bulks = [smtp.send_bulk_async(make(number) for number in range(20)) for _ in range(2)]
        counts = await asyncio.gather(*(count(bulk) for bulk in bulks))
        assert counts == [20, 20]

    async def count(bulk: AsyncIterator[BulkResult]) -> int:
        return len([sent async for sent in bulk if sent.error is None])

    asyncio.run(main())


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored in the background
from freesmtp import SMTP, EmailMessage
smtp = SMTP("127.0.0.1:" + sys.argv[1])
try:
    for sent in smtp.send_bulk([EmailMessage("a@b.test", "c@d.test", "s", "t")]):
        print(sent)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_the_loop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = [sys.executable, "-c", INTERRUPTED, str(listener.getsockname()[1])]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            client, _ = listener.accept()
            with client:
                process.send_signal(signal.SIGINT)
                assert client.recv(1) == b"", "the connection must be closed"
                out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("interrupted\n", 0)


def test_limits() -> None:
    smtp = SMTP()
    assert (smtp.max_connections, smtp.max_messages_per_connection, smtp.rate_limit) == (1, 0, None)
    smtp.RateLimit = 2.5
    assert smtp.rate_limit == 2.5
    smtp.rate_limit = None
    assert smtp.rate_limit is None
    for name, value in {"MaxConnections": 0, "RateLimit": 0, "MaxMessagesPerConnection": -1}.items():
        with pytest.raises(MessageError) as caught:
            setattr(smtp, name, value)
        assert caught.value.field == name
    with pytest.raises(TypeError, match="MaxConnections"):
        smtp.max_connections = 1.5  # type: ignore[assignment]
    smtp.timeouts.operation = 9
    assert smtp.timeouts.Operation == 9
    smtp.timeouts.operation = None
    assert smtp.timeouts.operation is None
