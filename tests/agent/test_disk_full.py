"""A disk that fills up while the agent delivers: it waits, and goes on when there is room; nothing is lost."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, Submitter, submit, until
from harness.control import Control
from harness.sink import program


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Takes all room there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return path


def test_a_full_disk_loses_nothing(small_disk: Path, recorder: Recorder) -> None:
    spool = small_disk / "spool"
    ids = submit(spool, 4000, "a{n}@one.test", octets=1000)
    # What stands in its place keeps the agent from keeping room for itself.
    (spool / "queue" / "reserve").mkdir()
    agent = Agent(spool, "--server", recorder.server, "--sessions", "32")
    try:
        until(lambda: len(recorder.kept()) > 200, 20, "it does not deliver")
        filler = fill(small_disk)
        time.sleep(3)
        assert agent.process.poll() is None, agent.log()
        # Whether or not it finds room to go on: a session takes nothing new while its last result is not written.
        sent = {facts["message_id"] for facts in recorder.kept()}
        waiting = {name for (name,) in agent.ask("SELECT message_id FROM messages")}
        assert len(sent & waiting) <= 32
        filler.unlink()
        until(lambda: len(recorder.kept()) >= 4000, 60, f"it does not go on: {agent.log()[-2000:]}")
        until(agent.is_empty, 30, "the spool is not empty")
        assert Counter(facts["message_id"] for facts in recorder.kept()) == Counter([*ids])
        assert agent.stop() == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()


def test_a_start_on_a_full_disk_is_one_to_try_again(small_disk: Path, recorder: Recorder) -> None:
    spool = small_disk / "spool"
    ids = submit(spool, 20, "a{n}@one.test")
    agent = Agent(spool, "--server", "127.0.0.1:9")
    agent.kill()
    # Without the room that is kept for that.
    (spool / "queue" / "reserve").unlink()
    filler = fill(small_disk)
    # Its log is on another disk, as that of a service is.
    log = recorder.path.with_suffix(".log")
    with log.open("wb") as out:
        arguments = [program(), "agent", "--spool", str(spool), "--server", recorder.server]
        agent.process = subprocess.Popen(arguments, stderr=out)
    assert agent.process.wait(60) == 75, log.read_text()
    assert "disk is full" in log.read_text() or "No space left" in log.read_text()
    filler.unlink()
    agent = Agent(spool, "--server", recorder.server)
    asking = Control(spool)
    try:
        # The first agent may have tried them, or not: they need not wait for their next time.
        until(
            lambda: bool(asking.ask("retry", all=True)) and len(recorder.kept()) == len(ids), 20, "they do not arrive"
        )
    finally:
        asking.close()
        agent.kill()


def test_a_spool_that_its_own_mail_has_filled_is_emptied(small_disk: Path, recorder: Recorder) -> None:
    spool = small_disk / "spool"
    agent = Agent(spool, "--server", "127.0.0.1:9")
    until((spool / "queue" / "reserve").exists, 20, "no room is kept")
    agent.kill()
    submitter = Submitter(spool, 100, "a{n}@one.test", octets=1_500_000)
    assert submitter.process.wait(60) == 1, "the disk is full"
    small = Submitter(spool, 10_000, "a{n}@one.test", tag="small", octets=1_000)
    assert small.process.wait(60) == 1, "the disk is full for short ones too"
    fill(small_disk)
    promised = submitter.ids() | small.ids()
    assert promised
    agent = Agent(spool, "--server", recorder.server)
    try:
        until(lambda: len(recorder.kept()) >= len(promised), 120, f"they do not arrive: {agent.log()[-2000:]}")
        assert {facts["message_id"] for facts in recorder.kept()} >= set(promised)
        assert "room that was kept is used" in agent.log()
        # Nobody makes room but the agent itself.
        until(agent.is_empty, 60, f"the spool is not empty: {agent.log()[-2000:]}")
        # Segments go first.
        until(lambda: not list((spool / "bodies").iterdir()), 20, "bodies are left")
        assert agent.stop() == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()


def test_what_has_filled_the_disk_may_take_more_room_in_the_queue_than_is_kept(
    small_disk: Path, recorder: Recorder
) -> None:
    spool = small_disk / "spool"
    agent = Agent(spool, "--server", "127.0.0.1:9")
    until((spool / "queue" / "reserve").exists, 20, "no room is kept")
    agent.kill()
    # Each takes as much in the queue's database as in its segment: far more than 4 MiB.
    address = f"{'a' * 60}{{n}}@{'b' * 60}.{'c' * 60}.test"
    submitter = Submitter(spool, 100_000, address, octets=300, group=50)
    assert submitter.process.wait(60) == 1, "the disk is full"
    fill(small_disk)
    promised = submitter.ids()
    agent = Agent(spool, "--server", recorder.server)
    try:
        until(agent.is_empty, 300, f"the spool is not empty: {agent.log()[-2000:]}")
        assert {facts["message_id"] for facts in recorder.kept()} >= set(promised)
        assert agent.stop() == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()


def free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def test_submitters_leave_room_for_an_agent_that_never_ran(small_disk: Path, recorder: Recorder) -> None:
    spool = small_disk / "spool"
    submitters = [
        Submitter(spool, 100, "a{n}@one.test", tag="large", octets=1_500_000),
        Submitter(spool, 100_000, "a{n}@one.test", tag="small", octets=1_000),
        Submitter(spool, 100_000, "a{n}@one.test", tag="group", octets=1_000, group=20),
    ]
    for one in submitters:
        assert one.process.wait(60) == 1, "the disk is full"
    # Less only by what they take in the same moment.
    assert free(small_disk) > 4 << 20
    promised = {name: id_ for one in submitters for name, id_ in one.ids().items()}
    agent = Agent(spool, "--server", recorder.server)
    try:
        until(agent.is_empty, 120, f"the spool is not empty: {agent.log()[-2000:]}")
        assert {facts["message_id"] for facts in recorder.kept()} >= set(promised)
        assert agent.stop() == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()


def test_reports_to_senders_need_not_leave_room(small_disk: Path, recorder: Recorder) -> None:
    spool = small_disk / "spool"
    submit(spool, 200, "never{n}@one.test", octets=1_000)
    (spool / "pickup" / "one.eml").write_bytes(b"From: a@one.test\r\nTo: b@one.test\r\n\r\nHello\r\n")
    # What stands in its place keeps the agent from keeping room for itself.
    (spool / "queue" / "reserve").mkdir()
    filler = fill(small_disk)
    os.truncate(filler, filler.stat().st_size - (6 << 20))
    refused = Submitter(spool, 1, "a@one.test", tag="refused")
    assert refused.process.wait(60) == 1, "there is no room for submitters"
    agent = Agent(spool, "--server", recorder.server)
    try:
        told = Counter([*["sender@example.test"] * 200, "b@one.test"])
        until(lambda: Counter(facts["recipients"][0] for facts in recorder.kept()) == told, 60, "somebody is not told")
        # It writes to a segment of its own.
        until(lambda: agent.is_empty(own=1), 60, f"the spool is not empty: {agent.log()[-2000:]}")
        assert agent.stop() == 0
    finally:
        if agent.process.poll() is None:
            agent.kill()
