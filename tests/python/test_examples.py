"""The examples run as they stand."""

import subprocess
import sys
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from harness.scripted import Hear, Message, Say, ScriptedServer, Step

Serve = Callable[..., ScriptedServer]
EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
TAKES: list[Step] = [
    Say(b"220 a.test\r\n"),
    Hear("EHLO .*", pattern=True),
    Say(b"250 a.test\r\n"),
    Hear("MAIL FROM:.*", pattern=True),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:.*", pattern=True),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go on\r\n"),
    Message(),
    Say(b"250 taken\r\n"),
    Hear("QUIT", optional=True),
    Say(b"221 bye\r\n", conditional=True),
]


def run(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs an example in a folder."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_send(serve: Serve, tmp_path: Path) -> None:
    assert 'smtp.LogFile="c:\\\\smtp log.txt"' in (EXAMPLES / "send.py").read_text()
    (tmp_path / "plan.txt").write_text("plan\n")
    server = serve(TAKES)
    done = run(tmp_path, "send.py", f"smtp://127.0.0.1:{server.port}", "a@b.test", "c@d.test", "plan.txt")
    assert done.returncode == 0, done.stderr
    server.finish()
    parsed = message_from_bytes(server.messages[0], policy=policy.default)
    assert parsed["From"] == "A Sender <a@b.test>"
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["plan.txt"]
    log = (tmp_path / "c:\\smtp log.txt").read_text()
    assert log.startswith(f"Connect to server. 127.0.0.1 Port: {server.port}\n")


def test_attachments(serve: Serve, tmp_path: Path) -> None:
    server = serve(TAKES)
    done = run(tmp_path, "attachments.py", f"smtp://127.0.0.1:{server.port}")
    assert done.returncode == 0, done.stderr
    server.finish()
    parsed = message_from_bytes(server.messages[0], policy=policy.default)
    assert parsed["Subject"] == "Übersicht – 概要"
    names = [part.get_filename() for part in parsed.iter_attachments()]
    assert names == ["attachments.py", "Übersicht.csv", "stream.txt"]
    images = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
    assert [part["Content-ID"] for part in images] == ["<logo>"]


def test_errors(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        [
            *TAKES[:5],
            Hear("RCPT TO:.*", pattern=True),
            Say(b"554 5.7.1 Relay access denied\r\n"),
            Hear("RSET", optional=True),
            Say(b"250 ok\r\n", conditional=True),
            Hear("QUIT", optional=True),
        ]
    )
    done = run(tmp_path, "errors.py", f"smtp://127.0.0.1:{server.port}")
    assert done.returncode == 0, done.stderr
    server.finish()
    assert "Recipients[0].Email is not valid" in done.stdout
    assert done.stdout.count("relay-denied: ") == 2


@pytest.mark.parametrize("name", ["send.py", "attachments.py"])
def test_a_failure_is_told_and_is_an_exit_status(serve: Serve, tmp_path: Path, name: str) -> None:
    server = serve([])
    server.close()
    done = run(tmp_path, name, f"smtp://127.0.0.1:{server.port}")
    assert done.returncode == 75
    assert "connect-refused" in done.stderr
