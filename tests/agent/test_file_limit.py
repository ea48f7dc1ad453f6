"""Open files: the agent takes what its sessions can come to need, or says that it may not."""

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.agent import until
from harness.sink import program

Begin = Callable[..., Path]

SESSIONS = 5_000
LEAST = 2 * SESSIONS
SYS_RESOURCE = 1 << 24


def may_raise() -> bool:
    """Whether this user may raise every limit."""
    (held,) = re.findall(r"CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text())
    return bool(int(held, 16) & SYS_RESOURCE)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts an agent for many sessions behind other commands; gives its log."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*before: str) -> Path:
        log = tmp_path / "log"
        listen = ["--smtp", "off", "--http", "off", "--server", "127.0.0.1:9", "--sessions", str(SESSIONS)]
        with log.open("wb") as out:
            arguments = [*before, program(), "agent", "--spool", str(tmp_path / "spool"), *listen]
            processes.append(subprocess.Popen(arguments, stderr=out))
        until(lambda: "is ready" in log.read_text(), 20, "it does not start")
        return log

    yield start
    for process in processes:
        process.terminate()
        process.wait(60)


def may_open(log: Path) -> int:
    """What the agent of that log may open."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    (found,) = [pid for pid in children if str(log.parent) in Path(f"/proc/{pid}/cmdline").read_text()]
    limits = Path(f"/proc/{found}/limits").read_text()
    (most,) = re.findall(r"Max open files +(\d+)", limits)
    return int(most)


def test_it_takes_what_it_may(begin: Begin) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < 3 * SESSIONS:
        pytest.skip(f"this machine lets a process open {most} files")
    log = begin("prlimit", f"--nofile=256:{most}")
    assert may_open(log) >= LEAST
    assert "files may have to be open" not in log.read_text()


def test_it_says_when_it_may_not(begin: Begin) -> None:
    before = ["prlimit", "--nofile=256:4096"]
    if may_raise():
        if not shutil.which("setpriv"):
            pytest.skip("this user may raise every limit, and there is no setpriv to take that right away")
        before += ["setpriv", "--bounding-set", "-sys_resource"]
    log = begin(*before)
    assert may_open(log) == 4_096
    assert re.search(
        r"\d{5} files may have to be open for sessions = 5000, and this process may open 4096", log.read_text()
    )
    assert "LimitNOFILE" in log.read_text()


@pytest.mark.skipif(not may_raise(), reason="this user may not raise what a process may open")
def test_root_raises_the_limit(begin: Begin) -> None:
    log = begin("prlimit", "--nofile=256:4096")
    assert may_open(log) >= LEAST
    assert "files may have to be open" not in log.read_text()
