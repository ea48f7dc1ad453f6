"""kill -9 of servers and agents during a blast: nothing is lost, copies are few, the counters are right."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, Submitter, until
from harness.nats import Nats

SESSIONS = 16
SETTINGS = f'sessions = {SESSIONS}\n[retry]\nschedule = ["2s"]'
#: Seconds that a server takes for a message, so that sessions have some in hand when they are killed.
DELAY = 0.005


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    server = Recorder(tmp_path, delay=DELAY)
    yield server
    server.close()


@pytest.fixture
def agents(tmp_path: Path, nats3: Nats, recorder: Recorder) -> Iterator[Agents]:
    made = Agents(tmp_path, nats3, recorder, 3, more=SETTINGS)
    yield made
    made.close()


def test_nothing_is_lost(agents: Agents, nats3: Nats, recorder: Recorder) -> None:
    """`tests/soak/crash.py` does the same with more."""
    run(agents, nats3, recorder, messages=2_000)


def run(agents: Agents, servers: Nats, recorder: Recorder, *, messages: int) -> None:
    """During a blast the leader is killed, then an agent, then all servers and agents at once; each comes back."""
    recipients = ["user{n}@one.test"]
    submitter = Submitter(agents.spool(0), messages, *recipients, group=50, blast="news")

    def taken() -> int:
        return recorder.path.read_bytes().count(b"\n") if recorder.path.exists() else 0

    def some(share: float) -> None:
        until(lambda: taken() >= share * messages, 1800, f"{taken()}\n{agents.logs()}")

    some(0.1)
    leader = servers.leader("MAILQ")
    servers.kill(leader)
    some(0.3)
    servers.start([leader])
    submitter.wait()
    # What it has is delivered by the others, once its lease is over.
    agents.all[1].kill()
    some(0.5)
    killed = SESSIONS
    for agent in agents.all.values():
        if agent.process.poll() is None:
            agent.kill()
            killed += SESSIONS
    servers.kill_all()
    servers.start()
    for index in range(3):
        agents.start(index, wait=False)
    status = agents.until_done(2, "news", messages, 1800)
    promised = submitter.ids()
    assert len(promised) == messages
    kept = recorder.kept()
    copies = Counter(facts["message_id"] for facts in kept)
    lost = set(promised) - set(copies)
    assert not lost, f"{len(lost)} of {messages} were lost\n{agents.logs()}"
    twice = sum(count - 1 for count in copies.values())
    counted = {name: status[name] for name in ("messages", "recipients", "delivered", "deferred", "failed")}
    print(f"{messages} promised, {len(kept)} transactions, {twice} of them copies, {killed} sessions killed, {counted}")
    assert twice <= killed
    assert counted == dict.fromkeys(("messages", "recipients", "delivered"), messages) | {"deferred": 0, "failed": 0}
