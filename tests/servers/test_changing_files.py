"""A file that changes while it is sent: the message stops before its end, in each language; nothing is delivered."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.driver import Job
from harness.scripted import Hear, Respond, Say, Silence

SIZE = 2 * 1024 * 1024


def rewritten(path: Path) -> None:
    """Other bytes, as many as before."""
    path.write_bytes(random.Random(2).randbytes(SIZE))


def touched(path: Path) -> None:
    """Written to at its end, where it may be read already, with the same bytes."""
    with path.open("r+b") as file:
        last = path.read_bytes()[-1:]
        file.seek(-1, os.SEEK_END)
        file.write(last)
    os.utime(path, (1, 1))


def grown(path: Path) -> None:
    """Something is appended."""
    with path.open("ab") as file:
        file.write(b"more")


def shrunk(path: Path) -> None:
    """Its end is cut off."""
    os.truncate(path, SIZE // 2)


def emptied(path: Path) -> None:
    """All of it is cut off."""
    os.truncate(path, 0)


def removed(path: Path) -> None:
    """It has no name any more."""
    path.unlink()


def replaced(path: Path) -> None:
    """Another file took its name."""
    other = path.with_suffix(".new")
    other.write_bytes(random.Random(3).randbytes(SIZE))
    other.replace(path)


CHANGES: list[Callable[[Path], None]] = [rewritten, touched, grown, shrunk, emptied, removed, replaced]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_nothing_is_delivered(change: Callable[[Path], None], language: str, serve, send, tmp_path: Path) -> None:
    path = tmp_path / "report.bin"
    path.write_bytes(random.Random(1).randbytes(SIZE))

    def data(line: str) -> bytes:
        assert line == "DATA"
        change(path)
        return b"354 go\r\n"

    server = serve(
        [
            Say(b"220 mail.test\r\n"),
            Hear("EHLO client.test"),
            Say(b"250 mail.test\r\n"),
            Hear("MAIL FROM:<sender@domain.test>"),
            Say(b"250 ok\r\n"),
            Hear("RCPT TO:<recipient@domain.test>"),
            Say(b"250 ok\r\n"),
            Respond(data),
            Silence(),
        ]
    )
    job = Job().server("127.0.0.1", server.port, security="none").put("smtp.defaultdomain", "client.test")
    job.message("recipient@domain.test").put("attachment.file", path)
    answer = send(job.send())
    server.finish()
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["field"]) == ("file-io", "Attachments[0]"), error
    assert "report.bin" in error["message"]
    assert [recipient["status"] for recipient in error["recipients"]] != ["accepted"]
    assert not server.received.endswith(b"\r\n.\r\n"), "half a message was ended as a whole one"
