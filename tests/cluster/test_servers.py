"""What the shared queue relies on in nats-server: held against the pinned server, for a newer one may do otherwise."""

import base64
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.agent import until
from harness.nats import Nats

from .conftest import Servers
from .test_check import check_until_well


@pytest.fixture
def queue(nats3: Nats) -> Nats:
    """Three servers with the queue."""
    check_until_well("--cluster", nats3.url)
    return nats3


def restart(servers: Nats) -> None:
    """SIGKILL for all at once, and a start."""
    servers.kill_all()
    servers.start()
    check_until_well("--cluster", servers.url)


def schedule(servers: Nats, seconds: float, id_: str, *, attempt: int = 1, target: str = "") -> dict[str, Any]:
    """A message for later."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    headers = {
        "Nats-Schedule": f"@at {at.isoformat()}",
        "Nats-Schedule-Target": target or f"mailq.ready.single.example=2eorg.{id_}.0",
        "Nats-Msg-Id": f"{id_}:a{attempt}",
        "Mail-Id": id_,
    }
    return servers.request(f"mailq.later.{id_}.0", id_.encode(), headers)


def subjects(servers: Nats, below: str) -> dict[str, int]:
    """Messages of the queue by subject."""
    answer = servers.api("STREAM.INFO.MAILQ", {"subjects_filter": below})
    return dict(answer["state"].get("subjects") or {})


def headers_of(servers: Nats, subject: str) -> dict[str, str]:
    message = servers.api("STREAM.MSG.GET.MAILQ", {"last_by_subj": subject})["message"]
    lines = base64.b64decode(message["hdrs"]).decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if line)


def test_an_increment_with_an_id_counts_once(queue: Nats) -> None:
    def add(id_: str) -> dict[str, Any]:
        return queue.request("mailq.count.blast.delivered", b"", {"Nats-Incr": "+5", "Nats-Msg-Id": id_})

    assert add("a")["val"] == "5"
    assert add("a")["duplicate"] is True
    assert add("b")["val"] == "10"
    # What is known of duplicates is read from what is stored.
    restart(queue)
    assert add("a")["duplicate"] is True
    assert add("c")["val"] == "15"


def test_a_scheduled_message_becomes_ready_once(queue: Nats) -> None:
    schedule(queue, 2, "one")
    assert subjects(queue, "mailq.>") == {"mailq.later.one.0": 1}
    until(lambda: subjects(queue, "mailq.>") == {"mailq.ready.single.example=2eorg.one.0": 1}, 20, "it is not ready")
    headers = headers_of(queue, "mailq.ready.single.example=2eorg.one.0")
    assert headers["Mail-Id"] == "one"
    # It would be taken for a copy of the one that was scheduled.
    assert "Nats-Msg-Id" not in headers


def test_a_schedule_outlives_all_servers(queue: Nats) -> None:
    schedule(queue, 1, "over")
    schedule(queue, 3600, "later")
    restart(queue)
    expected = {"mailq.ready.single.example=2eorg.over.0": 1, "mailq.later.later.0": 1}
    until(lambda: subjects(queue, "mailq.>") == expected, 30, "what was due in between is not ready")


def test_a_schedule_gives_way_to_a_new_one_and_to_a_purge(queue: Nats) -> None:
    schedule(queue, 3600, "early", attempt=1)
    schedule(queue, 1, "early", attempt=2)
    schedule(queue, 2, "gone")
    assert queue.api("STREAM.PURGE.MAILQ", {"filter": "mailq.later.gone.0"})["purged"] == 1
    expected = {"mailq.ready.single.example=2eorg.early.0": 1}
    until(lambda: subjects(queue, "mailq.>") == expected, 20, "the new time does not count")
    schedule(queue, 1, "after")
    until(lambda: len(subjects(queue, "mailq.ready.>")) == 2, 20, "the next one is not ready")
    assert "mailq.ready.single.example=2eorg.gone.0" not in subjects(queue, "mailq.>")


def test_the_same_id_is_taken_once(queue: Nats) -> None:
    def put() -> dict[str, Any]:
        return queue.request("mailq.ready.single.a.x.0", b"m", {"Nats-Msg-Id": "x"})

    assert put().get("duplicate") is None
    assert put()["duplicate"] is True
    restart(queue)
    assert put()["duplicate"] is True
    assert subjects(queue, "mailq.>") == {"mailq.ready.single.a.x.0": 1}


@pytest.mark.parametrize(("sync", "expected"), [("always", 20), ("", 0)])
def test_what_is_confirmed_was_synced(nats: Servers, tmp_path: Path, sync: str, expected: int) -> None:
    """By each of three, one message at a time; and with the default by none."""
    servers = nats(3, sync=sync)
    check_until_well("--cluster", servers.url)
    traces = [tmp_path / node.name for node in servers.nodes]
    watchers = [
        subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace), "-p", str(node.pid)])
        for node, trace in zip(servers.nodes, traces, strict=True)
    ]
    try:
        for node in servers.nodes:
            until(node.is_traced, 20, "strace does not begin")
        before = [trace.read_text().count("sync(") for trace in traces]
        for number in range(20):
            servers.request(f"mailq.ready.bulk.a.{number}.0", b"m")
        # Two of three decide; the third may be late.
        counts = sorted(trace.read_text().count("sync(") - was for trace, was in zip(traces, before, strict=True))
        assert counts[1] >= expected
        assert expected or counts == [0, 0, 0]
    finally:
        for watcher in watchers:
            watcher.send_signal(signal.SIGINT)
            watcher.wait()


def test_a_loss_of_the_leader_loses_nothing_that_was_taken(queue: Nats) -> None:
    taken = 0
    for number in range(60):
        if number == 30:
            queue.kill(queue.leader("MAILQ"))
        try:
            answer = queue.request(f"mailq.ready.bulk.a.{number}.0", b"m", {"Nats-Msg-Id": str(number)})
        except (AssertionError, TimeoutError, OSError):
            continue
        taken += "seq" in answer
    assert taken >= 30
    queue.start()
    check_until_well("--cluster", queue.url)
    assert sum(subjects(queue, "mailq.ready.>").values()) >= taken
