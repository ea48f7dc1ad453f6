"""Handing messages over, durably: the spool beside a submission to a real Postfix and beside a plain file."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import postfix
from .build import BUILD, Built
from .sender import LIMIT_SECONDS, Failed, Load, Sender, numbers, run
from .table import figure, table

SIZE = 1024
BATCH = 1000
PROCESSES = 32


@dataclass(frozen=True)
class Row:
    """One way to hand messages over: messages per second, each round."""

    title: str
    rates: list[float]
    peer: list[float]
    """libcurl with as many at once."""
    disk: list[float]
    """Plain files with as many at once."""

    def cells(self) -> list[str]:
        def against(peer: list[float]) -> str:
            if not peer:
                return "–"
            return f"{statistics.median(a / b for a, b in zip(self.rates, peer, strict=True)):.1f} ×"

        rate = statistics.median(self.rates)
        return [
            self.title,
            figure(rate),
            figure(1e6 / rate),
            against(self.peer),
            against(self.disk),
        ]


def section(built: Built, rounds: int, quick: bool, said: Callable[[str], None]) -> str:
    """The table; rounds by turns, so that what else the machine does hits all alike."""
    folder = Path(tempfile.mkdtemp(prefix="handover-", dir=BUILD))
    folder.chmod(0o755)
    curl = next(sender for sender in built.senders if sender.name.startswith("libcurl"))
    part = 4 if quick else 1
    try:
        with postfix.running(folder) as port:
            return _measured(built.spool, curl, port, folder, rounds, part, said)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(
    program: Path,
    curl: Sender,
    port: int | None,
    folder: Path,
    rounds: int,
    part: int,
    said: Callable[[str], None],
) -> str:
    spool = _Spool(program, folder)
    rates: dict[str, list[float]] = defaultdict(list)
    many = Load(port or 0, 320 // part, size=SIZE, connections=PROCESSES)
    for number in range(rounds):

        def step(name: str, measure: Callable[[], float], number: int = number) -> None:
            said(f"handing over: round {number + 1} of {rounds}: {name}")
            rates[name].append(measure())

        step("append", lambda: spool.rate("append", 1000 // part))
        step("single", lambda: spool.rate("single", 1000 // part))
        step("overwrite", lambda: spool.rate("overwrite", 1000 // part))
        if port:
            step("libcurl", lambda: run(curl, Load(port, 100 // part, size=SIZE)).rate)
        step("bulk", lambda: spool.rate("bulk", BATCH))
        step("threads", lambda: spool.rate("single", 4000 // part, threads=PROCESSES))
        step("processes", lambda: spool.processes("single", 100 // part))
        step("files", lambda: spool.processes("append", 100 // part))
        if port:
            step("libcurl, many", lambda: run(curl, many).rate)
    kept, many_kept, files = rates["libcurl"], rates["libcurl, many"], rates["files"]
    rows = [
        Row("SubmitToSpool, one at a time", rates["single"], kept, rates["append"]),
        Row(
            "the same, beside a file that is long enough already",
            rates["single"],
            [],
            rates["overwrite"],
        ),
        Row(f"SubmitBulk of {BATCH:,}", rates["bulk"], kept, rates["append"]),
        Row(
            f"{PROCESSES} threads, each one at a time",
            rates["threads"],
            many_kept,
            files,
        ),
        Row(
            f"{PROCESSES} processes, each one at a time",
            rates["processes"],
            many_kept,
            files,
        ),
    ]
    head = [
        "durable, 1 KB",
        "messages/s",
        "µs/message",
        "× libcurl to Postfix",
        "× write and fdatasync",
    ]
    missing = "" if port else "\nPostfix did not run here: it needs root and the package postfix.\n"
    return f"## Handing over\n\n{table(head, (row.cells() for row in rows))}\n{missing}"


class _Spool:
    """Runs the program that hands over."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder

    def _command(self, kind: str, count: int, threads: int) -> list[str]:
        return [
            str(self.program),
            kind,
            str(self.folder),
            str(count),
            str(SIZE),
            str(threads),
        ]

    def rate(self, kind: str, count: int, threads: int = 1) -> float:
        """Messages per second of one process, as it says itself."""
        command = self._command(kind, count, threads)
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        self._clear()
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
        return count / numbers(done.stdout)["wall"]

    def processes(self, kind: str, count: int) -> float:
        """Messages per second of many processes at once, from the first one's start to the last one's end."""
        command = self._command(kind, count, 1)
        started = time.monotonic()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(PROCESSES)]
        codes = [process.wait(timeout=LIMIT_SECONDS) for process in running]
        elapsed = time.monotonic() - started
        self._clear()
        if any(codes):
            raise Failed(f"{' '.join(command)}: ended with {codes}")
        return PROCESSES * count / elapsed

    def _clear(self) -> None:
        shutil.rmtree(self.folder / "spool", ignore_errors=True)
        for name in os.listdir(self.folder):
            if name.startswith(("append-", "overwrite-")):
                (self.folder / name).unlink()
