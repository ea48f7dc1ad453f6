"""Fixtures for tests with the capture server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.sink import Sink


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Sink]]:
    """Starts capture servers, and stops them after the test."""
    sinks: list[Sink] = []

    def make(*options: str, **where: str) -> Sink:
        sinks.append(Sink(tmp_path / "mail", *options, **where))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close()
