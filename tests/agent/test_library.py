"""What the agent knows, asked from every language."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, submit, until
from harness.cancelling import Fifo, beside
from harness.control import Control
from harness.driver import Answer, Job

Start = Callable[..., Agent]
Send = Callable[[Job], Answer]

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def ask(spool: Path, what: str, value: object) -> Job:
    return Job().put("smtp.spoolpath", spool).put(what, value)


def test_status_and_blasts(language: str, send: Send, spool: Path, start: Start, recorder: Recorder) -> None:
    start(config=f'[retry]\nschedule = ["1h"]\n[[route]]\nservers = ["{recorder.server}"]\n')
    ids = submit(spool, 3, "good{n}@x.test", "wait{n}@x.test", "never{n}@x.test", blast="news", sender="", group=1)
    id_ = ids["<m.0@example.test>"]
    asking = Control(spool)
    until(lambda: asking.ask("blast", blast="news")["open"] == 3, 20, "not all were tried")
    status = send(ask(spool, "spoolstatus", id_))
    assert status["told"][:5] == [id_, "later", "false", "3", "1"]
    assert sorted(status["told"][5:]) == [
        "good0@x.test delivered 250",
        "never0@x.test failed 550",
        "wait0@x.test later 451",
    ]
    paused = send(ask(spool, "pauseblast", "news"))
    assert paused["told"] == ["news", "paused", "false", "3", "9", "3", "3", "3", "0"]
    assert send(ask(spool, "blaststatus", "news"))["told"] == paused["told"]
    assert send(ask(spool, "resumeblast", "news"))["told"][1] == "running"
    asking.ask("retry", ids=[id_])
    done = send(ask(spool, "waitformessage", id_))["told"]
    assert done[:5] == [id_, "done", "true", "3", "0"]
    assert send(ask(spool, "spoolstatus", id_))["told"] == done
    assert "wait0@x.test delivered 250" in done
    cancelled = send(ask(spool, "cancelblast", "news"))["told"]
    assert cancelled == ["news", "cancelled", "true", "3", "9", "0", "4", "3", "2"]
    assert send(ask(spool, "waitforblast", "news"))["told"] == cancelled


def test_events(language: str, send: Send, spool: Path, start: Start, recorder: Recorder) -> None:
    start("--server", recorder.server)
    heard = threading.Event()

    def submit_until_heard() -> None:
        for n in range(200):
            submit(spool, 1, f"a{n}@x.test", blast="other", tag=f"other{n}")
            submit(spool, 1, f"b{n}@x.test", blast="news", tag=f"news{n}")
            if heard.wait(0.1):
                return

    # Nobody outside a driver knows when it listens.
    submitting = threading.Thread(target=submit_until_heard)
    submitting.start()
    try:
        told = send(ask(spool, "spoolevents", 2))["told"]
    finally:
        heard.set()
        submitting.join()
    assert len(told) == 2
    for event in told:
        kind, recipient, blast, code = event.split()
        assert (kind, recipient[0], blast, code) == ("delivered", "b", "news", "250")


@contextmanager
def silent_agent(spool: Path) -> Iterator[socket.socket]:
    """The socket of an agent of which nothing else works; it takes one connection at a time."""
    spool.mkdir()
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(spool / "agent.sock"))
        agent.listen(0)
        yield agent


def is_cancelled(answer: Answer) -> bool:
    return answer == {"ended": True} or answer["error"]["kind"] == "cancelled"


def test_unanswered(language: str, send: Send, spool: Path, tmp_path: Path) -> None:
    """Listening is cancelled while the agent has not said that it tells."""
    cancel = Fifo(tmp_path / "cancel")
    with silent_agent(spool) as agent:

        def run() -> None:
            client, _ = agent.accept()
            with client:
                assert b'"events"' in client.recv(1000)
                cancel.tell()
                assert client.recv(1000) == b""

        with beside(run):
            job = Job().put("smtp.spoolpath", spool).put("cancel.own", cancel.path)
            assert is_cancelled(send(job.put("spoolevents", 1)))


def test_unconnected(language: str, send: Send, spool: Path, tmp_path: Path) -> None:
    """Listening is cancelled while the agent has not even taken the connection."""
    cancel = Fifo(tmp_path / "cancel")
    with silent_agent(spool), socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.connect(str(spool / "agent.sock"))
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.connect(str(spool / "agent.sock"))
        with beside(cancel.tell):
            job = Job().put("smtp.spoolpath", spool).put("cancel.own", cancel.path)
            assert is_cancelled(send(job.put("spoolevents", 1)))


def test_what_cannot_be_told(language: str, send: Send, spool: Path, start: Start, recorder: Recorder) -> None:
    error = send(ask(spool, "blaststatus", "news"))["error"]
    assert (error["kind"], error["number"], error["field"]) == ("spool", 600, "SpoolPath")
    assert error["is_temporary"]
    assert "freesmtp agent --spool" in error["message"]
    start("--server", recorder.server)
    for what, value, field in (
        ("spoolstatus", UNKNOWN, "Id"),
        ("waitformessage", UNKNOWN, "Id"),
        ("waitforblast", "never", "Blast"),
    ):
        error = send(ask(spool, what, value))["error"]
        assert (error["kind"], error["field"], error["is_temporary"]) == ("spool", field, False)
    error = send(ask(spool, "spoolstatus", "short"))["error"]
    assert (error["kind"], error["field"]) == ("message", "Id")
