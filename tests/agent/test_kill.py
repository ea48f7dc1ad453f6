"""kill -9 of submitters and agent at random moments: nothing is lost, copies are few, each copy is the same message."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.agent import Agent, Recorder, Submitter, until

Start = Callable[..., Agent]

SESSIONS = 32
RECIPIENTS = ("a{n}@one.test", "b{n}@two.test", "c{n}@three.test")


def run(
    spool: Path,
    near: Recorder,
    far: Recorder,
    start: Start,
    messages: int,
    kills: int,
    seed: int,
    patience: float = 120,
) -> None:
    """Submits, delivers and kills; checks what arrived against what was promised."""
    chance = random.Random(seed)
    # Two recipients share a server and so a transaction, the third goes another way.
    routes = (
        f'[[route]]\ndomains = ["one.test", "two.test"]\nservers = ["{near.server}"]\n'
        f'[[route]]\ndomains = ["three.test"]\nservers = ["{far.server}"]\n'
    )
    config = f'sessions = {SESSIONS}\n[retry]\nschedule = ["1s"]\n{routes}'
    promised: dict[str, str] = {}
    agent = start(config=config)
    killed = {"agent": 0, "submitter": 0}
    number = 0
    while len(promised) < messages or sum(killed.values()) < kills:
        number += 1
        count = min(max(messages - len(promised), 20), 800)
        group = chance.choice([1, 20, 100])
        submitter = Submitter(spool, count, *RECIPIENTS, tag=f"s{number}", octets=300, group=group)
        time.sleep(chance.uniform(0.02, 0.6))
        if sum(killed.values()) < kills:
            if chance.random() < 0.7:
                agent.kill()
                killed["agent"] += 1
                agent = start(config=config)
            else:
                submitter.kill()
                killed["submitter"] += 1
        if submitter.process.poll() is None:
            submitter.wait()
        promised |= submitter.ids()
    until(agent.is_empty, patience, f"the spool is not empty: {agent.log()[-2000:]}")
    assert agent.stop() == 0
    check(promised, near.kept() + far.kept(), killed)


def check(promised: dict[str, str], kept: list[dict[str, Any]], killed: dict[str, int]) -> None:
    copies = Counter((facts["message_id"], to.split("@")[1]) for facts in kept for to in facts["recipients"])
    domains = ("one.test", "two.test", "three.test")
    lost = [(name, domain) for name in promised for domain in domains if (name, domain) not in copies]
    assert not lost, f"{len(lost)} of {3 * len(promised)} were lost after {killed}: {lost[:5]}"
    transactions = Counter((facts["message_id"], tuple(facts["recipients"])) for facts in kept)
    twice = sum(count - 1 for count in transactions.values())
    assert twice <= SESSIONS * killed["agent"], f"{twice} copies after {killed}"
    ids = {(facts["message_id"], facts["id"]) for facts in kept}
    assert len(ids) == len({facts["message_id"] for facts in kept}), "a copy has the same id"
    assert all(pair in ids for pair in promised.items()), "the id is the one that was promised"
    print(f"{len(promised)} promised, {len(kept)} transactions, {twice} of them copies, killed {killed}")


def test_nothing_is_lost(spool: Path, recorder: Recorder, start: Start, tmp_path: Path) -> None:
    far = Recorder(tmp_path, "far")
    try:
        run(spool, recorder, far, start, messages=20_000, kills=50, seed=8)
    finally:
        far.close()
