"""The results as Markdown."""

from collections.abc import Callable, Iterable

from .sender import Cost
from .work import Measured, Work, advantage


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; all columns but the first hold figures."""
    head = list(head)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float) -> str:
    """Three digits, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def absolute(measured: list[Measured]) -> str:
    """What each client reached: medians."""
    return table(
        ["client", "messages/s", "CPU ms/message", "peak MB"],
        (
            [
                f"**{m.sender.name}**" if m.sender.ours else m.sender.name,
                figure(m.median(lambda cost: cost.rate)),
                f"{m.median(lambda cost: cost.cpu_ms):.3f}",
                figure(m.median(lambda cost: cost.peak_mb)),
            ]
            for m in measured
        ),
    )


def ratios(measured: list[Measured]) -> str:
    """freesmtp against the best other client of its language; the best may be another one in each column."""

    def cell(ours: Measured, quantity: Callable[[Cost], float], more_is_better: bool) -> str:
        peers = [m for m in measured if m.sender.language == ours.sender.language and not m.sender.ours]
        # The best peer is the one against which freesmtp looks worst.
        times, name = min(
            (advantage(ours, peer, quantity, more_is_better=more_is_better), peer.sender.name) for peer in peers
        )
        text = f"{times:.2f} × {name}"
        return f"**{text}**" if times < 1 else text

    return table(
        ["freesmtp against the best", "messages/s", "less CPU", "less memory"],
        (
            [
                ours.sender.name,
                cell(ours, lambda cost: cost.rate, True),
                cell(ours, lambda cost: cost.cpu_ms, False),
                cell(ours, lambda cost: cost.peak_mb, False),
            ]
            for ours in measured
            if ours.sender.ours
        ),
    )


def section(work: Work, measured: list[Measured]) -> str:
    """One work with both tables."""
    return f"## {work.title}\n\n{absolute(measured)}\n\n{ratios(measured)}\n"


def beside_rust(works: list[tuple[Work, list[Measured]]]) -> str:
    """What each language's binding costs: freesmtp from there beside freesmtp from Rust, in the runs above."""
    rows = []
    for work, measured in works:
        rust, *bindings = (m for m in measured if m.sender.ours)
        for binding in bindings:
            rows.append(
                [
                    work.title,
                    binding.sender.name,
                    f"{advantage(binding, rust, lambda cost: cost.rate, more_is_better=True):.2f}",
                    f"{advantage(binding, rust, lambda cost: cost.cpu_ms, more_is_better=True):.2f}",
                ]
            )
    head = ["work", "", "messages/s beside Rust's", "CPU beside Rust's"]
    return f"## The bindings beside Rust\n\n{table(head, rows)}\n"
