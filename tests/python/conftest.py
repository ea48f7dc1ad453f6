"""Fixtures for the tests of the Python package itself; those of the servers are in the folder above."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from freesmtp import SMTP, EmailMessage

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def sink() -> Iterator[int]:
    """The port of a server that takes everything."""
    command = [sys.executable, str(HERE / "sink.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        # Leaving the block closes its input, which ends it.


@pytest.fixture
def smtp(sink: int) -> Iterator[SMTP]:
    """An object whose server takes everything."""
    with SMTP(f"127.0.0.1:{sink}") as smtp:
        yield smtp


@pytest.fixture
def message() -> EmailMessage:
    """A good message."""
    return EmailMessage("recipient@domain.test", "sender@domain.test", "Hello", "Hello")
