"""`freesmtp submit`: into the spool from a shell, with everything that the spool can be asked for."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.agent import Agent, until
from harness.sink import Sink, program, read

Start = Callable[..., Agent]

WHO = ["--from", "a@x.test", "--to", "b@y.test", "--subject", "s"]


def submit(spool: Path, *arguments: str, text: bytes = b"Text\n", status: int = 0) -> str:
    """What it prints."""
    spool.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [program(), "submit", "--spool", str(spool), *arguments], input=text, capture_output=True, timeout=60
    )
    assert done.returncode == status, done.stderr
    return (done.stdout if status == 0 or "--json" in arguments else done.stderr).decode()


def answer(spool: Path, *arguments: str, **more: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(submit(spool, "--json", *arguments, **more))
    return parsed


def test_the_id_is_that_of_the_agents_queue(spool: Path, start: Start, sink: Sink, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("in the file")
    before = time.time()
    id_ = submit(spool, *WHO, "--attach", str(tmp_path / "f.txt"), "--priority", "-3", "--blast", "spring").strip()
    agent = start("--server", f"127.0.0.1:{sink.port}")
    until(lambda: len(sink.kept()) == 1, 30, f"it did not arrive: {agent.log()}")
    message = read(sink.only())
    assert message["Subject"] == "s"
    (attachment,) = message.iter_attachments()
    assert attachment.get_content().rstrip() == "in the file"
    assert len(id_) == 26
    crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    milliseconds = 0
    for letter in id_[:10]:
        milliseconds = milliseconds * 32 + crockford.index(letter)
    assert before - 1 <= milliseconds / 1000 <= time.time() + 1
    assert agent.ask("SELECT name FROM blasts") == [("spring",)]


def test_a_raw_message_from_a_file_and_from_standard_input(
    spool: Path, start: Start, sink: Sink, tmp_path: Path
) -> None:
    text = b"From: a@x.test\nTo: h@y.test\nBcc: i@y.test\nSubject: raw\nX-Own: 1\n\nText\n"
    file = tmp_path / "message.eml"
    file.write_bytes(text)
    assert answer(spool, "--raw", str(file), "--from", "bounce@x.test", "--to", "b@y.test")["ok"] is True
    assert answer(spool, "--raw", "-", text=text)["ok"] is True
    start("--server", f"127.0.0.1:{sink.port}")
    until(lambda: len(sink.kept()) == 2, 30, "not both arrived")
    envelopes = [json.loads(path.with_suffix(".json").read_text())["envelope"] for path in sink.kept()]
    found = sorted((envelope["from"], envelope["to"]) for envelope in envelopes)
    assert found == [("a@x.test", ["h@y.test", "i@y.test"]), ("bounce@x.test", ["b@y.test"])]
    for path in sink.kept():
        assert read(path)["X-Own"] == "1"
        assert "Bcc" not in read(path)


def test_later_and_once(spool: Path, start: Start, sink: Sink) -> None:
    submit(spool, *WHO, "--not-before", "1h")
    for _ in range(2):
        submit(spool, *WHO, "--key", "order 7")
    agent = start("--server", f"127.0.0.1:{sink.port}")
    until(lambda: len(sink.kept()) == 1, 30, "the message with a key did not arrive")
    until(lambda: agent.queued() == 1, 30, "the later one does not wait alone")
    assert len(sink.kept()) == 1
    agent.stop()
    assert len(sink.kept()) == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--from", "a@x.test"], "--to"),
        (["--to", "b@y.test"], "--from"),
        ([*WHO, "--priority", "10"], "--priority"),
        ([*WHO, "--not-before", "soon"], "--not-before"),
        ([*WHO, "--not-before", "2h", "--expires", "1h"], "--expires"),
        ([*WHO, "--durability", "some"], "--durability"),
        ([*WHO, "--key", ""], "--key"),
        ([*WHO, "--attach", "/nowhere"], "Attachments[0]"),
        (["--raw", "/nowhere"], "--raw"),
        (["--from", "a@x.test\nBcc: x", "--to", "b@y.test"], "From"),
    ],
)
def test_what_is_not_right_names_its_field(spool: Path, arguments: list[str], field: str) -> None:
    error = answer(spool, *arguments, status=2)["error"]
    assert error["field"].startswith(field), error
    assert not list(spool.glob("incoming/*.seg")), "nothing was submitted"


def test_a_full_disk_is_a_failure_that_passes(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.decode()}")
    try:
        (disk / "filler").write_bytes(b"")
        with (disk / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        error = answer(disk / "spool", *WHO, status=75)["error"]
        assert (error["kind"], error["is_temporary"]) == ("spool", True)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
