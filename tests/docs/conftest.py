"""What the tests of the documentation share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.sink import Sink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A server that takes every mail but that for `nobody@example.com`."""
    server = Sink(tmp_path / "mails", "--unknown-user", "nobody@example.com")
    yield server
    server.close()
