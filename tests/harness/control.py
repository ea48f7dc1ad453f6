"""The control socket of an agent, and the commands that use it."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.sink import program


class Control:
    """A connection to `agent.sock`, as any program would write it."""

    def __init__(self, spool: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        # A path too long for an address is reached by its open folder.
        folder = os.open(spool, os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/agent.sock")
        finally:
            os.close(folder)
        self.file = self.socket.makefile("rwb")

    def send(self, request: str, **members: Any) -> None:
        self.line(json.dumps({"v": 1, "request": request, **members}))

    def line(self, text: str) -> None:
        self.file.write(text.encode() + b"\n")
        self.file.flush()

    def is_read(self) -> bool:
        """Whether the agent has read all that was sent (unix(7))."""
        (unread,) = struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))
        return bool(unread == 0)

    def next(self) -> dict[str, Any]:
        line = self.file.readline()
        assert line.endswith(b"\n"), line
        answer: dict[str, Any] = json.loads(line)
        assert answer["v"] == 1
        return answer

    def ask(self, request: str, **members: Any) -> dict[str, Any]:
        """The answer to a request that is carried out."""
        self.send(request, **members)
        answer = self.next()
        assert answer["ok"], answer
        found: dict[str, Any] = answer["answer"]
        return found

    def refused(self, request: str, **members: Any) -> dict[str, Any]:
        """Why a request is not."""
        self.send(request, **members)
        answer = self.next()
        assert not answer["ok"], answer
        error: dict[str, Any] = answer["error"]
        assert error["message"]
        assert error["remedy"]
        return error

    def stream(self, request: str, **members: Any) -> Iterator[dict[str, Any]]:
        """The answers of a request that has several."""
        self.send(request, **members)
        while True:
            answer = self.next()
            assert answer["ok"], answer
            yield answer["answer"]
            if not answer.get("more"):
                return

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def command(spool: Path, *arguments: str, code: int = 0) -> str:
    """What the command prints on standard output; it ends with that code."""
    done = subprocess.run(
        [program(), *arguments, "--spool", str(spool)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 or done.stdout else done.stderr


def command_json(spool: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The same, read as JSON."""
    answer: dict[str, Any] = json.loads(command(spool, *arguments, "--json", code=code))
    return answer
