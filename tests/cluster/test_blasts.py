"""Whenever a blast is paused, goes on or is cancelled, none of its messages is forgotten, and none is sent twice."""

import hashlib
import random
import subprocess
import time
from collections.abc import Iterator

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, Submitter, submit, until
from harness.nats import Nats
from harness.sink import program


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, servers: Nats) -> Iterator[tuple[Agents, Recorder]]:
    """Sessions that have messages under way while others stand behind them."""
    folder = tmp_path_factory.mktemp("blasts")
    recorder = Recorder(folder, delay=0.02)
    made = Agents(folder, servers, recorder, 2, more='sessions = 8\n[retry]\nschedule = ["2s"]')
    yield made, recorder
    made.close()
    recorder.close()


@pytest.fixture
def agents(running: tuple[Agents, Recorder]) -> Agents:
    return running[0]


@pytest.fixture
def recorder(running: tuple[Agents, Recorder]) -> Recorder:
    return running[1]


def begin(agents: Agents, name: str) -> None:
    """A blast is known when its first message is with the servers."""
    submit(agents.spool(0), 1, "first@one.test", tag=f"{name}-first", blast=name)
    agents.until_done(0, name, 1, 90)


def at_its_time(agents: Agents, name: str) -> None:
    """Submits a message of a blast that waits for its time."""
    options = ["--from", "s@one.test", "--to", "at@one.test", "--not-before", "2h", "--blast", name]
    command = [program(), "submit", "--spool", str(agents.spool(1)), *options]
    subprocess.run(command, input=b"Subject: later\r\n\r\n", stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize(("order", "result"), [("cancel", "cancelled"), ("resume", "delivered")])
def test_what_is_set_aside_is_waited_for(agents: Agents, servers: Nats, order: str, result: str) -> None:
    """Servers that give nothing yet have not given all: so it is with a consumer that has no leader for a moment."""
    name = f"late-{order}"
    begin(agents, name)
    agents.run(1, "blast", "pause", name)
    agents.until_paused(name)
    submit(agents.spool(0), 100, "a{n}@one.test", tag=name, blast=name)
    until(lambda: agents.parked() == 100, 60, f"{agents.parked()} are set aside\n{agents.logs()}")
    token = hashlib.sha256(name.encode()).hexdigest()[:24]
    consumer = {
        "durable_name": f"unpark-{token}",
        "filter_subject": f"mailq.parked.{token}.>",
        "ack_policy": "explicit",
        "pause_until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6)),
    }
    servers.api(f"CONSUMER.CREATE.MAILQ.unpark-{token}", {"stream_name": "MAILQ", "config": consumer})
    agents.run(1, "blast", order, name)
    status = agents.until_done(0, name, 101, 120)
    assert status[result] >= 100


def test_what_is_set_aside_is_made_ready_after_a_kill(agents: Agents) -> None:
    """The agents that had heard of it all died before they did it."""
    begin(agents, "killed")
    agents.run(1, "blast", "pause", "killed")
    agents.until_paused("killed")
    submit(agents.spool(0), 100, "a{n}@one.test", tag="killed", blast="killed")
    until(lambda: agents.parked() == 100, 60, f"{agents.parked()} are set aside\n{agents.logs()}")
    for agent in agents.all.values():
        agent.kill()
    # As an agent writes it before it is killed.
    bucket = "$KV.MAILQ_BLASTS." + hashlib.sha256(b"killed").hexdigest()[:24]
    agents.servers.request(bucket, b'{"name":"killed","created":1,"state":"running"}')
    for index in list(agents.all):
        agents.start(index)
    assert agents.until_done(0, "killed", 101, 120)["delivered"] == 101


@pytest.mark.parametrize("seed", range(8))
def test_a_blast_is_stopped_at_any_moment(agents: Agents, recorder: Recorder, seed: int) -> None:
    """While messages are submitted, published, taken, sent and put off, by any agent. Sessions have one under way and
    others behind it."""
    random.seed(seed)
    name = f"moment-{seed}"
    begin(agents, name)
    count = 200
    at_its_time(agents, name)
    submitters = [
        Submitter(agents.spool(0), count, f"a{{n}}-{seed}@one.test", tag=f"{name}-a", group=20, blast=name),
        Submitter(agents.spool(1), 50, f"wait{{n}}-{seed}@one.test", tag=f"{name}-b", group=10, blast=name),
    ]
    for order in random.choice([["cancel"], ["pause", "cancel"], ["pause", "resume", "cancel"]]):
        time.sleep(random.uniform(0, 1))
        agents.run(random.randrange(2), "blast", order, name)
    for submitter in submitters:
        submitter.wait()
    at_its_time(agents, name)
    status = agents.until_done(0, name, count + 53, 120)
    took = [kept["message_id"] for kept in recorder.kept() if kept["message_id"].startswith(f"<{name}-")]
    print(status, len(took))
    assert (status["delivered"], status["open"], status["deferred"]) == (len(took), 0, 0)
    assert len(set(took)) == len(took)
