"""Draining a queue to one server with 256 sessions: the agent beside a Postfix on the same disk.

`python bench/measure/drain.py` runs it alone; it needs `cargo build --release -p freesmtp-agent --bins --examples`, and
root and Postfix for the comparison.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from measure import postfix, server
from measure.table import figure, table

SIZE = 1024
SESSIONS = 256
ROOT = Path(__file__).parent.parent.parent


def section(rounds: int, quick: bool, said: Callable[[str], None]) -> str:
    """The table."""
    part = 10 if quick else 1
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    rows, ours, theirs = [], [], []
    for number in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="drain-", dir=build))
        folder.chmod(0o755)
        try:
            with server.sink() as port:
                said(f"draining: round {number + 1} of {rounds}: the agent")
                ours.append(agent(folder, port, 100_000 // part))
                said(f"draining: round {number + 1} of {rounds}: Postfix")
                theirs.append(rival(folder, port, 5_000 // part))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    for mine, peer in zip(ours, theirs, strict=True):
        rate, cpu, memory = mine
        times = f"{rate / peer:.1f} ×" if peer else "–"
        rows.append([figure(rate), figure(cpu), figure(memory), figure(peer) if peer else "–", times])
    head = ["agent, messages/s", "CPU, µs/message", "peak, MB", "Postfix, messages/s", "× Postfix"]
    return f"## Draining, {SESSIONS} sessions, 1 KB\n\n{table(head, rows)}\n"


def agent(folder: Path, port: int, count: int) -> tuple[float, float, float]:
    """Messages per second, µs of CPU for each, and the peak of memory in MB."""
    release = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    spool = folder / "spool"
    fill = [release / "examples" / "submitter", spool, str(count), str(SIZE), "Batch", "--group", "1000"]
    subprocess.run(fill, check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    options = ["--spool", spool, "--server", f"127.0.0.1:{port}", "--sessions", str(SESSIONS)]
    process = subprocess.Popen([release / "freesmtp", "agent", *options], stderr=subprocess.DEVNULL)
    try:
        # A segment that nobody needs any more is removed: then all of it was delivered.
        while not _is_drained(spool):
            time.sleep(0.02)
            if time.monotonic() - began > 300:
                raise RuntimeError("the agent does not get through")
        took = time.monotonic() - began
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
        ticks = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
    finally:
        process.terminate()
        process.wait(20)
    return count / took, cpu / count * 1e6, peak


def _is_drained(spool: Path) -> bool:
    try:
        queue = sqlite3.connect(f"file:{spool}/queue/queue.db?mode=ro", uri=True, timeout=5)
        try:
            (read, live) = queue.execute("SELECT COUNT(*), SUM(live) FROM segments WHERE finished").fetchone()
        finally:
            queue.close()
    except sqlite3.Error:
        return False
    left = len(list((spool / "incoming").glob("*.seg")))
    return left == 0 or (read == left and live == 0)


def rival(folder: Path, port: int, count: int) -> float | None:
    """Messages per second of Postfix; ``None`` where it cannot run."""
    path = f"{os.environ.get('PATH', '')}:{server.SINK_PLACES}"
    environment = os.environ | {"PATH": path}
    with postfix.running(folder, port, SESSIONS) as smtp:
        if not smtp:
            return None
        source = ["smtp-source", "-s", "20", "-m", str(count), "-l", str(SIZE), "-f", "a@example.test"]
        subprocess.run([*source, "-t", "b@example.test", f"127.0.0.1:{smtp}"], check=True, env=environment)
        config = ["-c", str(folder / "config")]
        subprocess.run(["postsuper", *config, "-H", "ALL"], check=True, env=environment, capture_output=True)
        began = time.monotonic()
        subprocess.run(["postqueue", *config, "-f"], check=True, env=environment)
        waiting = [folder / "queue" / name for name in ("hold", "deferred", "incoming", "active")]
        while any(files for queue in waiting for _, _, files in os.walk(queue)):
            time.sleep(0.02)
            if time.monotonic() - began > 300:
                raise RuntimeError("Postfix does not get through")
        return count / (time.monotonic() - began)


if __name__ == "__main__":
    print(section(1, "--quick" in sys.argv, lambda text: print(text, file=sys.stderr)))
