"""What one more message costs, counted and not timed: these figures are the same on a busy machine.

Each is the difference between a run with many messages and a run with few, divided by the messages between them,
so that starting the program, connecting and ending the session are not in it.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from .sender import Load, Sender, numbers, output, run


def _marginal(total: Callable[[int], float], few: int, many: int) -> float:
    return (total(many) - total(few)) / (many - few)


def system_calls(sender: Sender, port: int) -> float:
    """System calls for each message of 1 KB over one connection."""

    def total(count: int) -> float:
        with tempfile.NamedTemporaryFile() as table:
            output(sender, Load(port, count), ("strace", "-c", "-f", "-o", table.name))
            lines = Path(table.name).read_text().splitlines()
        # `% time, seconds, usecs/call, calls, errors` of all; errors may be missing.
        return float(next(line for line in reversed(lines) if line.endswith("total")).split()[3])

    return _marginal(total, 10, 60)


def strace_works() -> bool:
    """Whether it is there, and allowed to trace."""
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-c", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def instructions(sender: Sender, port: int) -> float:
    """Machine instructions in user mode for each message of 1 KB over one connection."""

    def total(count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            tool = ("valgrind", "--tool=callgrind", f"--log-file={log}", f"--callgrind-out-file={folder}/out")
            output(sender, Load(port, count), tool)
            found = re.search(r"Collected : (\d+)", log.read_text())
        if not found:
            raise RuntimeError("valgrind reported no instructions")
        return float(found[1])

    return _marginal(total, 20, 70)


def round_trips(sender: Sender, port: int, round_trip_ms: int) -> float:
    """How often the client waits for the network for each message, `port` being `round_trip_ms` away."""
    seconds = _marginal(lambda count: run(sender, Load(port, count)).wall, 1, 6)
    return seconds * 1e3 / round_trip_ms


def allocations(counting: Sender, port: int) -> tuple[float, float]:
    """How often, and for how many bytes, the Rust sender asks its allocator for each message."""

    def total(what: str) -> Callable[[int], float]:
        return lambda count: numbers(output(counting, Load(port, count)))[what]

    return _marginal(total("allocations"), 10, 110), _marginal(total("bytes"), 10, 110)
