"""An SMTP server that counts round trips, without a clock.

It answers only when the client waits: when every thread of the client's process sleeps, nothing it has said is unread,
and answers are owed. Then all of them leave in one write, and that is one flight. A client that says everything it can
before it waits needs few; one that waits for each answer needs many. How fast anything is makes no difference.
"""

import contextlib
import re
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .process import LOOPBACK


@dataclass
class Session:
    """What came over one connection."""

    flights: int = 0
    messages: int = 0
    commands: list[str] = field(default_factory=list)


class FlightServer:
    """Takes every message of the process `pid`; use it with `with`."""

    def __init__(self, pid: int, *keywords: str) -> None:
        self.sessions: list[Session] = []
        self._pid = pid
        self._keywords = keywords
        self._listener = socket.create_server((LOOPBACK, 0))
        self.host, self.port = LOOPBACK, int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def flights(self) -> int:
        """Round trips of all connections: greeting, EHLO and QUIT among them."""
        return sum(session.flights for session in self.sessions)

    @property
    def messages(self) -> int:
        """Messages taken."""
        return sum(session.messages for session in self.sessions)

    def __enter__(self) -> "FlightServer":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connected in self._open:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                session = Session()
                self.sessions.append(session)
                self._open.append(connected)
                play = _Conversation(self._pid, connected, session, self._keywords)
                threading.Thread(target=play.run, daemon=True).start()


class _Conversation:
    def __init__(self, pid: int, connected: socket.socket, session: Session, keywords: tuple[str, ...]) -> None:
        self._pid = pid
        self._socket = connected
        self._session = session
        self._keywords = keywords
        self._heard = bytearray()
        self._owed = bytearray(b"220 flights.test\r\n")
        self._chunk: tuple[int, bool] | None = None
        self._in_data = False
        self._ended = False

    def run(self) -> None:
        with contextlib.suppress(OSError), self._socket:
            while not self._ended or self._owed:
                if not self._owed or self._is_readable():
                    data = self._socket.recv(1 << 16)
                    if not data:
                        return
                    self._heard += data
                    while self._step():
                        pass
                elif sleeps(self._pid) and not self._is_readable():
                    self._session.flights += 1
                    self._socket.sendall(self._owed)
                    self._owed.clear()
                else:
                    time.sleep(0.0005)

    def _is_readable(self) -> bool:
        return bool(select.select([self._socket], [], [], 0)[0])

    def _step(self) -> bool:
        if self._chunk is not None:
            size, last = self._chunk
            if len(self._heard) < size:
                return False
            del self._heard[:size]
            self._chunk = None
            self._session.messages += last
            self._owed += b"250 taken\r\n"
            return True
        line, end, rest = self._heard.partition(b"\r\n")
        if not end:
            return False
        self._heard = rest
        if self._in_data:
            if line == b".":
                self._in_data = False
                self._session.messages += 1
                self._owed += b"250 taken\r\n"
            return True
        self._command(line.decode())
        return True

    def _command(self, line: str) -> None:
        self._session.commands.append(line)
        if found := re.fullmatch(r"BDAT (\d+)( LAST)?", line):
            self._chunk = (int(found[1]), bool(found[2]))
            return
        verb = line.split(" ")[0]
        if verb == "EHLO":
            for keyword in ("flights.test", *self._keywords):
                self._owed += f"250-{keyword}\r\n".encode()
        self._in_data = verb == "DATA"
        self._ended = verb == "QUIT"
        self._owed += {"DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n")


def sleeps(pid: int) -> bool:
    """Whether every thread of the process sleeps, and did nothing while that was looked at."""
    before = _threads(pid)
    return bool(before) and all(state == "S" for state, _ in before.values()) and before == _threads(pid)


def _threads(pid: int) -> dict[str, tuple[str, str]]:
    """State and number of switches of each thread (proc(5))."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            status = (thread / "status").read_text()
            state = re.search(r"^State:\t(\S)", status, re.M)
            switches = re.findall(r"ctxt_switches:\t(\d+)", status)
            found[thread.name] = (state[1] if state else "", " ".join(switches))
    return found
