"""kill -9 of servers and agents during a blast: nothing is lost, copies are few, the counters are right."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, Submitter, until
from harness.nats import Nats

SESSIONS = 16
# The whole size is for a machine that has the time; the promise is the same.
MESSAGES = int(os.environ.get("FREESMTP_CLUSTER_MESSAGES", "2000"))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    server = Recorder(tmp_path, delay=0.005)
    yield server
    server.close()


@pytest.fixture
def agents(tmp_path: Path, nats3: Nats, recorder: Recorder) -> Iterator[Agents]:
    made = Agents(tmp_path, nats3, recorder, 3, more=f'sessions = {SESSIONS}\n[retry]\nschedule = ["2s"]')
    yield made
    made.close()


def test_nothing_is_lost(agents: Agents, nats3: Nats, recorder: Recorder) -> None:
    """The leader is killed, then an agent, then all servers and agents at once; each comes back."""
    recipients = ["user{n}@one.test"]
    submitter = Submitter(agents.spool(0), MESSAGES, *recipients, group=50, blast="news")

    def taken() -> int:
        return recorder.path.read_bytes().count(b"\n") if recorder.path.exists() else 0

    def some(share: float) -> None:
        until(lambda: taken() >= share * MESSAGES, 900, f"{taken()}\n{agents.logs()}")

    some(0.1)
    leader = nats3.leader("MAILQ")
    nats3.kill(leader)
    some(0.3)
    nats3.start([leader])
    submitter.wait()
    # What it has is delivered by the others, once its lease is over.
    agents.all[1].kill()
    some(0.5)
    killed = SESSIONS
    for agent in agents.all.values():
        if agent.process.poll() is None:
            agent.kill()
            killed += SESSIONS
    nats3.kill_all()
    nats3.start()
    for index in range(3):
        agents.start(index, wait=False)
    status = agents.until_done(2, "news", MESSAGES, 1800)
    promised = submitter.ids()
    assert len(promised) == MESSAGES
    kept = recorder.kept()
    copies = Counter(facts["message_id"] for facts in kept)
    lost = set(promised) - set(copies)
    assert not lost, f"{len(lost)} of {MESSAGES} were lost\n{agents.logs()}"
    twice = sum(count - 1 for count in copies.values())
    print(f"{MESSAGES} promised, {len(kept)} transactions, {twice} of them copies, {killed} sessions killed")
    assert twice <= killed
    counted = {name: status[name] for name in ("messages", "recipients", "delivered", "deferred", "failed")}
    assert counted == {
        "messages": MESSAGES,
        "recipients": MESSAGES,
        "delivered": MESSAGES,
        "deferred": 0,
        "failed": 0,
    }
