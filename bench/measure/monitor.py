"""A million messages that wait: how long the monitor's API takes for each answer, and what a page that watches costs.

`python bench/measure/monitor.py` runs it alone; it needs `cargo build --release -p freesmtp-agent --bins --examples`.
"""

import http.client
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from measure.backlog import RELEASE, ROOT, SIZE, queued
from measure.table import figure, table

TIMES = 20
WATCHED = 10


def section(quick: bool, said: Callable[[str], None]) -> str:
    """The tables."""
    count = 100_000 if quick else 1_000_000
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    spool = Path(tempfile.mkdtemp(prefix="monitor-", dir=build))
    try:
        # A port that nobody listens at, and that nobody else can take.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            server = f"127.0.0.1:{nobody.getsockname()[1]}"
            said(f"monitor: {count} messages")
            fill(spool, count)
            with Agent(spool, server, count):
                pass
            said("monitor: a third of them was tried before")
            age(spool)
            with Agent(spool, server, count) as agent:
                said("monitor: answers")
                answers = agent.answers()
                said("monitor: watching")
                idle, watched = agent.cost(0), agent.cost(1)
                peak = agent.peak()
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    rows = [[path, figure(median), figure(longest)] for path, median, longest in answers]
    head = ["GET", "median, ms", "longest, ms"]
    text = f"## The monitor's API with {count:,} messages waiting\n\n{table(head, rows)}\n"
    return (
        f"{text}\nCPU of the agent: {idle:.1f} % of a core while nobody watches, {watched:.1f} % with a page; "
        f"peak of memory {peak:.0f} MB.\n"
    )


def fill(spool: Path, count: int) -> None:
    """Puts them into the spool: most into a blast."""
    submitter = RELEASE / "examples" / "submitter"
    for share, options in ((0.6, ["--blast", "news", "--tag", "n"]), (0.4, ["--tag", "m"])):
        command = [submitter, spool, str(int(count * share)), str(SIZE), "Batch", "--group", "1000", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def age(spool: Path) -> None:
    """Puts a third off, as a server would have, and holds five: no agent runs."""
    connection = sqlite3.connect(spool / "queue" / "queue.db")
    with connection:
        connection.execute("INSERT OR IGNORE INTO causes(cause, remedy) VALUES ('greylisted', 'Wait.')")
        due = int(time.time() * 1000) + 3_600_000
        connection.execute(
            "UPDATE jobs SET state = 1, attempts = 1, due = ? + message % 100000, "
            "cause = (SELECT id FROM causes WHERE cause = 'greylisted') WHERE message % 3 = 0",
            [due],
        )
        connection.execute("UPDATE jobs SET state = 2 WHERE message IN (SELECT message FROM jobs LIMIT 5)")
    connection.close()


class Agent:
    """An agent of that spool, with its web server."""

    def __init__(self, spool: Path, server: str, count: int) -> None:
        self.spool = spool
        options = ["--spool", spool, "--server", server, "--smtp", "off", "--http", "127.0.0.1:0"]
        self.process = subprocess.Popen([RELEASE / "freesmtp", "agent", *options], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        self.port = int(re.findall(r":(\d+)$", line.strip())[0])
        began = time.monotonic()
        while queued(spool) < count:
            time.sleep(0.2)
            if self.process.poll() is not None or time.monotonic() - began > 600:
                raise RuntimeError("the agent does not get through")

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def answers(self) -> list[tuple[str, float, float]]:
        """Each question, with the median and the longest of several answers in milliseconds."""
        first = self.ask("/api/queue?limit=1")[1]
        site = re.findall(r'"site":"([^"]+)"', first)[0]
        id_ = re.findall(r'"id":"([^"]+)"', first)[0]
        paths = [
            "/api/status",
            "/api/history",
            "/api/destinations?limit=1000",
            "/api/queue?limit=100",
            "/api/queue?limit=1000",
            f"/api/queue?site={site}",
            "/api/queue?site=elsewhere.example",
            "/api/queue?state=held",
            "/api/queue?state=later&cause=greylisted",
            "/api/queue?blast=news&state=ready",
            "/api/queue?text=nobody@nowhere.example",
            "/api/queue?subject=nothing+of+that+kind",
            f"/api/queue?text={id_}",
            f"/api/messages/{id_}?transcripts=true",
            "/api/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "/api/blasts",
            "/api/blasts/news",
            "/metrics",
            "/healthz",
            "/",
        ]
        found = []
        for path in paths:
            times = sorted(self.ask(path)[0] for _ in range(TIMES))
            found.append((path, statistics.median(times), times[-1]))
        return found

    def ask(self, path: str) -> tuple[float, str]:
        """Milliseconds, and the answer."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path.replace(" ", "%20"))
        text = connection.getresponse().read().decode()
        connection.close()
        return (time.perf_counter() - began) * 1000, text

    def cost(self, watchers: int) -> float:
        """Percent of a core that it takes, with so many who watch."""
        streams = []
        for _ in range(watchers):
            stream = socket.create_connection(("127.0.0.1", self.port))
            stream.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            streams.append(stream)
        time.sleep(1)
        before = self.cpu()
        end = time.monotonic() + WATCHED
        while time.monotonic() < end:
            for stream in streams:
                stream.settimeout(max(end - time.monotonic(), 0.01))
                try:
                    stream.recv(1 << 20)
                except TimeoutError:
                    break
            if not streams:
                time.sleep(0.5)
        used = self.cpu() - before
        for stream in streams:
            stream.close()
        return used / WATCHED * 100

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """The peak of its memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(section("--quick" in sys.argv, lambda text: print(text, file=sys.stderr)))
