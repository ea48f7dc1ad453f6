"""The SMTP listener against clients that mean harm by TLS, 1.2 and 1.3.

Handshakes without end, connections that break off, what is no TLS at all, and what stood before it.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.agent import Agent, until
from harness.openssl import Peer
from harness.pki import Pki
from harness.sink import Sink, read

Start = Callable[..., Agent]
Connect = Callable[..., socket.socket]
VERSIONS = ["1.2", "1.3"]
#: More than a flood comes to in the time that a silent client gets.
MOST = 1 << 30
ENVELOPE = b"EHLO c\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\n"


@pytest.fixture
def connect(start: Start, sink: Sink, pki: Pki) -> Iterator[Connect]:
    """Connects to an agent that listens, says these commands, and comes to the reply to STARTTLS."""
    certificate, key = pki["good"].chain, pki["good"].key
    tls = f'certificate_file = "{certificate}"\nkey_file = "{key}"\ntimeout = "5s"\n'
    route = f'[[route]]\nservers = ["127.0.0.1:{sink.port}"]\n'
    agent = start(config=f'[smtp]\nlisten = ["127.0.0.1:0"]\n{tls}{route}')
    port = int(re.findall(r"SMTP on \S+:(\d+)", agent.log())[-1])
    with contextlib.ExitStack() as open_ones:

        def make(*before: bytes) -> socket.socket:
            client = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            lines = client.makefile("rb", buffering=0)
            assert lines.readline()[:3] == b"220"
            for command in (*before, b"STARTTLS"):
                client.sendall(command + b"\r\n")
                while (reply := lines.readline())[3:4] == b"-":
                    pass
            assert reply[:3] == b"220"
            return client

        yield make


def heard(peer: Peer, count: int) -> list[bytes]:
    """So many last lines of replies."""
    text = b""
    while len(lines := [line for line in text.split(b"\r\n")[:-1] if line[3:4] == b" "]) < count:
        more = peer.hear()
        assert more, text
        text += more
    return lines


def good(connect: Connect, sink: Sink, version: str = "1.3") -> None:
    """A message that is right goes through, and is the only one."""
    peer = Peer(connect(), version)
    peer.handshake()
    peer.say(ENVELOPE + b"DATA\r\nSubject: good\r\n\r\n.\r\nQUIT\r\n")
    assert [line[:3] for line in heard(peer, 6)] == [b"250"] * 3 + [b"354", b"250", b"221"]
    until(lambda: [read(path)["Subject"] for path in sink.kept()] == ["good"], 30, "the good one did not arrive alone")


def test_no_client_gets_another_handshake(connect: Connect, sink: Sink) -> None:
    """A handshake costs the server the most: it is done once, and who insists is sent away."""
    peer = Peer(connect(), "1.2")
    peer.handshake()
    peer.renegotiate(100)
    assert b"250" not in peer.hear()
    good(connect, sink)


@pytest.mark.parametrize("phase", ["greeting", "data"])
def test_keys_that_change_without_end_are_silence(phase: str, connect: Connect, sink: Sink) -> None:
    """They end the session as silence does, and hold up nobody meanwhile."""
    peer = Peer(connect(), "1.3")
    peer.handshake()
    if phase == "data":
        peer.say(ENVELOPE + b"DATA\r\nSubject: half\r\n")
        heard(peer, 4)
    took: list[int] = []
    flooding = threading.Thread(target=lambda: took.append(peer.flood("key-updates", MOST)))
    flooding.start()
    good(connect, sink)
    flooding.join()
    assert took[0] < MOST


def test_keys_may_change(connect: Connect, sink: Sink) -> None:
    """Between commands, within a line, a message and its end (RFC 8446 section 4.6.3)."""
    peer = Peer(connect(), "1.3")
    peer.handshake()
    stream = ENVELOPE + b"DATA\r\nSubject: keys\r\n\r\n..x\r\n.\r\nQUIT\r\n"
    for piece in range(0, len(stream), 5):
        peer.update_keys(3)
        peer.say(stream[piece : piece + 5])
    assert [line[:3] for line in heard(peer, 6)] == [b"250"] * 3 + [b"354", b"250", b"221"]
    until(lambda: len(sink.kept()) == 1, 30, "it did not arrive")
    assert sink.only().read_bytes().endswith(b"\r\n\r\n.x\r\n")


@pytest.mark.parametrize("end", [b"", b".", b".\r", b"\n.\n"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_that_breaks_off_ends_no_message(version: str, end: bytes, connect: Connect, sink: Sink) -> None:
    """Whoever sits in between may end the connection, and no close_notify was said (RFC 8446 section 6.1)."""
    client = connect()
    peer = Peer(client, version)
    peer.handshake()
    peer.say(ENVELOPE + b"DATA\r\nSubject: half\r\n\r\nx\r\n" + end)
    heard(peer, 4)
    client.close()
    chunks = connect()
    peer = Peer(chunks, version)
    peer.handshake()
    peer.say(ENVELOPE + b"BDAT 30\r\nSubject: half\r\n\r\nx\r\n")
    heard(peer, 3)
    chunks.close()
    good(connect, sink, version)


CLEAR = {
    "commands": b"EHLO c\r\nMAIL FROM:<a@x.test>\r\n",
    "alert": bytes.fromhex("15 03 03 00 02 01 00"),
    "data": bytes.fromhex("17 03 03 00 06") + b"NOOP\r\n",
    "empty-records": bytes.fromhex("16 03 01 00 00") * 100,
    "too-long": bytes.fromhex("16 03 01 ff ff") + bytes(1 << 16),
    # A ClientHello of TLS 1.1 with two suites.
    "tls-1.1": bytes.fromhex("16 03 01 00 2f 01 00 00 2b 03 02") + bytes(34) + bytes.fromhex("04 00 2f c0 14 01 00"),
    "ssl-2": bytes.fromhex("80 2e 01 00 02 00 15 00 00 00 10 01 00 80") + bytes(34),
}  # fmt: skip


@pytest.mark.parametrize("kind", CLEAR)
def test_what_is_no_handshake_is_no_session(kind: str, connect: Connect, sink: Sink) -> None:
    client = connect()
    said = b""
    # The agent may have hung up before all is said: then there is nobody left to say the end to (ENOTCONN).
    with contextlib.suppress(OSError):
        client.sendall(CLEAR[kind])
        client.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        while more := client.recv(1 << 16):
            said += more
    # An alert at most, and no handshake of the server's (RFC 8446 section 5.1).
    assert said[:1] in (b"", b"\x15"), said
    assert b"250" not in said
    good(connect, sink)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_stood_before_tls_is_forgotten(version: str, connect: Connect, sink: Sink) -> None:
    """The envelope that was begun in clear text, too, is not gone on with (RFC 3207 section 4.2)."""
    peer = Peer(connect(b"EHLO c", b"MAIL FROM:<a@x.test>"), version)
    peer.handshake()
    peer.say(b"RCPT TO:<b@y.test>\r\nDATA\r\nSTARTTLS\r\n")
    assert {line[:3] for line in heard(peer, 3)} <= {b"500", b"502", b"503"}
    good(connect, sink, version)
