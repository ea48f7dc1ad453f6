"""Agents, submitters and recorders as processes, which tests kill."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.driver import ROOT
from harness.process import LOOPBACK
from harness.sink import program

TESTS = Path(__file__).parent.parent


def submitter() -> str:
    """Where the example program is that submits messages."""
    return str(Path(program()).parent / "examples" / "submitter")


# What takes so many seconds at most where nothing else runs may take so many times as long where others do.
BUSY = 3


def until(what: Callable[[], bool], seconds: float, message: str) -> None:
    """Waits until something holds, which takes no longer than that on a machine with nothing else to do."""
    end = time.monotonic() + BUSY * seconds
    while not what():
        assert time.monotonic() < end, message
        time.sleep(0.02)


class Recorder:
    """A server that notes what it takes."""

    def __init__(
        self,
        folder: Path,
        name: str = "recorder",
        delay: float = 0,
        port: int = 0,
        keywords: tuple[str, ...] = (),
        sessions: int = 10_000,
    ) -> None:
        self.path = folder / f"{name}.jsonl"
        options = [str(port), str(self.path), str(delay), str(sessions), *keywords]
        arguments = [sys.executable, "-m", "harness.recorder", *options]
        self.process = subprocess.Popen(arguments, cwd=TESTS, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[-1])

    @property
    def server(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def kept(self) -> list[dict[str, Any]]:
        """What it took, in order; the last line may be half written."""
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def most(self) -> int:
        """The most connections that were open at once."""
        path = Path(f"{self.path}.most")
        return int(path.read_text()) if path.exists() else 0

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Agent:
    """A running `freesmtp agent`."""

    def __init__(self, spool: Path, *options: str, config: str = "", wait: bool = True) -> None:
        self.spool = spool
        spool.parent.mkdir(parents=True, exist_ok=True)
        self.log_path = spool.parent / "agent.log"
        arguments = [program(), "agent", "--spool", str(spool), "--name", "agent.test", *options]
        if config:
            self.config = spool.parent / "agent.toml"
            self.config.write_text(config)
            arguments += ["--config", str(self.config)]
        with self.log_path.open("ab") as log:
            before = self.log_path.stat().st_size
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log)
        if wait:
            until(lambda: b"is ready" in self.log_path.read_bytes()[before:], 20, f"no agent: {self.log()}")

    def log(self) -> str:
        return self.log_path.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; how it ended. It has ten seconds, where nothing else runs."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(BUSY * 10)

    def most_memory(self) -> int:
        """The octets of memory that it had at most, as the kernel saw it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def queued(self) -> int:
        """Messages in its queue."""
        return int(self.ask("SELECT COALESCE(SUM(live), 0) FROM segments")[0][0])

    def ask(self, sql: str) -> list[Any]:
        path = self.spool / "queue" / "queue.db"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def is_empty(self, own: int = 0) -> bool:
        """Nothing is left in queue and spool, but for segments that the agent itself still writes to."""
        return self.queued() == 0 and len(list((self.spool / "incoming").glob("*.seg"))) <= own


class Submitter:
    """A process that submits messages and prints each id once it is safe."""

    def __init__(
        self,
        spool: Path,
        count: int,
        *recipients: str,
        tag: str = "m",
        octets: int = 500,
        group: int = 1,
        sender: str = "sender@example.test",
        blast: str = "",
        key: str = "",
        hold: bool = False,
    ) -> None:
        self.out = spool.parent / f"{tag}.ids"
        options = ["--group", str(group), "--tag", tag, "--sender", sender]
        options += ["--blast", blast] if blast else []
        options += ["--key", key] if key else []
        options += ["--hold"] if hold else []
        arguments = [submitter(), str(spool), str(count), str(octets), "Full", *options, *recipients]
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE if hold else None, stdout=out)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_until_held(self) -> None:
        """Until all is written but for what makes it count."""
        until(lambda: self.out.read_text() == "held\n", 20, "it does not hold")

    def let_go(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.wait()

    def wait(self) -> None:
        assert self.process.wait(300) == 0

    def ids(self) -> dict[str, str]:
        """Id by Message-ID, of whole lines."""
        text = self.out.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()
        return {message_id: id_ for id_, message_id in (line.split() for line in lines if line != "held")}


def submit(
    spool: Path,
    count: int,
    *recipients: str,
    tag: str = "m",
    octets: int = 500,
    group: int = 50,
    sender: str = "sender@example.test",
    blast: str = "",
    key: str = "",
) -> dict[str, str]:
    """Submits messages and waits until they are safe."""
    submitter = Submitter(
        spool, count, *recipients, tag=tag, octets=octets, group=group, sender=sender, blast=blast, key=key
    )
    submitter.wait()
    return submitter.ids()


def is_built() -> bool:
    return Path(submitter()).exists() and os.access(program(), os.X_OK) and ROOT.exists()
