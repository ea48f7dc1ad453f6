"""The examples in Rust run as they stand."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.sink import Sink, program, read

Start = Callable[..., Sink]


def run(folder: Path, name: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Runs an example in a folder of its own: it writes its log there."""
    command = [str(Path(program()).with_name(name)), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60)


def test_send(start: Start, tmp_path: Path) -> None:
    sink = start()
    file = tmp_path / "Größen.csv"
    file.write_bytes(b"a;b\n")
    done = run(tmp_path, "send", sink.address, "a@b.test", "c@d.test", file)
    assert (done.returncode, done.stderr) == (0, b"")
    message = read(sink.only())
    assert message["To"].addresses[0].addr_spec == "c@d.test"
    assert [(p.get_filename(), p.get_payload(decode=True)) for p in message.iter_attachments()] == [
        (file.name, b"a;b\n")
    ]
    assert (tmp_path / "smtp log.txt").read_text().startswith(f"Connect to server. 127.0.0.1 Port: {sink.port}\n")


def test_attachments(start: Start, tmp_path: Path) -> None:
    sink = start()
    image = tmp_path / "logo.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run(tmp_path, "attachments", sink.address).returncode == 0
    assert run(tmp_path, "attachments", sink.address, image, image, "named.txt").returncode == 0
    parts = [
        {part.get_filename(): part.get_payload(decode=True) for part in read(path).walk() if part.get_filename()}
        for path in sink.kept()
    ]
    assert set(parts[0]) == {"pixel.png", "Übersicht.csv"}
    assert parts[1] == {"logo.png": image.read_bytes()}
    assert {"smtp log.txt", "named.txt"} <= {path.name for path in tmp_path.iterdir()}


def test_errors(start: Start, tmp_path: Path) -> None:
    sink = start("--deny-relay", "--local", "domain.example")
    done = run(tmp_path, "errors", sink.address)
    assert done.returncode == 0
    text = done.stdout.decode()
    assert text.startswith("Recipients[0].Email is not valid: ")
    assert "recipients-refused in RCPT, to be tried again: false\n" in text
    assert text.count("relay-denied: ") == 2
    assert sink.kept() == []


def test_a_server_that_is_not_there(tmp_path: Path, start: Start) -> None:
    sink = start()
    sink.close()
    for name in ("send", "attachments"):
        done = run(tmp_path, name, sink.address)
        assert done.returncode == 1
        assert b"connect-refused" in done.stderr
