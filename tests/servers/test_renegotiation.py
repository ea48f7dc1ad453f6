"""Handshakes without end within TLS: HelloRequest (RFC 5246 section 7.4.1.1) and KeyUpdate (RFC 8446 section 4.6.3).

What no data comes of costs the client work, and is no reply that a limit counts.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.driver import Job
from harness.openssl import Peer
from harness.pki import Pki
from harness.running import RunningDriver

VERSIONS = {"key-updates": "1.3", "hello-requests": "1.2"}


class Server:
    """Serves one client after the other, over TLS from the first octet on."""

    def __init__(self, pki: Pki, kind: str, play: Callable[[Peer], object]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.came: list[object] = []
        self._kind, self._play, self._certificate = kind, play, pki["good"]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client:
                    peer = Peer(client, VERSIONS[self._kind], self._certificate.chain, self._certificate.key)
                    peer.handshake()
                    self.came.append(self._play(peer))

    def close(self) -> None:
        self.listener.close()


Serving = Callable[[str, Callable[[Peer], object]], Server]


@pytest.fixture
def serving(pki: Pki) -> Iterator[Serving]:
    servers: list[Server] = []

    def start(kind: str, play: Callable[[Peer], object]) -> Server:
        servers.append(Server(pki, kind, play))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def job_for(server: Server, pki: Pki) -> Job:
    job = Job().server("127.0.0.1", server.port, security="implicit", cafile=pki.ca_file)
    return job.put("smtp.defaultdomain", "client.test").message("recipient@domain.test").send()


@pytest.mark.parametrize("phase", ["greeting", "ehlo"])
@pytest.mark.parametrize("kind", VERSIONS)
def test_handshakes_without_end_end_the_session(
    kind: str, phase: str, running: RunningDriver, serving: Serving, pki: Pki
) -> None:
    def flood(peer: Peer) -> int:
        if phase == "ehlo":
            peer.say(b"220 flood.test\r\n")
            peer.hear()
        return peer.flood(kind)

    server = serving(kind, flood)
    (answer,) = running.run(job_for(server, pki))
    assert not answer["ok"], answer
    assert answer["error"]["kind"] == "connect", answer
    assert "nothing but TLS itself" in answer["error"]["message"], answer
    assert answer["error"]["diagnosis"]["cause"] == "connection-lost", answer


@pytest.mark.parametrize("kind", VERSIONS)
def test_some_handshakes_are_part_of_tls(kind: str, running: RunningDriver, serving: Serving, pki: Pki) -> None:
    def honest(peer: Peer) -> list[bytes]:
        heard = []
        peer.say(b"220 honest.test\r\n")
        for reply in (b"250 honest.test", b"250 ok", b"250 ok", b"354 go", b"250 queued", b"221 bye"):
            text = peer.hear()
            while reply == b"250 queued" and not text.endswith(b"\r\n.\r\n"):
                text += peer.hear()
            heard.append(text)
            if kind == "key-updates":
                peer.update_keys(3)
            elif reply == b"250 ok":
                peer.renegotiate()
            peer.say(reply + b"\r\n")
        return heard

    server = serving(kind, honest)
    (answer,) = running.run(job_for(server, pki))
    assert answer["ok"], answer
