"""What submitters that were killed leave behind goes, and nothing that anybody may still name."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, Submitter, submit, until
from harness.control import Control

Start = Callable[..., Agent]

LONG = 2 << 20
HOURS = 7_200


def bodies(spool: Path) -> list[Path]:
    return sorted((spool / "bodies").iterdir())


def age(*paths: Path) -> None:
    """They were last written to hours ago."""
    for path in paths:
        os.utime(path, (time.time() - HOURS,) * 2)


def is_swept(agent: Agent, spool: Path) -> None:
    """The agent has looked for leftovers: a marker that it must remove is gone."""
    marker = spool / "bodies" / "marker.eml"
    until(lambda: not marker.exists(), 20, f"it does not sweep: {agent.log()}")


def marked(spool: Path) -> None:
    marker = spool / "bodies" / "marker.eml"
    marker.write_bytes(b"")
    age(marker)


def test_a_body_without_its_record_goes(spool: Path, start: Start, recorder: Recorder) -> None:
    killed = Submitter(spool, 2, "a@one.test", tag="killed", octets=LONG, group=2, hold=True)
    killed.wait_until_held()
    assert len(bodies(spool)) == 2
    killed.kill()
    age(*bodies(spool))
    start("--server", recorder.server)
    until(lambda: not bodies(spool), 20, "they stay")
    assert not recorder.kept()
    assert not list((spool / "badmail").iterdir()), "nobody was told that they are safe"


def test_a_body_that_a_living_writer_has_stays(spool: Path, start: Start, recorder: Recorder) -> None:
    living = Submitter(spool, 2, "a@one.test", tag="living", octets=LONG, group=2, hold=True)
    living.wait_until_held()
    age(*bodies(spool))
    marked(spool)
    agent = start("--server", recorder.server)
    is_swept(agent, spool)
    assert len(bodies(spool)) == 2
    living.let_go()
    until(lambda: len(recorder.kept()) == 2, 20, "they do not arrive")
    until(lambda: not bodies(spool), 20, "they stay after their delivery")


def test_a_young_body_stays(spool: Path, start: Start, recorder: Recorder) -> None:
    killed = Submitter(spool, 2, "a@one.test", tag="killed", octets=LONG, group=2, hold=True)
    killed.wait_until_held()
    killed.kill()
    marked(spool)
    agent = start("--server", recorder.server)
    is_swept(agent, spool)
    assert len(bodies(spool)) == 2


def test_a_body_whose_message_waits_stays(spool: Path, start: Start, recorder: Recorder) -> None:
    submit(spool, 2, "a@one.test", octets=LONG, group=1)
    age(*bodies(spool))
    marked(spool)
    # Both are read only now: the sweep at the start must not come before.
    agent = start("--server", "127.0.0.1:9")
    is_swept(agent, spool)
    assert len(bodies(spool)) == 2
    agent.kill()
    marked(spool)
    agent = start("--server", recorder.server)
    is_swept(agent, spool)
    asking = Control(spool)
    # The first agent may have tried them, or not: they need not wait for their next time.
    until(lambda: bool(asking.ask("retry", all=True)) and len(recorder.kept()) == 2, 20, "they do not arrive")
    asking.close()


def test_a_body_whose_record_was_damaged_is_put_aside(spool: Path, start: Start, recorder: Recorder) -> None:
    submit(spool, 1, "a@one.test", octets=LONG, group=1)
    (body,) = bodies(spool)
    written = body.read_bytes()
    (segment,) = (spool / "incoming").glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[content.index(b"a@one.test")] ^= 1
    segment.write_bytes(content)
    age(body)
    start("--server", recorder.server)
    until(lambda: not bodies(spool), 20, "it stays")
    assert (spool / "badmail" / body.name).read_bytes() == written
    assert not recorder.kept()


@pytest.mark.parametrize("locked", [False, True])
def test_a_segment_without_its_name(spool: Path, start: Start, recorder: Recorder, locked: bool) -> None:
    submit(spool, 1, "a@one.test")
    unnamed = spool / "incoming" / ".01ARYZ6S410000000000000000.new"
    with unnamed.open("wb") as file:
        if locked:
            fcntl.flock(file, fcntl.LOCK_EX)
        young = unnamed.with_name(".01ARYZ6S410000000000000001.new")
        young.touch()
        age(unnamed)
        marked(spool)
        agent = start("--server", recorder.server)
        is_swept(agent, spool)
        assert unnamed.exists() == locked
        assert young.exists()
