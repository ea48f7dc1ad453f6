"""`SendBulk` beside Postfix's load generator and libcurl: what many messages cost over few connections."""

from collections.abc import Callable

from .sender import Sender
from .table import figure, table
from .work import Measured, Work, advantage, measure

#: A run of these is long enough that what is measured is not how it starts.
_SECONDS = 0.7


def works(part: float, round_trip_ms: int) -> list[tuple[Work, bool]]:
    """What is measured; whether to the sink that offers CHUNKING, which smtp-source does not use."""
    near = [
        Work(f"1 KB, {n} connection{'s' if n > 1 else ''}", seconds=_SECONDS * part, connections=n)
        for n in (1, 64, 256)
    ]
    # Long enough that the four round trips of opening and closing do not count.
    far = Work(
        f"1 KB, 1 connection, {round_trip_ms} ms", seconds=8 * part, least=24, most=200, round_trip_ms=round_trip_ms
    )
    chunked = Work(
        f"1 KB, 1 connection, {round_trip_ms} ms, CHUNKING",
        seconds=part,
        least=1000,
        most=20_000,
        round_trip_ms=round_trip_ms,
    )
    return [(work, False) for work in [*near, far]] + [(chunked, True)]


def section(
    part: float,
    round_trip_ms: int,
    rounds: int,
    senders: tuple[Sender, Sender, Sender],
    ports: dict[tuple[bool, bool], int],
    said: Callable[[str], None],
) -> str:
    """The table. `senders` are ours, smtp-source and libcurl; `ports` are by (far, chunking)."""
    ours, source, curl = senders
    rows = []
    for work, chunking in works(part, round_trip_ms):
        port = ports[bool(work.round_trip_ms), chunking]
        # Behind a round trip the others send a handful a second, and so few are all that they are given.
        rivals = [] if chunking else [source, curl]
        measured = {m.sender.name: m for m in measure(work, [ours, *rivals], port, rounds, said)}
        rows.append(_row(work, measured, ours, rivals))
    head = [
        "SendBulk, Rust",
        "messages/s",
        "CPU µs/message",
        "peak MB",
        "messages/s × smtp-source",
        "less CPU × libcurl",
    ]
    return f"## SendBulk\n\n{table(head, rows)}\n"


def _row(work: Work, measured: dict[str, Measured], ours: Sender, rivals: list[Sender]) -> list[str]:
    mine = measured[ours.name]

    def against(rival: Sender, quantity: Callable[[Measured], float]) -> str:
        return _marked(quantity(measured[rival.name]))

    cells = [
        work.title,
        figure(mine.median(lambda cost: cost.rate)),
        figure(mine.median(lambda cost: cost.cpu_ms) * 1000),
        figure(mine.median(lambda cost: cost.peak_mb)),
    ]
    if not rivals:
        return [*cells, "–", "–"]
    source, curl = rivals
    rate = against(source, lambda rival: advantage(mine, rival, lambda cost: cost.rate, more_is_better=True))
    cpu = against(curl, lambda rival: advantage(mine, rival, lambda cost: cost.cpu_ms, more_is_better=False))
    return [*cells, rate, cpu]


def _marked(times: float) -> str:
    return f"**{times:.2f} ×**" if times < 1 else f"{times:.2f} ×"
