"""A million messages that wait: how long the agent takes to come back with them, and in how much memory.

`python bench/measure/backlog.py` runs it alone; it needs `cargo build --release -p freesmtp-agent --bins --examples`.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from measure.table import figure, table

SIZE = 1024
ROOT = Path(__file__).parent.parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def section(quick: bool, said: Callable[[str], None]) -> str:
    """The table."""
    count = 100_000 if quick else 1_000_000
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    spool = Path(tempfile.mkdtemp(prefix="backlog-", dir=build))
    rows = []
    try:
        # A port that nobody listens at, and that nobody else can take.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            server = f"127.0.0.1:{nobody.getsockname()[1]}"
            said(f"backlog: {count} messages")
            fill = [RELEASE / "examples" / "submitter", spool, str(count), str(SIZE), "Batch", "--group", "1000"]
            subprocess.run(fill, check=True, stdout=subprocess.DEVNULL)
            for what in ("read from the spool", "started again"):
                said(f"backlog: {what}")
                took, peak = start(spool, server, count)
                rows.append([what, figure(took), figure(peak)])
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    head = ["agent", "seconds until it tells of all", "peak, MB"]
    return f"## A queue of {count:,} messages of 1 KB\n\n{table(head, rows)}\n"


def start(spool: Path, server: str, count: int) -> tuple[float, float]:
    """Seconds from its start until all are in the queue and it answers, and the peak of its memory in MB."""
    began = time.monotonic()
    options = ["--spool", spool, "--server", server, "--smtp", "off"]
    agent = subprocess.Popen([RELEASE / "freesmtp", "agent", *options], stderr=subprocess.DEVNULL)
    try:
        while queued(spool) < count:
            time.sleep(0.05)
            if agent.poll() is not None or time.monotonic() - began > 600:
                raise RuntimeError("the agent does not get through")
        took = time.monotonic() - began
        # What people ask for is in the figure.
        subprocess.run([RELEASE / "freesmtp", "queue", "list", "--spool", spool], check=True, stdout=subprocess.DEVNULL)
        status = Path(f"/proc/{agent.pid}/status").read_text(encoding="ascii")
        peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    finally:
        agent.terminate()
        agent.wait(20)
    return took, peak


def queued(spool: Path) -> int:
    """How many messages the agent tells of; 0 while it does not answer."""
    command = [RELEASE / "freesmtp", "status", "--json", "--spool", spool]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode != 0:
        return 0
    told: dict[str, Any] = json.loads(asked.stdout)
    return int(told["queue"]["messages"])


if __name__ == "__main__":
    print(section("--quick" in sys.argv, lambda text: print(text, file=sys.stderr)))
