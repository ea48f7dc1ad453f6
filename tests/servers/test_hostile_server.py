"""Servers that mean harm and keep to no clock: what is promised holds against them in each language.

Replies in the wrong order, too early, endless, cut off or injected around STARTTLS are scenarios (`tests/scenarios`:
`unasked-for-*`, `endless-*`, `starttls-injected*`, `tls-truncated-*`).
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from harness.driver import Job
from harness.running import RunningDriver

OPENING = {
    "greeting": [],
    "ehlo": [(None, b"220 drip.test\r\n")],
    "mail": [(None, b"220 drip.test\r\n"), (b"EHLO", b"250 drip.test\r\n")],
    "end": [
        (None, b"220 drip.test\r\n"),
        (b"EHLO", b"250 drip.test\r\n"),
        (b"MAIL", b"250 ok\r\n"),
        (b"RCPT", b"250 ok\r\n"),
        (b"DATA", b"354 go\r\n"),
    ],
}
#: What comes drop by drop for ever: a line without end, lines without end, and nothing but line ends of a reply.
DRIPS = {"line": b"2" + b"5" * 10, "lines": b"250-a\r\n"}


class Dripping:
    """Answers as its script says, and then lets one octet go after the other, for ever."""

    def __init__(self, opening: list[tuple[bytes | None, bytes]], drip: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.octets = 0
        self._opening, self._drip = opening, drip
        self._stop = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines, contextlib.suppress(OSError):
            for heard, said in self._opening:
                if heard is not None and not lines.readline().startswith(heard):
                    return
                client.sendall(said)
            while not self._stop.wait(0.02):
                client.sendall(self._drip[self.octets % len(self._drip) :][:1])
                self.octets += 1

    def close(self) -> None:
        self._stop.set()
        self.listener.close()


@pytest.fixture
def dripping() -> Iterator[list[Dripping]]:
    servers: list[Dripping] = []
    yield servers
    for server in servers:
        server.close()


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("phase", OPENING)
def test_a_reply_drop_by_drop_buys_no_time(
    phase: str, drip: str, running: RunningDriver, dripping: list[Dripping]
) -> None:
    """The time of a phase runs from its command on: octets that make no reply do not begin it anew."""
    server = Dripping(OPENING[phase], DRIPS[drip])
    dripping.append(server)
    job = Job().server("127.0.0.1", server.port, security="none", timeout=1)
    job.put("smtp.defaultdomain", "client.test")
    (answer,) = running.run(job.message("recipient@domain.test").send())
    assert not answer["ok"], answer
    assert answer["error"]["kind"] == ("outcome-unknown" if phase == "end" else "timeout"), answer
    # Endless lines have a limit too: that it was time, and not the limit, is what is tested.
    assert 0 < server.octets < 2_000
