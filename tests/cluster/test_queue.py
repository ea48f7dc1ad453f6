"""Agents that share a queue deliver what any of them was given."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.agents import Agents
from harness.agent import Recorder, submit, until
from harness.nats import Nats


@pytest.fixture
def agents(tmp_path: Path, nats3: Nats, recorder: Recorder) -> Iterator[Agents]:
    made = Agents(tmp_path, nats3, recorder, 3, more='sessions = 16\n[retry]\nschedule = ["2s"]')
    yield made
    made.close()


def test_what_one_is_given_all_deliver(agents: Agents, recorder: Recorder) -> None:
    """Retries, bounces and the counters of a blast go over all agents."""
    recipients = ("a{n}@one.test", "b{n}@one.test", "later{n}@two.test", "never{n}@three.test")
    promised = submit(agents.spool(0), 300, *recipients, blast="news")
    status = agents.until_done(1, "news", 1200, 60)
    counted = {name: status[name] for name in ("messages", "recipients", "delivered", "deferred", "failed")}
    assert counted == {"messages": 300, "recipients": 1200, "delivered": 900, "deferred": 0, "failed": 300}
    # A report is in a spool, and not on the servers yet, when its message leaves them.
    until(lambda: len(recorder.kept()) >= len(promised) + 600 and agents.in_stream() == 0, 60, agents.logs())
    kept = recorder.kept()
    news = [facts for facts in kept if facts["message_id"] in promised]
    assert all(promised[facts["message_id"]] == facts["id"] for facts in news), "the id stays the same"
    copies = Counter((facts["message_id"], to) for facts in news for to in facts["recipients"])
    assert len(copies) == 900
    assert set(copies.values()) == {1}
    bounces = [facts for facts in kept if facts["message_id"] not in promised]
    assert len(bounces) == 300
    assert {to for facts in bounces for to in facts["recipients"]} == {"sender@example.test"}
    assert all(agent.stop() == 0 for agent in agents.all.values())


def test_a_large_message_goes_over_the_store(agents: Agents, recorder: Recorder) -> None:
    promised = submit(agents.spool(0), 2, "a{n}@one.test", "b{n}@two.test", octets=3_000_000, group=1)
    until(lambda: len(recorder.kept()) == 2, 30, agents.logs())
    until(lambda: agents.in_stream() == 0, 10, agents.logs())
    assert {facts["message_id"] for facts in recorder.kept()} == set(promised)
    assert all(facts["octets"] > 2_900_000 for facts in recorder.kept())
    # What is done with is removed from the spool it came by.
    until(lambda: not list((agents.spool(0) / "bodies").iterdir()), 20, "bodies stay")
