"""Child processes that never outlive the tests, free ports, and waiting until a server answers."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
LOOPBACK = "127.0.0.1"


class Unavailable(Exception):
    """The machine lacks what this server needs; the message says what."""


def require_root_and(*commands: str) -> None:
    """Raise `Unavailable` unless this is root and every command is installed."""
    missing = [c for c in commands if shutil.which(c, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        raise Unavailable("the server changes user, which only root may do")


def _die_with_parent() -> None:
    # The kernel sends this when the test run is killed, however hard; the servers end their own children on it.
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a process group of its own; what it prints goes to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def stop(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """End the process politely, then its whole group by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait(patience)


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def has_ipv6() -> bool:
    """Whether `::1` can be listened on."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], what: str, alive: Callable[[], bool], patience: float = 20) -> None:
    """Ask `ready` until it is true; fail as soon as `alive` is not."""
    deadline = time.monotonic() + patience
    while not ready():
        if not alive():
            raise RuntimeError(f"{what}: ended before it was ready")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready after {patience:g} s")
        time.sleep(0.02)


def listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether a connection can be opened."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Folder:
    """A temporary folder with a short path (Unix socket names end at 108 bytes) that servers' users may enter."""

    def __init__(self, name: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"fs-{name}-"))
        self.path.chmod(0o755)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
