"""Child processes that never outlive the tests, free ports, and waiting until a server answers."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


# Waits for the end of its input, which comes when the test run closes it or dies, however hard; then ends the whole
# group and removes the folder. (PR_SET_PDEATHSIG would not do: the kernel forgets it when a server changes user.)
KEEPER = 'read -r _; kill -s TERM -- "-$1"; kill -s KILL -- "-$1"; rm -rf -- "$2"'


class Server:
    """A server as a child process in a group of its own, which never outlives the test run."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        """Start it; what it prints goes to `out.txt` in `folder`, which is removed if the test run is killed."""
        with (folder / "out.txt").open("ab") as out:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "sh", str(self._process.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self, patience: float = 30) -> None:
        """End it politely, then what is left of its group by force."""
        if self.alive():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
        self.kill(patience)

    def kill(self, patience: float = 30) -> None:
        """End its group by force; the folder stays."""
        # The keeper goes first: it must not signal a group number that belongs to someone else by then.
        self._keeper.kill()
        self._keeper.communicate()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(patience)


def first_of_clients() -> int:
    """The first of the ports that the system gives to clients, and to who asks for any."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32768


# Below those of clients: such a port stays free until its server starts, and while that is down between two starts. Not
# the generator that tests seed, for two runs would get the same.
PORTS = random.SystemRandom().sample(range(min(20_000, first_of_clients() // 2), first_of_clients()), k=4_000)


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on now, given once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = PORTS.pop()
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """So many, each another one."""
    return [free_port(host) for _ in range(count)]


def has_ipv6() -> bool:
    """Whether `::1` can be listened on."""
    try:
        free_port("::1")
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], what: str, alive: Callable[[], bool], patience: float = 60) -> None:
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
