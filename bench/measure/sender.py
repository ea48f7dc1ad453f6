"""The programs that send, and what one run of one of them cost."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

#: A run that takes longer than this hangs.
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Sender:
    """A program with the command line ``PORT N SIZE CONNECTIONS [ATTACHMENT]``."""

    name: str
    language: str
    command: tuple[str, ...]
    ours: bool = False
    native: bool = False
    """Compiled, so that counting its instructions under an emulator takes seconds and not minutes."""
    environment: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Load:
    """What one run sends, and where to."""

    port: int
    count: int
    size: int = 1024
    connections: int = 1
    attachment: Path | None = None

    def arguments(self) -> list[str]:
        numbers = [str(n) for n in (self.port, self.count, self.size, self.connections)]
        return numbers + ([str(self.attachment)] if self.attachment else [])


@dataclass(frozen=True)
class Cost:
    """What a run reported of itself, from its first connection to its last QUIT."""

    sent: int
    wall: float
    cpu: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Messages per second."""
        return self.sent / self.wall

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per message."""
        return self.cpu / self.sent * 1e3


class Failed(Exception):
    """A sender ended with an error, or reported something else than it should."""


def output(sender: Sender, load: Load, before: tuple[str, ...] = ()) -> str:
    """Runs a sender to its end, under another program when ``before`` names one; gives its standard output."""
    command = [*before, *sender.command, *load.arguments()]
    try:
        done = subprocess.run(
            command,
            env=os.environ | sender.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{sender.name}: no end after {LIMIT_SECONDS} s: {' '.join(command)}") from late
    if done.returncode != 0:
        raise Failed(f"{sender.name}: ended with {done.returncode}: {' '.join(command)}\n{done.stderr.strip()}")
    return done.stdout


def numbers(text: str) -> dict[str, float]:
    """The ``name=number`` pairs of a report."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", text)}


def run(sender: Sender, load: Load) -> Cost:
    """Sends the load and gives what it cost."""
    report = numbers(output(sender, load))
    if report.get("sent") != load.count or not report.get("wall"):
        raise Failed(f"{sender.name}: {load.count} messages were asked for, and it reported {report}")
    return Cost(load.count, report["wall"], report["cpu"], report["peak_kb"] / 1024)
