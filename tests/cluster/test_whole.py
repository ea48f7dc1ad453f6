"""Whichever agent is asked tells of the whole queue, and of what all agents do."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, submit, until
from harness.nats import Nats
from harness.sink import program

SESSIONS = 16


@pytest.fixture
def agents(tmp_path: Path, nats3: Nats, recorder: Recorder) -> Iterator[Agents]:
    more = f'sessions = {SESSIONS}\n[retry]\nschedule = ["1h"]\n'
    made = Agents(tmp_path, nats3, recorder, 2, more=more, http=True)
    yield made
    made.close()


def get(agents: Agents, index: int, path: str) -> Any:
    """What the monitor of an agent answers."""
    address = agents.run(index, "monitor")["addresses"][0]
    with urllib.request.urlopen(f"{address}/api/{path}", timeout=20) as answer:
        return json.load(answer)


def test_any_agent_tells_of_all(agents: Agents, recorder: Recorder) -> None:
    for index in range(2):
        until(lambda index=index: len(agents.run(index, "status")["others"]) == 1, 20, agents.logs())
    recipients = ("a{n}@one.test", "grey{n}@two.test", "never{n}@three.test")
    submit(agents.spool(0), 40, *recipients, blast="news")
    until(lambda: agents.later() == 40, 60, agents.logs())
    bounced = 40

    def is_told(index: int) -> bool:
        status = agents.run(index, "status")
        since = {what: status["since_start"][what] for what in ("delivered", "deferred", "failed")}
        return since == {"delivered": 40 + bounced, "deferred": 40, "failed": 40} and status["queue"]["later"] == 40

    def waiting(index: int) -> tuple[int, ...]:
        sites = get(agents, index, "destinations")["sites"]
        states = (sum(site[what] for site in sites) for what in ("later", "ready", "held"))
        return (*states, sum(site["ages"]["minutes"] for site in sites))

    def charted(index: int) -> tuple[int, ...]:
        points = get(agents, index, "history")["points"]
        return tuple(sum(point[what] for point in points) for what in ("deferred", "failed"))

    for index in range(2):
        until(lambda index=index: is_told(index), 60, f"{agents.run(index, 'status')}\n{agents.logs()}")
        status = agents.run(index, "status")
        assert status["sessions"]["limit"] == 2 * SESSIONS
        # Reports went through the same queue, and it is not looked through for every question.
        until(lambda index=index: waiting(index) == (40, 0, 0, 40), 60, f"{waiting(index)}")
        waits = get(agents, index, "destinations")
        (cause,) = waits["causes"]
        assert (cause["cause"], cause["count"]) == ("greylisted", 40)
        assert cause["remedy"]
        (failed,) = waits["failed"]
        assert failed["count"] == 40
        assert len(failed["latest"]) == 20
        assert failed["remedy"]
        # The chart: what happened in each second, by all of them; a second is there when it is over.
        until(lambda index=index: charted(index) == (40, 40), 30, f"{charted(index)}")
    # What is taken out waits for nothing.
    agents.run(0, "queue", "purge", "--blast", "news", "--yes")
    until(lambda: get(agents, 1, "destinations")["causes"] == [], 60, agents.logs())
    until(lambda: waiting(1) == (0, 0, 0, 0), 60, agents.logs())


def test_an_agent_that_is_lost_is_said_to_be_missing(agents: Agents) -> None:
    until(lambda: [other["answers"] for other in agents.run(0, "status")["others"]] == [True], 20, agents.logs())
    agents.all[1].kill()
    until(lambda: [other["answers"] for other in agents.run(0, "status")["others"]] == [False], 60, agents.logs())
    status = agents.run(0, "status")
    assert status["sessions"]["limit"] == SESSIONS
    command = [program(), "status", "--spool", str(agents.spool(0))]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "2 share the queue; agent.test was last heard of" in text
    agents.start(1)
    until(lambda: [other["answers"] for other in agents.run(0, "status")["others"]] == [True], 20, agents.logs())
    # One that ends says so.
    assert agents.all[1].stop() == 0
    until(lambda: agents.run(0, "status")["others"] == [], 20, agents.logs())


@pytest.mark.parametrize("octets", [1_000, 3_000_000])
def test_the_bytes_of_a_message_are_had_from_any_agent(agents: Agents, octets: int) -> None:
    promised = submit(agents.spool(0), 1, "grey{n}@two.test", octets=octets, group=1)
    until(lambda: agents.later() == 1, 60, agents.logs())
    (message_id,) = promised
    for index in range(2):
        command = [program(), "queue", "cat", promised[message_id], "--spool", str(agents.spool(index))]
        done = subprocess.run(command, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert f"Message-ID: {message_id}\r\n".encode() in done.stdout
        assert len(done.stdout) > octets * 0.9
    unknown = [program(), "queue", "cat", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--spool", str(agents.spool(0))]
    assert subprocess.run(unknown, capture_output=True).returncode == 1
