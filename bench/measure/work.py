"""The works, and how they are measured: by turns, so that what else the machine does hits all clients alike."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .sender import Cost, Load, Sender, run


@dataclass(frozen=True)
class Work:
    """One kind of load that every client sends."""

    title: str
    seconds: float
    """How long one run should take; the number of messages follows from it."""
    least: int = 40
    """Messages in one run at least: below that, what is measured is how a program starts."""
    most: int = 20_000
    """Messages in one run at most."""
    connections: int = 1
    round_trip_ms: int = 0
    attachment: Path | None = None

    def load(self, port: int, count: int) -> Load:
        return Load(port, count, connections=self.connections, attachment=self.attachment)


@dataclass(frozen=True)
class Measured:
    """The runs of one client, one for each round."""

    sender: Sender
    costs: list[Cost]

    def median(self, quantity: Callable[[Cost], float]) -> float:
        return statistics.median(quantity(cost) for cost in self.costs)


def measure(work: Work, senders: list[Sender], port: int, rounds: int, said: Callable[[str], None]) -> list[Measured]:
    """Runs every client once to warm up and to choose its number of messages, then all of them in rounds."""
    counts = {sender.name: _count(work, sender, port) for sender in senders}
    costs: dict[str, list[Cost]] = {sender.name: [] for sender in senders}
    for number in range(rounds):
        for sender in senders:
            said(f"{work.title}: round {number + 1} of {rounds}: {sender.name}")
            costs[sender.name].append(run(sender, work.load(port, counts[sender.name])))
    return [Measured(sender, costs[sender.name]) for sender in senders]


def _count(work: Work, sender: Sender, port: int) -> int:
    """How many messages fill the time, in whole turns of all connections; found with ever longer runs.

    A first short run says little: it is mostly connecting and, in some languages, compiling.
    """
    count = max(work.least, 4 * work.connections if work.connections > 1 else 0)
    while True:
        cost = run(sender, work.load(port, count))
        turns = round(min(cost.rate * work.seconds, 8 * count) / work.connections)
        wanted = min(work.most, max(count, turns * work.connections))
        if wanted == count or cost.wall > work.seconds / 2:
            return wanted
        count = wanted


def advantage(ours: Measured, peer: Measured, quantity: Callable[[Cost], float], *, more_is_better: bool) -> float:
    """How many times better freesmtp is: the median over the rounds, each of which compares neighbours in time."""
    ratios = (quantity(a) / quantity(b) for a, b in zip(ours.costs, peer.costs, strict=True))
    ratio = statistics.median(ratios)
    return ratio if more_is_better else 1 / ratio
