"""The examples of the README are run as they stand there, only the port is another one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.driver import ROOT
from harness.programs import command
from harness.sink import Sink, read


def example(language: str, spool: bool = False) -> str:
    """The one block of that language that sends, or that hands over to the spool."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    blocks = [block for block in blocks if ("spool_path" in block) == spool]
    assert len(blocks) == 1, f"the README has one example in {language}"
    return str(blocks[0])


@pytest.mark.parametrize("block", ["c", "cpp", "python", "js"])
def test_the_example_delivers(block: str, sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "report.txt").write_text("All is well.\n")
    source = example(block)
    assert "localhost:2525" in source
    arguments = command(block, source.replace("localhost:2525", sink.address), folder)
    subprocess.run(arguments, cwd=folder, check=True, timeout=60)
    message = read(sink.only())
    assert message["Subject"] == "Report"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "It is attached."
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "report.txt"
    assert attachment.get_content() == "All is well.\n"
    log = (folder / "smtp log.txt").read_text()
    assert log.startswith(f"Connect to server. 127.0.0.1 Port: {sink.port}\n220 ")


def test_the_example_of_the_spool_hands_over(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example("python", spool=True) + "assert len(set(ids)) == 1000\n")
    subprocess.run([sys.executable, "example.py"], cwd=tmp_path, check=True, timeout=60)
    written = b"".join(path.read_bytes() for path in (tmp_path / "spool" / "incoming").iterdir())
    assert written.count(b"Subject: News\r\n") == 1000


@pytest.mark.parametrize("block", ["c", "cpp", "python", "js"])
def test_the_example_explains_a_failure(block: str, tmp_path: Path) -> None:
    source = example(block)
    (tmp_path / "report.txt").write_text("x")
    arguments = command(block, source.replace("localhost:2525", "127.0.0.1:1"), tmp_path)
    failed = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert "connect-refused" in failed.stderr
