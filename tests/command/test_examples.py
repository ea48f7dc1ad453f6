"""The same five programs in every language; those with the same output in all of them are run here together.

What the others do is tested with their languages: test_rust_examples.py, tests/c, tests/python, tests/node.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.driver import ROOT
from harness.sink import Sink, program

Start = Callable[..., Sink]
EXAMPLES = ROOT / "examples"
FIVE = {"send", "attachments", "errors", "bulk", "spool"}
FILES = {
    "rust": EXAMPLES / "rust/src/bin",
    "c": EXAMPLES / "c",
    "cpp": EXAMPLES / "cpp",
    "python": EXAMPLES / "python",
    "node": EXAMPLES / "node",
}
SUFFIXES = {"rust": "rs", "c": "c", "cpp": "cpp", "python": "py", "node": "mjs"}


def command(language: str, name: str) -> list[str]:
    """How that example is run."""
    return {
        "rust": [str(Path(program()).with_name(name))],
        "c": [str(ROOT / f"build/examples/c-{name}")],
        "cpp": [str(ROOT / f"build/examples/cpp-{name}")],
        "python": [sys.executable, str(EXAMPLES / f"python/{name}.py")],
        "node": ["node", str(EXAMPLES / f"node/{name}.mjs")],
    }[language]


@pytest.mark.parametrize("example_language", FILES)
class TestInEveryLanguage:
    def test_there_are_five(self, example_language: str) -> None:
        suffix = SUFFIXES[example_language]
        found = {path.stem for path in FILES[example_language].glob(f"*.{suffix}")} - {"freesmtp"}
        assert found == FIVE

    def test_bulk(self, example_language: str, start: Start) -> None:
        sink = start()
        done = subprocess.run([*command(example_language, "bulk"), sink.address, "5"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        *results, last = done.stdout.splitlines()
        assert last == "0 of 5 failed"
        assert sorted(line[:2] for line in results) == [f"{place}:" for place in range(5)]
        assert len(sink.kept()) == 5

    def test_bulk_tells_of_a_failure(self, example_language: str, start: Start) -> None:
        sink = start("--deny-relay", "--local", "domain.example")
        done = subprocess.run([*command(example_language, "bulk"), sink.address, "2"], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "2 of 2 failed"

    def test_spool(self, example_language: str, tmp_path: Path) -> None:
        spool = tmp_path / "spool"
        run = command(example_language, "spool")
        done = subprocess.run([*run, "20", "weekly", str(spool)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("20 messages are in the spool")
        written = b"".join(path.read_bytes() for path in (spool / "incoming").iterdir())
        assert written.count(b"Subject: News from ") == 20
        assert written.count(b"weekly") == 20
        assert done.stdout.split()[-1].isalnum()

        (tmp_path / "file").write_text("no folder")
        refused = subprocess.run([*run, "1", "weekly", str(tmp_path / "file")], capture_output=True, text=True)
        assert refused.returncode == 1
        assert str(tmp_path / "file") in refused.stderr
