"""`send_async`: the loop goes on meanwhile, and a cancelled task leaves nothing behind."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from freesmtp import SMTP, Cancelled, EmailMessage, MessageError, Report

from harness.scripted import ScriptedServer, Silence

Serve = Callable[..., ScriptedServer]


def test_it_sends(smtp: SMTP, message: EmailMessage) -> None:
    async def main() -> None:
        report = await smtp.send_async(message)
        assert report.accepted[0].email == "recipient@domain.test"
        reports = await asyncio.gather(*(smtp.SendAsync(message) for _ in range(5)))
        assert len({report.message_id for report in reports}) == 5
        # A coroutine, so that everything that takes one does.
        assert (await asyncio.create_task(smtp.send_async(message))).reply_code == 250

    asyncio.run(main())


def test_errors_are_raised_where_it_is_awaited(smtp: SMTP, message: EmailMessage) -> None:
    message.subject = "a\r\nb"

    async def main() -> None:
        with pytest.raises(MessageError) as caught:
            await smtp.send_async(message)
        assert caught.value.field == "Subject"
        with pytest.raises(TypeError):
            await smtp.send_async("message")  # type: ignore[arg-type]

    asyncio.run(main())


PATIENCE = 30.0


async def ended(task: "asyncio.Task[Any]") -> None:
    """The task ends long before the greeting's timeout of a minute. (`wait_for` would cancel it once more.)"""
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    assert done == {task}


class Waiting:
    """A server that lets clients wait, and a loop that sees when one has come."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()

    async def start(self) -> int:
        """Listen; the port."""
        server = await asyncio.start_server(self.client, "127.0.0.1", 0)
        self.server = server
        return int(server.sockets[0].getsockname()[1])

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say nothing, until the client goes."""
        self.connected.set()
        await reader.read()
        self.closed.set()
        writer.close()


def test_cancelling_the_task_ends_the_send(message: EmailMessage) -> None:
    async def main() -> None:
        waiting = Waiting()
        smtp = SMTP(f"127.0.0.1:{await waiting.start()}")
        task = asyncio.create_task(smtp.send_async(message))
        # The server runs in this loop: the send cannot have connected if it blocked the loop.
        await waiting.connected.wait()
        task.cancel()
        await ended(task)
        assert task.cancelled()
        await asyncio.wait_for(waiting.closed.wait(), PATIENCE)
        waiting.server.close()

    asyncio.run(main())


def test_a_timeout_around_it_ends_the_send(message: EmailMessage) -> None:
    async def main() -> None:
        waiting = Waiting()
        smtp = SMTP(f"127.0.0.1:{await waiting.start()}")
        task = asyncio.create_task(asyncio.wait_for(smtp.send_async(message), 0.05))
        await ended(task)
        assert isinstance(task.exception(), asyncio.TimeoutError)
        waiting.server.close()

    asyncio.run(main())


def test_one_cancelled_send_leaves_the_others(sink: int, message: EmailMessage) -> None:
    async def main() -> None:
        waiting = Waiting()
        port = await waiting.start()
        smtp = SMTP(f"127.0.0.1:{port}")
        task = asyncio.create_task(smtp.send_async(message))
        await waiting.connected.wait()
        other = SMTP(f"127.0.0.1:{sink}")
        task.cancel()
        assert (await other.send_async(message)).reply_code == 250
        await ended(task)
        assert task.cancelled()
        waiting.server.close()

    asyncio.run(main())


def test_cancel_of_the_object_is_an_error(message: EmailMessage) -> None:
    async def main() -> None:
        waiting = Waiting()
        smtp = SMTP(f"127.0.0.1:{await waiting.start()}")
        task = asyncio.create_task(smtp.send_async(message))
        await waiting.connected.wait()
        smtp.cancel()
        await ended(task)
        assert isinstance(task.exception(), Cancelled)
        waiting.server.close()

    asyncio.run(main())


def test_a_loop_that_is_gone_does_no_harm(message: EmailMessage, serve: Serve) -> None:
    server = serve([Silence()])
    smtp = SMTP(f"127.0.0.1:{server.port}")

    async def leave() -> None:
        task = asyncio.create_task(smtp.send_async(message))
        await asyncio.sleep(0)
        del task  # `run` cancels what is left, and waits for it.

    asyncio.run(leave())
    assert not smtp.connected


def test_objects_may_be_let_go_of_while_a_send_runs(sink: int) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            gc.collect()
            yield bytes(100_000)

    def begin() -> asyncio.Task[Report]:
        message = EmailMessage("a@b.test", "c@d.test", "s", "t")
        message.attachments.add(pieces(), "pieces.bin")
        return asyncio.create_task(SMTP(f"127.0.0.1:{sink}").send_async(message))

    async def main() -> None:
        assert (await begin()).reply_code == 250

    asyncio.run(main())
