"""An SMTP server that plays a script: it says exactly what the script says, and notes every byte it hears.

A script is a list of steps for each connection, in the order in which clients connect. A client that says something
else than the script expects is not answered any more: the violation is noted and the connection closed.
"""

import contextlib
import errno
import re
import select
import selectors
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .process import LOOPBACK
from .unread import unread

SPLITS = ("whole", "lines", "bytes")
PATIENCE = 30.0


@dataclass(frozen=True)
class Say:
    """Send bytes as they are, line ends included; when `conditional`, only if the last optional line was heard."""

    data: bytes
    conditional: bool = False


@dataclass(frozen=True)
class Hear:
    """Expect one line of the client (without its CRLF): equal to `text`, or matching it as a pattern."""

    text: str
    pattern: bool = False
    optional: bool = False

    def matches(self, line: str) -> bool:
        """Whether the line is the one expected."""
        return bool(re.fullmatch(self.text, line)) if self.pattern else line == self.text


@dataclass(frozen=True)
class Respond:
    """Hear any one line, and send what the function makes of it; what it raises is a violation."""

    answer: Callable[[str], bytes]


@dataclass(frozen=True)
class Message:
    """Take a message up to the lone dot and keep it without its dot-stuffing; the dot itself is taken too."""


@dataclass(frozen=True)
class Part:
    """Take so many octets of what comes, a part of a message, and forget them."""

    octets: int


@dataclass(frozen=True)
class Chunk:
    """Hear BDAT (RFC 3030), of that size unless `None`, and take so many octets; `last` ends the message."""

    size: int | None = None
    last: bool = False


@dataclass(frozen=True)
class Chunks:
    """Take every chunk that comes, answering each but one with LAST; end after that, or before another command."""

    answer: str = "250 ok"


@dataclass(frozen=True)
class Tls:
    """Do the server's part of a TLS handshake with the certificate of that name."""

    certificate: str = "good"


@dataclass(frozen=True)
class Close:
    """Close the connection, with a reset when `reset` is set."""

    reset: bool = False


@dataclass(frozen=True)
class Waits:
    """Nothing more of the client is there: what it will say next did not leave together with what it said last."""


@dataclass(frozen=True)
class Call:
    """Do something of the test's, and go on when it is done; the client is not read meanwhile."""

    action: Callable[[], object]


@dataclass(frozen=True)
class Enough:
    """From here on the client may close while it is still spoken to, as it should when it is told too much."""


@dataclass(frozen=True)
class Silence:
    """Say nothing more, take what comes, until the client closes."""


Step = Say | Hear | Respond | Message | Part | Chunk | Chunks | Tls | Close | Waits | Call | Enough | Silence


@dataclass
class Connection:
    """What one client did."""

    received: bytearray = field(default_factory=bytearray)
    lines: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    tls_version: str | None = None
    tls_failure: str | None = None
    finished: bool = False
    """Whether the script was played to its end."""


class ClientClosed(Exception):
    """The client closed although the script goes on."""


class HandshakeRefused(Exception):
    """The TLS handshake failed, as many tests want; it is noted on the connection."""


class Violation(Exception):
    """The client said something else than the script."""


