"""Blasts: their progress, and how they are paused, resumed, cancelled and waited for."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, submit, until
from harness.control import Control, command, command_json
from harness.sink import program

Start = Callable[..., Agent]

SLOW = '[retry]\nschedule = ["1h"]\n'


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Recorder]:
    """A server that takes its time."""
    server = Recorder(tmp_path, delay=0.05)
    yield server
    server.close()


def config(server: Recorder, more: str = "") -> str:
    return f'{more}{SLOW}[[route]]\nservers = ["{server.server}"]\n'


def test_progress_to_the_end(spool: Path, start: Start, recorder: Recorder) -> None:
    start(config=config(recorder))
    submit(spool, 50, "a{n}@x.test", "wait{n}@x.test", "never{n}@x.test", blast="news", sender="")
    submit(spool, 5, tag="other", blast="other")
    asking = Control(spool)
    until(lambda: asking.ask("blast", blast="news")["open"] == 50, 20, "not all were tried")
    blast = asking.ask("blast", blast="news")
    counts = {name: blast[name] for name in ("messages", "recipients", "delivered", "deferred", "failed", "expired")}
    assert counts == {
        "messages": 50,
        "recipients": 150,
        "delivered": 50,
        "deferred": 50,
        "failed": 50,
        "expired": 0,
    }
    assert (blast["state"], blast["done"]) == ("running", False)
    waiting = Control(spool)
    waiting.send("wait", blast="news")
    assert asking.ask("retry", blast="news")["count"] == 50
    answer = waiting.next()["answer"]
    assert answer["done"]
    assert answer["status"]["state"] == "done"
    assert (answer["status"]["delivered"], answer["status"]["deferred"], answer["status"]["open"]) == (100, 0, 0)
    names = [blast["name"] for blast in asking.ask("blasts")["blasts"]]
    assert sorted(names) == ["news", "other"]
    text = command(spool, "blast", "status", "news")
    assert text == "news: done, 150 of 150 recipients have a result\ndelivered 100, failed 50\n"


def test_a_paused_blast_waits_and_others_go_on(spool: Path, start: Start, slow: Recorder) -> None:
    start("--sessions", "2", config=config(slow))
    asking = Control(spool)
    submit(spool, 200, blast="news")
    until(lambda: len(slow.kept()) >= 5, 20, "it does not begin")
    paused = asking.ask("pause_blast", blast="news")
    assert paused["state"] == "paused"
    assert paused["eta_seconds"] is None
    before = len(slow.kept())
    submit(spool, 30, "b{n}@x.test", tag="single")
    until(lambda: sum("single" in facts["message_id"] for facts in slow.kept()) == 30, 30, "others wait for it")
    sent = sum("<m." in facts["message_id"] for facts in slow.kept())
    assert sent <= before + 2, "what was under way is ended, and nothing is begun"
    waits = asking.ask("list", blast="news", limit=1)["messages"]
    assert waits[0]["state"] == "paused"
    assert asking.ask("wait", blast="news", timeout=0.2)["done"] is False
    assert asking.ask("resume_blast", blast="news")["state"] == "running"
    assert asking.ask("wait", blast="news", timeout=60)["done"] is True
    assert sum("<m." in facts["message_id"] for facts in slow.kept()) == 200


def test_a_pause_survives_the_agent(spool: Path, start: Start, recorder: Recorder) -> None:
    agent = start(config=config(recorder, "sessions = 1\n"))
    submit(spool, 1, "wait@x.test", blast="news")
    until(lambda: agent.queued() == 1, 20, "it was not taken in")
    Control(spool).ask("pause_blast", blast="news")
    agent.kill()
    start(config=config(recorder))
    submit(spool, 20, blast="news", tag="after")
    submit(spool, 3, tag="single")
    until(lambda: len(recorder.kept()) >= 3, 20, "others wait for it")
    assert Control(spool).ask("blast", blast="news")["open"] == 21
    assert all("single" in facts["message_id"] for facts in recorder.kept())
    command(spool, "blast", "resume", "news")
    until(lambda: len(recorder.kept()) >= 23, 20, "it does not go on")


def test_a_cancelled_blast_ends(spool: Path, start: Start, slow: Recorder) -> None:
    agent = start("--sessions", "2", config=config(slow))
    asking = Control(spool)
    submit(spool, 1_200, blast="news")
    until(lambda: len(slow.kept()) >= 3, 20, "it does not begin")
    answer = command_json(spool, "blast", "cancel", "news")
    assert answer["state"] == "cancelled"
    until(lambda: asking.ask("blast", blast="news")["done"], 20, "some are left")
    blast = asking.ask("blast", blast="news")
    assert blast["delivered"] + blast["cancelled"] == 1_200
    # What was sent while it was cancelled counts as cancelled.
    assert blast["delivered"] <= len(slow.kept()) <= blast["delivered"] + 2
    assert asking.refused("resume_blast", blast="news")["code"] == "blast-cancelled"
    assert "another name" in command(spool, "blast", "resume", "news", code=1)
    until(agent.is_empty, 20, "the spool is not empty")


def test_watching(spool: Path, start: Start, slow: Recorder) -> None:
    start("--sessions", "4", config=config(slow))
    submit(spool, 100, blast="news")
    watched = list(Control(spool).stream("watch", blast="news", interval=0.1))
    assert len(watched) > 2
    left = [blast["open"] for blast in watched]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    middle = next(blast for blast in watched if blast["delivered"] and blast["open"])
    assert middle["rate"] > 0
    assert middle["eta_seconds"] > 0
    # As the command does it: lines, of text or of JSON, until the end.
    submit(spool, 60, blast="more", tag="more")
    arguments = [program(), "blast", "status", "more", "--watch", "--interval", "0.1", "--spool", str(spool)]
    lines = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert lines[-1] == "60 of 60: delivered 60"
    lines = subprocess.run(
        [*arguments, "--json"], capture_output=True, text=True, timeout=60, check=True
    ).stdout.splitlines()
    assert json.loads(lines[-1])["done"] is True


def test_waiting_by_command(spool: Path, start: Start, recorder: Recorder) -> None:
    start(config=config(recorder))
    submit(spool, 1, "wait@x.test", blast="late")
    assert command_json(spool, "blast", "wait", "late", "--timeout", "0.2", code=75)["done"] is False
    submit(spool, 10, blast="news", tag="news")
    assert command_json(spool, "blast", "wait", "news", "--timeout", "20")["done"] is True
    table = command(spool, "blast", "list").splitlines()
    assert table[0].split()[:3] == ["NAME", "STATE", "AGE"]
    assert [line.split()[:2] for line in table[1:]] == [["news", "done"], ["late", "running"]]
    assert "unknown" not in command(spool, "blast", "status", "never", code=1)
    assert command_json(spool, "blast", "status", "never", code=1)["error"]["code"] == "unknown-blast"
