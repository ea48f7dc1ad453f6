"""The examples of the README are run as they stand there, only the port is another one."""

from __future__ import annotations

import email
import email.policy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROFILE = os.environ.get("FREESMTP_PROFILE", "debug")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / PROFILE


def example(language: str, spool: bool = False) -> str:
    """The one block of that language that sends, or that hands over to the spool."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    blocks = [block for block in blocks if ("spool_path" in block) == spool]
    assert len(blocks) == 1, f"the README has one example in {language}"
    return str(blocks[0])


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """`freesmtp sink` on a free port, and the folder it keeps messages in."""
    folder = tmp_path / "mails"
    command = [str(TARGET / "freesmtp"), "sink", "--port", "0", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            yield int(ready.rsplit(":", 1)[1]), folder
        finally:
            process.terminate()


def build_c(compiler: list[str], suffix: str, source: str, folder: Path) -> list[str]:
    program = folder / f"example{suffix}"
    program.write_text(source)
    subprocess.run(
        [*compiler, "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", str(program), "-o", str(folder / "example"),
         f"-L{TARGET}", "-lfreesmtp", f"-Wl,-rpath,{TARGET}"],
        check=True,
    )  # fmt: skip
    return [str(folder / "example")]


def prepare(language: str, source: str, folder: Path) -> list[str]:
    """The command that runs the example."""
    if language == "c":
        return build_c(["cc", "-std=c11"], ".c", source, folder)
    if language == "cpp":
        return build_c(["c++", "-std=c++17"], ".cpp", source, folder)
    if language == "python":
        (folder / "example.py").write_text(source)
        return [str(ROOT / ".venv/bin/python"), "example.py"]
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "freesmtp").symlink_to(ROOT / "node")
    (folder / "example.mjs").write_text(source)
    node = shutil.which("node")
    assert node is not None
    return [node, "example.mjs"]


@pytest.mark.parametrize("block", ["c", "cpp", "python", "js"])
def test_the_example_delivers(block: str, sink: tuple[int, Path], tmp_path: Path) -> None:
    port, mails = sink
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "report.txt").write_text("All is well.\n")
    source = example(block)
    assert "localhost:2525" in source
    command = prepare(block, source.replace("localhost:2525", f"127.0.0.1:{port}"), folder)
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    (file,) = mails.glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == "Report"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "It is attached."
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "report.txt"
    assert attachment.get_content() == "All is well.\n"
    log = (folder / "smtp log.txt").read_text()
    assert log.startswith(f"Connect to server. 127.0.0.1 Port: {port}\n220 ")


def test_the_example_of_the_spool_hands_over(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example("python", spool=True) + "assert len(set(ids)) == 1000\n")
    subprocess.run([sys.executable, "example.py"], cwd=tmp_path, check=True, timeout=60)
    written = b"".join(path.read_bytes() for path in (tmp_path / "spool" / "incoming").iterdir())
    assert written.count(b"Subject: News\r\n") == 1000


@pytest.mark.parametrize("block", ["c", "cpp", "python", "js"])
def test_the_example_explains_a_failure(block: str, tmp_path: Path) -> None:
    source = example(block)
    (tmp_path / "report.txt").write_text("x")
    command = prepare(block, source.replace("localhost:2525", "127.0.0.1:1"), tmp_path)
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert "connect-refused" in failed.stderr
