"""What cancels a call of a driver while it waits: FIFOs that a job names, and servers that fall silent."""

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from .process import LOOPBACK

PATIENCE = 30.0


class Fifo:
    """A FIFO of a job: `cancel.own`, `cancel.object` or `wait`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

        self._writer = -1

    def await_reader(self) -> None:
        """Waits until somebody reads."""
        deadline = time.monotonic() + PATIENCE
        while self._writer < 0:
            try:
                self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def tell(self) -> None:
        """Says something to who reads, once there is one."""
        self.await_reader()
        os.write(self._writer, b".")
        os.close(self._writer)


class FullPort:
    """A port whose queue of connections is full: a client that asks for another one is not answered."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((LOOPBACK, 0))
        self._listener.listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._fillers: list[socket.socket] = []
        while self.waiting() == 0:
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((LOOPBACK, self.port))
            self._fillers.append(filler)
            time.sleep(0.02)
        self._own = self.waiting()

    def waiting(self) -> int:
        """How many have asked for a connection and heard nothing."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].endswith(f":{self.port:04X}") and row[3] == "02" for row in rows)

    def await_client(self) -> None:
        """Waits until somebody else asks for one."""
        deadline = time.monotonic() + PATIENCE
        while self.waiting() <= self._own and time.monotonic() < deadline:
            time.sleep(0.002)

    def close(self) -> None:
        """Frees the port."""
        for each in (*self._fillers, self._listener):
            each.close()


@contextlib.contextmanager
def beside(*steps: object) -> Iterator[None]:
    """Does this on another thread meanwhile, one after the other; what is raised there is raised at the end."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            for step in steps:
                assert callable(step)
                step()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)
    if raised:
        raise raised[0]
    if thread.is_alive():
        raise AssertionError("what was to happen meanwhile has not ended")
