"""A queue that agents share: one, two and three agents against one sink, beside the queue of a spool alone.

`python bench/measure/cluster.py` runs it alone; it needs `cargo build --release -p freesmtp-agent --bins --examples`,
and nats-server as requirements-dev.txt pins it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The servers are started as the tests start them.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from harness.nats import Nats

from measure import server
from measure.table import figure, table

SIZE = 1024
SESSIONS = 256
SERVERS = 3
AGENTS = 3
ROOT = Path(__file__).parents[2]
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


@dataclass
class Run:
    """What some agents came to: messages per second, and µs of CPU for each of agents and servers."""

    rate: float
    agents: float
    servers: float


def section(quick: bool, said: Callable[[str], None]) -> str:
    """The table."""
    count = 3_000 if quick else 30_000
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=build))
    try:
        with server.sink() as port:
            said("a shared queue: the local one first")
            local = deliver(folder / "local", port, count, 1, None)
            runs = []
            for agents in range(1, AGENTS + 1):
                said(f"a shared queue: {agents} of {AGENTS} agents")
                servers = Nats(SERVERS)
                try:
                    runs.append(deliver(folder / f"shared{agents}", port, count, agents, servers))
                finally:
                    servers.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [
        [
            "the queue of a spool",
            figure(local.rate),
            "1",
            "–",
            figure(local.agents),
            "–",
        ]
    ]
    for number, run in enumerate(runs, 1):
        name = f"shared, {number} agent{'s' if number > 1 else ''}"
        share, growth = figure(run.rate / local.rate), figure(run.rate / runs[0].rate)
        rows.append(
            [
                name,
                figure(run.rate),
                share,
                growth,
                figure(run.agents),
                figure(run.servers),
            ]
        )
    head = [
        "queue",
        "messages/s",
        "× a spool's",
        "× one agent",
        "agents, CPU µs/message",
        "servers, CPU µs/message",
    ]
    return (
        f"## A queue that agents share: a blast of {count:,}, 1 KB, {SESSIONS} sessions an agent\n\n"
        f"{table(head, rows)}\n\n{SERVERS} servers that sync always; they, agents and sink share the processors and "
        "the disk of this machine.\n"
    )


def deliver(folder: Path, port: int, count: int, agents: int, servers: Nats | None) -> Run:
    """Each agent's spool gets its part of the blast, from the first submission to the last delivery."""
    folder.mkdir()
    options = [
        "--sessions",
        str(SESSIONS),
        "--server",
        f"127.0.0.1:{port}",
        "--smtp",
        "off",
        "--http",
        "off",
    ]
    if servers:
        options += ["--cluster", servers.url]
    processes = []
    try:
        for number in range(agents):
            log = folder / f"{number}.log"
            with log.open("wb") as out:
                command = [
                    RELEASE / "freesmtp",
                    "agent",
                    "--spool",
                    folder / str(number),
                    "--name",
                    f"agent{number}",
                ]
                processes.append(subprocess.Popen([*command, *options], stdout=out, stderr=out))
            patiently(lambda log=log: b"is ready" in log.read_bytes(), 60, f"{log}: no agent")
        pids = [process.pid for process in processes]
        keepers = [node.pid for node in servers.nodes] if servers else []
        before, kept = sum(map(cpu, pids)), sum(map(cpu, keepers))
        began = time.monotonic()
        fills = []
        for number in range(agents):
            part = count // agents + (number < count % agents)
            fill = [
                RELEASE / "examples" / "submitter",
                folder / str(number),
                str(part),
                str(SIZE),
                "Batch",
            ]
            fill += ["--group", "1000", "--tag", str(number), "--blast", "news"]
            fills.append(subprocess.Popen(fill, stdout=subprocess.DEVNULL))
        for submitting in fills:
            submitting.wait()
        patiently(
            lambda: delivered(folder / "0") >= count,
            600,
            "the agents do not get through",
        )
        took = time.monotonic() - began
        used, keeping = sum(map(cpu, pids)) - before, sum(map(cpu, keepers)) - kept
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
    return Run(count / took, used / count * 1e6, keeping / count * 1e6)


def patiently(what: Callable[[], bool], seconds: float, message: str) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise RuntimeError(message)
        time.sleep(0.05)


def delivered(spool: Path) -> int:
    """How many of the blast were delivered, by all agents."""
    command = [
        RELEASE / "freesmtp",
        "blast",
        "status",
        "news",
        "--json",
        "--spool",
        spool,
    ]
    asked = subprocess.run(command, capture_output=True, text=True)
    return int(json.loads(asked.stdout)["delivered"]) if asked.returncode == 0 else 0


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print(section("--quick" in sys.argv, lambda text: print(text, file=sys.stderr)))
