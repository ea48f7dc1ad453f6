"""An attachment of 1 GB, from a file and from a stream: no language holds it, or much of it, in memory."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from io import BufferedReader
from pathlib import Path

import pytest

from harness.driver import Answer, Job, command, read_answer

SIZE = 1 << 30
#: More than a message without an attachment may take, in KiB.
MOST = 12 * 1024


class Swallow:
    """Takes one message, keeps nothing of it, and looks at the client's memory when all of it has come."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.pid = 0
        self.octets = 0
        self.peak_kb = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 mail.test\r\n")
            while line := lines.readline():
                if line.startswith(b"DATA"):
                    connection.sendall(b"354 go\r\n")
                    self._take(lines)
                if line.startswith(b"QUIT"):
                    # The client does not wait for the answer.
                    return
                connection.sendall(b"250 ok\r\n")

    def _take(self, lines: BufferedReader) -> None:
        tail, buffer = b"", memoryview(bytearray(1 << 20))
        while tail != b"\r\n.\r\n":
            got = lines.readinto1(buffer)
            if got == 0:
                return
            self.octets += got
            tail = (tail + bytes(buffer[max(0, got - 5) : got]))[-5:]
        status = Path(f"/proc/{self.pid}/status").read_text()
        # What the kernel saw at most.
        self.peak_kb = int(status.split("VmHWM:")[1].split()[0])


def sent(language: str, *attachments: tuple[str, str | Path]) -> tuple[Answer, Swallow]:
    server = Swallow()
    with closing(server.listener):
        job = Job().server("127.0.0.1", server.port, security="none", timeout=600).message("recipient@domain.test")
        for key, value in attachments:
            job.put(key, value)
        with subprocess.Popen(command(language), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            server.pid = process.pid
            output, _ = process.communicate(job.send().text().encode(), timeout=1200)
        server.thread.join(60)
    return read_answer(language, output.splitlines()[0]), server


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that takes no room."""
    path = tmp_path_factory.mktemp("large") / "large.bin"
    with path.open("wb") as file:
        file.truncate(SIZE)
    yield path
    path.unlink()


@pytest.mark.parametrize("source", ["file", "stream"])
def test_memory_stays(source: str, language: str, large: Path) -> None:
    _, without = sent(language)
    answer, server = sent(language, ("attachment.name", "large.bin"), (f"attachment.{source}", large))
    assert answer["ok"], answer
    assert server.octets > SIZE * 4 // 3
    print(f"{language}, {source}: {without.peak_kb} KiB without, {server.peak_kb} KiB with")
    assert server.peak_kb <= without.peak_kb + MOST