class ScriptedServer:
    """Listens on a free port and plays one script for each connection; use it with `with`."""

    def __init__(
        self,
        *scripts: Sequence[Step],
        split: str = "whole",
        contexts: dict[str, ssl.SSLContext] | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        may_hang_up: bool = False,
    ) -> None:
        """`may_hang_up`: the client may close while it is still spoken to, as it should when it is told too much."""
        if split not in SPLITS:
            raise ValueError(f"split is one of {SPLITS}, not {split!r}")
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self._scripts = scripts
        self._split = split
        self._contexts = contexts or {}
        self._may_hang_up = may_hang_up
        self._sockets: list[socket.socket] = []
        self._players: list[threading.Thread] = []
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=16
        )
        self._listener.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        self.host = host
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def messages(self) -> list[bytes]:
        """The messages that arrived over all connections."""
        return [message for connection in self.connections for message in connection.messages]

    @property
    def received(self) -> bytes:
        """Every byte that arrived, over all connections (after decryption)."""
        return b"".join(bytes(connection.received) for connection in self.connections)

    def finish(self) -> None:
        """Wait until every connection was played to its end; then close. Violations are raised as one error."""
        self._stop_accepting()
        for player in self._players:
            player.join(PATIENCE)
            if player.is_alive():
                self.violations.append("the client neither goes on nor closes")
        self.close()
        unused = len(self._scripts) - len(self.connections)
        if unused > 0:
            self.violations.append(f"{unused} connection(s) of the script were never opened")
        if self.violations:
            raise Violation("\n".join(self.violations))

    def close(self) -> None:
        """Close everything at once."""
        self._stop_accepting()
        for connected in self._sockets:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        for player in self._players:
            player.join(PATIENCE)

    def _stop_accepting(self) -> None:
        if self._acceptor.is_alive():
            self._wake.send(b".")
            self._acceptor.join(PATIENCE)
            self._listener.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            closing = False
            while not closing:
                closing = any(key.fileobj is self._woken for key, _ in selector.select())
                # Clients that connected before the end are still served.
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self._serve(self._listener.accept()[0])

    def _serve(self, connected: socket.socket) -> None:
        number = len(self.connections)
        connection = Connection()
        self.connections.append(connection)
        self._sockets.append(connected)
        if number >= len(self._scripts):
            self.violations.append(f"connection {number + 1} is more than the script has")
            connected.close()
            return
        play = _Play(self, connected, connection, self._scripts[number], f"connection {number + 1}")
        player = threading.Thread(target=play.run, daemon=True)
        self._players.append(player)
        player.start()


