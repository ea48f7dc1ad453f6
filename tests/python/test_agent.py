"""Asking the agent from Python: asyncio, iteration and cancelling, with an agent that is a few lines."""

import asyncio
import concurrent.futures
import json
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freesmtp import SMTP, BlastStatus, Cancelled, MessageError, SpoolError, SpoolStatus

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
BLAST = {
    "name": "news",
    "state": "running",
    "done": False,
    "messages": 1,
    "recipients": 2,
    "open": 2,
    "delivered": 0,
    "deferred": 0,
    "failed": 0,
    "expired": 0,
    "cancelled": 0,
    "rate": 0.5,
    "eta_seconds": 4.0,
}

Serve = Callable[..., None]


@pytest.fixture
def smtp(tmp_path: Path) -> SMTP:
    """An object with a spool of its own."""
    smtp = SMTP()
    smtp.spool_path = tmp_path
    return smtp


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts an agent that answers one request with these, and then waits."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "agent.sock"))
    listener.listen()

    def start(*answers: dict[str, Any], more: bool = False) -> None:
        def run() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                lines.readline()
                for answer in answers:
                    text = json.dumps({"v": 1, "ok": True, "more": more, "answer": answer})
                    connection.sendall(text.encode() + b"\n")
                lines.readline()

        threading.Thread(target=run, daemon=True).start()

    yield start
    listener.close()


def test_a_status_is_data(smtp: SMTP, serve: Serve) -> None:
    recipient = {"email": "a@x.test", "state": "later", "attempts": 1, "next_attempt": "2026-01-02T03:04:05.000Z"}
    serve(
        {
            "id": ID,
            "state": "later",
            "submitted": "2026-01-02T03:00:00.000Z",
            "recipients_total": 1,
            "recipients_open": 1,
            "recipients": [recipient],
        }
    )
    status = smtp.spool_status(ID)
    assert isinstance(status, SpoolStatus)
    assert status.recipients[0].next_attempt == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert status.submitted == datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert pickle.loads(pickle.dumps(status)) == status


def test_a_blast_is_waited_for_in_asyncio(smtp: SMTP, serve: Serve) -> None:
    serve({"done": True, "status": {**BLAST, "state": "done", "done": True, "open": 0}})
    status = asyncio.run(smtp.wait_for_blast_async("news", 5))
    assert isinstance(status, BlastStatus)
    assert (status.state, status.is_done, status.eta_seconds) == ("done", True, 4.0)


def test_a_message_is_waited_for(smtp: SMTP, serve: Serve) -> None:
    answer = {"done": True, "status": {"id": ID, "state": "done", "recipients_total": 1, "recipients_open": 0}}
    serve(answer)
    status = smtp.wait_for_message(ID, 5)
    assert isinstance(status, SpoolStatus)
    assert status.is_done
    serve(answer)
    assert asyncio.run(smtp.WaitForMessageAsync(ID)) == status


def test_questions_and_orders_in_asyncio(smtp: SMTP, serve: Serve) -> None:
    for ask in (smtp.blast_status_async, smtp.pause_blast_async, smtp.ResumeBlastAsync, smtp.cancel_blast_async):
        serve(BLAST)
        assert asyncio.run(ask("news")).name == "news"
    serve({"id": ID, "state": "later", "recipients_total": 1, "recipients_open": 1})
    assert asyncio.run(smtp.spool_status_async(ID)).state == "later"
    with pytest.raises(MessageError):
        asyncio.run(smtp.spool_status_async("short"))


@pytest.mark.parametrize(("wait", "what"), [(SMTP.wait_for_blast_async, "news"), (SMTP.WaitForMessageAsync, ID)])
def test_a_cancelled_task_ends_its_wait(smtp: SMTP, serve: Serve, wait: Callable[..., Any], what: str) -> None:
    serve()

    async def main() -> None:
        before = threading.active_count()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait(smtp, what), 0.2)
        while threading.active_count() > before:  # it would hang: nothing goes on behind the task's back
            await asyncio.sleep(0.01)

    asyncio.run(main())


def test_waits_leave_the_loop_its_threads(smtp: SMTP, serve: Serve) -> None:
    async def main() -> None:
        # A loop has one thread for such work, and answers all the same while many wait.
        asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        serve()
        waiting = asyncio.create_task(smtp.wait_for_blast_async("news"))
        await asyncio.sleep(0)
        assert await asyncio.to_thread(lambda: 7) == 7
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_events_for_loops_of_both_kinds(smtp: SMTP, serve: Serve) -> None:
    events = [{"event": "listening"}, *({"event": "delivered", "recipient": f"{n}@x.test", "id": ID} for n in range(3))]
    serve(*events, more=True)
    seen = []
    with smtp.spool_events("news") as listening:
        for event in listening:
            seen.append(event.recipient)
            if len(seen) == 3:
                break
    assert seen == ["0@x.test", "1@x.test", "2@x.test"]
    serve(*events, more=True)

    async def main() -> list[str]:
        found = []
        async for event in smtp.spool_events():
            found.append(event.recipient)
            if len(found) == 3:
                break
        return found

    assert asyncio.run(main()) == seen


def test_closing_ends_a_wait(smtp: SMTP, serve: Serve) -> None:
    serve({"event": "listening"}, more=True)
    events = smtp.spool_events()
    threading.Timer(0.1, events.close).start()
    with pytest.raises(Cancelled):
        next(events)
    with pytest.raises(StopIteration):
        next(events)


def test_no_agent(smtp: SMTP) -> None:
    for ask in (smtp.blast_status, smtp.PauseBlast, smtp.wait_for_blast, smtp.spool_events):
        with pytest.raises(SpoolError, match="freesmtp agent --spool") as raised:
            ask("news")
        assert raised.value.is_temporary
