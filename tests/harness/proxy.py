"""Proxies that really relay, to this machine whatever is asked: SOCKS5 (RFC 1928, RFC 1929), HTTP CONNECT (RFC 9110).

They can ask for a login, refuse, hang, close, and answer in one piece with the first words of the server.
"""

import base64
import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass, field

from .process import LOOPBACK

PATIENCE = 30.0
SOCKS_OK = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@dataclass
class Asked:
    """What one client asked for."""

    peer: str
    """The address that it came from."""
    host: str = ""
    port: int = 0
    kind: str = ""
    """`name`, `ipv4` or `ipv6`: how the host was written."""
    login: tuple[str, str] | None = None


class Gone(Exception):
    """The client closed, or said what no such client says."""


@dataclass
class Behaviour:
    """What a proxy does with its clients."""

    login: tuple[str, str] | None = None
    """User and password that it asks for."""
    refusal: int = 0
    """A reply code of SOCKS, or a status of HTTP, in place of a connection."""
    reason: str = "No Way"
    hang: bool = False
    """Takes what comes and never answers."""
    close: bool = False
    """Closes once it was asked."""
    early: bool = False
    """Waits for the server's first words and sends them in one piece with its own answer."""
    schemes: tuple[str, ...] = field(default=("Basic",))
    """What an HTTP proxy names with 407."""


class Proxy:
    """Listens on a free port; use it with `with`."""

    scheme = ""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.asked: list[Asked] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        self._acceptor.join(PATIENCE)

    def url(self, login: str = "") -> str:
        """How a client names it; `login` is `user:password`, percent-encoded."""
        return f"{self.scheme}://{login}{'@' if login else ''}{LOOPBACK}:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, peer = self._listener.accept()
                client.settimeout(PATIENCE)
                self._sockets.append(client)
                asked = Asked(peer[0])
                self.asked.append(asked)
                threading.Thread(target=self._serve, args=(client, asked), daemon=True).start()

    def _serve(self, client: socket.socket, asked: Asked) -> None:
        with contextlib.suppress(OSError, Gone):
            if self.behaviour.hang:
                while client.recv(4096):
                    pass
                return
            self.negotiate(client, asked)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def negotiate(self, client: socket.socket, asked: Asked) -> None:
        """Speaks its protocol; ends with `relay`."""
        raise NotImplementedError

    def relay(self, client: socket.socket, asked: Asked, answer: bytes) -> None:
        """Connects to this machine, answers, and passes on what comes until both sides have closed."""
        server = socket.create_connection((LOOPBACK, asked.port), PATIENCE)
        self._sockets.append(server)
        client.sendall(answer + (server.recv(4096) if self.behaviour.early else b""))
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join(PATIENCE)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Passes on what comes, and the end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def exactly(client: socket.socket, size: int) -> bytes:
    """That many bytes."""
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            raise Gone
        data += piece
    return data


class Socks5(Proxy):
    """A SOCKS 5 proxy."""

    scheme = "socks5"

    def negotiate(self, client: socket.socket, asked: Asked) -> None:
        version, count = exactly(client, 2)
        if version != 5:
            raise Gone
        offered = exactly(client, count)
        wanted = 2 if self.behaviour.login else 0
        if wanted not in offered:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes([5, wanted]))
        if self.behaviour.login and not self._log_in(client, asked):
            return
        _, command, _, kind = exactly(client, 4)
        if command != 1:
            raise Gone
        if kind == 3:
            asked.kind, asked.host = "name", exactly(client, exactly(client, 1)[0]).decode()
        else:
            asked.kind = "ipv4" if kind == 1 else "ipv6"
            asked.host = str(ipaddress.ip_address(exactly(client, 4 if kind == 1 else 16)))
        asked.port = int.from_bytes(exactly(client, 2), "big")
        if self.behaviour.close:
            return
        if self.behaviour.refusal:
            client.sendall(bytes([5, self.behaviour.refusal, *SOCKS_OK[2:]]))
            return
        self.relay(client, asked, SOCKS_OK)

    def _log_in(self, client: socket.socket, asked: Asked) -> bool:
        _, size = exactly(client, 2)
        user = exactly(client, size).decode()
        password = exactly(client, exactly(client, 1)[0]).decode()
        asked.login = (user, password)
        right = asked.login == self.behaviour.login
        client.sendall(b"\x01\x00" if right else b"\x01\x01")
        return right


class HttpConnect(Proxy):
    """An HTTP proxy that knows CONNECT."""

    scheme = "http"

    def negotiate(self, client: socket.socket, asked: Asked) -> None:
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            header += exactly(client, 1)
            if not b"CONNECT ".startswith(header[:8]):
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
        request, *fields = header.decode().split("\r\n")
        asked.host, _, port = request.split(" ")[1].rpartition(":")
        asked.port = int(port)
        asked.kind = "ipv6" if asked.host.startswith("[") else "ipv4" if asked.host[-1].isdigit() else "name"
        for name, _, value in (line.partition(": ") for line in fields):
            if name == "Proxy-Authorization":
                user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
                asked.login = (user, password)
        if self.behaviour.close:
            return
        if self.behaviour.login and asked.login != self.behaviour.login:
            schemes = "".join(f'Proxy-Authenticate: {scheme} realm="tests"\r\n' for scheme in self.behaviour.schemes)
            client.sendall(f"HTTP/1.1 407 Proxy Authentication Required\r\n{schemes}\r\n".encode())
        elif self.behaviour.refusal:
            client.sendall(f"HTTP/1.1 {self.behaviour.refusal} {self.behaviour.reason}\r\n\r\n".encode())
        else:
            self.relay(client, asked, b"HTTP/1.1 200 Connection established\r\nVia: tests\r\n\r\n")


KINDS: dict[str, type[Proxy]] = {"socks5": Socks5, "http": HttpConnect}
