"""What a destination is spared holds for all agents together."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, submit, until
from harness.nats import Nats

from .conftest import Servers

LIMIT = 10


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    server = Recorder(tmp_path, delay=0.05)
    yield server
    server.close()


def slots(servers: Nats) -> dict[str, int]:
    """How many of the sixty each agent has, by the ledger."""
    message = servers.api("STREAM.MSG.GET.KV_MAILQ_SHARES", {"last_by_subj": "$KV.MAILQ_SHARES.ledger"})["message"]
    ledger = json.loads(base64.b64decode(message["data"]))
    return {agent: ledger["slots"].count(agent) for agent in ledger["agents"]}


def test_three_agents_keep_the_limit_of_a_destination(tmp_path: Path, nats3: Nats, recorder: Recorder) -> None:
    """While agents come, are killed, come back and leave; and all of it is used."""
    agents = Agents(tmp_path, nats3, recorder, 2, more=f"[destination]\nsessions = {LIMIT}\n[retry]\nschedule = ['2s']")
    try:
        promised = submit(agents.spool(0), 700, "a{n}@one.test")
        until(lambda: len(recorder.kept()) > 100, 60, agents.logs())
        agents.start(2)
        until(lambda: sorted(slots(nats3).values()) == [20, 20, 20], 60, agents.logs())
        promised |= submit(agents.spool(2), 700, "b{n}@one.test", tag="n")
        # One is killed, and back before the others have its slots; then one leaves.
        agents.all[1].kill()
        agents.start(1)
        until(lambda: len(recorder.kept()) > 800, 120, agents.logs())
        assert sorted(slots(nats3).values()) == [20, 20, 20], "a new start is the same agent"
        assert agents.all[2].stop() == 0
        until(lambda: sorted(slots(nats3).values()) == [30, 30], 60, agents.logs())
        agents.start(2)
        until(lambda: {facts["message_id"] for facts in recorder.kept()} >= set(promised), 180, agents.logs())
        until(lambda: agents.in_stream() == 0, 60, agents.logs())
        assert recorder.most() == LIMIT
    finally:
        agents.close()


def test_what_one_agent_may_not_deliver_others_do(tmp_path: Path, nats: Servers, recorder: Recorder) -> None:
    """With a limit of one session, two of three agents may open none, and keep nothing of what they took."""
    agents = Agents(tmp_path, nats(1), recorder, 3, more="[destination]\nsessions = 1\n")
    try:
        until(lambda: sorted(slots(agents.servers).values()) == [20, 20, 20], 60, agents.logs())
        promised: set[str] = set()
        for index in range(3):
            promised |= set(submit(agents.spool(index), 6, "a{n}@one.test", tag=f"m{index}"))
        until(lambda: {facts["message_id"] for facts in recorder.kept()} >= promised, 240, agents.logs())
        until(lambda: agents.in_stream() == 0, 60, agents.logs())
        assert recorder.most() == 1
    finally:
        agents.close()