class _Play:
    """One connection being played."""

    def __init__(
        self,
        server: ScriptedServer,
        connected: socket.socket,
        connection: Connection,
        script: Sequence[Step],
        name: str,
    ) -> None:
        self._server = server
        self._socket = connected
        self._connection = connection
        self._script = script
        self._name = name
        self._buffer = bytearray()
        self._heard_optional = False
        self._chunks = bytearray()
        self._may_hang_up = server._may_hang_up
        connected.settimeout(PATIENCE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        position = 0
        try:
            for position, step in enumerate(self._script, 1):
                if isinstance(step, Close):
                    self._finish(step)
                    return
                # Whom the server is about to leave may leave first.
                self._may_hang_up |= isinstance(step, Enough) or isinstance(
                    next(iter(self._script[position:]), None), Close
                )
                self._carry_out(step)
            self._farewell()
            self._connection.finished = True
        except HandshakeRefused:
            pass
        except ClientClosed:
            self._server.violations.append(f"{self._name}, step {position}: the client closed before {step}")
        except Violation as violation:
            self._server.violations.append(f"{self._name}, step {position}: {violation}")
        except TimeoutError:
            self._server.violations.append(f"{self._name}, step {position}: the client does nothing at {step}")
        except (OSError, ssl.SSLError) as error:
            hung_up = isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError))
            if (hung_up or getattr(error, "errno", 0) == errno.ENOTCONN) and self._may_hang_up:
                self._connection.finished = True
            else:
                self._server.violations.append(f"{self._name}, step {position}: {error}")
        finally:
            self._close()

    def _carry_out(self, step: Step) -> None:
        match step:
            case Say(data, conditional):
                if not conditional or self._heard_optional:
                    self._say(data)
            case Hear():
                self._hear(step)
            case Respond(answer):
                self._respond(answer)
            case Message():
                self._take_message()
            case Part(octets):
                self._take_part(octets)
            case Chunk():
                self._take_chunk(step)
            case Chunks(answer):
                self._take_chunks(answer)
            case Tls(certificate):
                self._start_tls(certificate)
            case Waits():
                if self._buffer or (select.select([self._socket], [], [], 0)[0] and self._read()):
                    raise Violation(f"the client does not wait, it says {bytes(self._buffer)!r}")
            case Call(action):
                action()
            case Silence():
                while self._read():
                    pass
                self._buffer.clear()

    def _finish(self, step: Close) -> None:
        self._connection.finished = True
        if step.reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _say(self, data: bytes) -> None:
        if self._server._split == "whole":
            pieces = [data]
        elif self._server._split == "lines":
            pieces = data.splitlines(keepends=True)
        else:
            pieces = [data[i : i + 1] for i in range(len(data))]
        for i, piece in enumerate(pieces):
            self._socket.sendall(piece)
            if i + 1 < len(pieces):
                self._wait_until_read()

    def _wait_until_read(self) -> None:
        # Each piece becomes a read of its own. A client that does not read now (it is writing, or has closed) gets
        # the rest after a while.
        deadline = time.monotonic() + 0.2
        while unread(self._socket) != 0 and time.monotonic() < deadline:
            time.sleep(0)

    def _hear(self, step: Hear) -> None:
        line = self._line(peek=step.optional)
        if step.optional:
            self._heard_optional = line is not None and step.matches(line)
        if line is None:
            if step.optional:
                return
            raise ClientClosed
        if step.matches(line):
            if step.optional:
                self._line()
            self._connection.lines.append(line)
        elif not step.optional:
            raise Violation(f"expected {step.text!r}, heard {line!r}")

    def _respond(self, answer: Callable[[str], bytes]) -> None:
        line = self._line()
        if line is None:
            raise ClientClosed
        self._connection.lines.append(line)
        try:
            said = answer(line)
        except (ValueError, KeyError) as error:
            raise Violation(f"{line!r}: {error!r}") from error
        self._say(said)

    def _take_message(self) -> None:
        message = bytearray()
        while True:
            line = self._line_bytes()
            if line is None:
                raise ClientClosed
            if line == b".\r\n":
                break
            message += line[1:] if line.startswith(b".") else line
        self._connection.messages.append(bytes(message))

    def _take_part(self, octets: int) -> None:
        while len(self._buffer) < octets:
            if not self._read():
                raise ClientClosed
        self._buffer.clear()

    def _take_chunk(self, step: Chunk) -> None:
        line = self._line()
        if line is None:
            raise ClientClosed
        found = re.fullmatch(r"BDAT ([0-9]+)( LAST)?", line)
        if not found or bool(found[2]) != step.last or step.size not in (None, int(found[1])):
            raise Violation(f"expected {step}, heard {line!r}")
        self._connection.lines.append(line)
        while len(self._buffer) < int(found[1]):
            if not self._read():
                raise ClientClosed
        self._chunks += self._buffer[: int(found[1])]
        del self._buffer[: int(found[1])]
        if step.last:
            self._connection.messages.append(bytes(self._chunks))
            self._chunks.clear()

    def _take_chunks(self, answer: str) -> None:
        while (line := self._line(peek=True)) is not None and line.startswith("BDAT "):
            last = line.endswith(" LAST")
            self._take_chunk(Chunk(last=last))
            if last:
                return
            self._say(f"{answer}\r\n".encode())

    def _start_tls(self, certificate: str) -> None:
        # What the client sent in clear text before the handshake must not become part of the session: a server
        # that kept it would be open to injection, and the test would not notice.
        if self._buffer:
            raise Violation(f"the client sent {bytes(self._buffer)!r} before the TLS handshake")
        try:
            secured = self._server._contexts[certificate].wrap_socket(self._socket, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self._connection.tls_failure = str(error)
            raise HandshakeRefused from error
        self._connection.tls_version = secured.version()
        self._server._sockets.append(secured)
        self._socket = secured

    def _farewell(self) -> None:
        """After the script a client may say QUIT, and must close."""
        line = self._line()
        if line is not None and line.upper() == "QUIT":
            self._connection.lines.append(line)
            with contextlib.suppress(OSError):
                self._socket.sendall(b"221 2.0.0 Bye\r\n")
        elif line is not None:
            raise Violation(f"the script is at its end, but the client says {line!r}")

    def _line(self, peek: bool = False) -> str | None:
        raw = self._line_bytes(peek)
        return None if raw is None else raw.removesuffix(b"\r\n").decode("utf-8", "backslashreplace")

    def _line_bytes(self, peek: bool = False) -> bytes | None:
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._read():
                if self._buffer:
                    raise Violation(f"the client closed within a line: {bytes(self._buffer)!r}")
                return None
        line = bytes(self._buffer[: end + 1])
        if not line.endswith(b"\r\n"):
            raise Violation(f"a line that ends without CR: {line!r}")
        if not peek:
            del self._buffer[: end + 1]
        return line

    def _read(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        self._connection.received += data
        self._buffer += data
        return bool(data)

    def _close(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            self._socket.close()
