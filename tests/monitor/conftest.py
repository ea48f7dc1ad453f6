"""Fixtures for tests of the monitor's page: an agent with a web server, the server it delivers to, and a browser."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.browser import Chromium, Look
from harness.monitored import Monitored
from harness.process import Unavailable

Open = Callable[..., Look]


# Of a module, and no longer: playwright keeps an event loop running, beside which no other test could run its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    try:
        running = Chromium()
    except Unavailable as reason:
        if os.environ.get("FREESMTP_REQUIRE_SERVERS") == "1":
            pytest.fail(f"FREESMTP_REQUIRE_SERVERS=1, but: {reason}")
        pytest.skip(str(reason))
    yield running
    running.close()


@pytest.fixture
def monitored(tmp_path: Path) -> Iterator[Monitored]:
    running = Monitored(tmp_path)
    yield running
    running.close()


@pytest.fixture
def look(chromium: Chromium) -> Iterator[Open]:
    """Opens pages; each is closed after the test, which fails when one of them did what it must not."""
    opened: list[Look] = []

    def make(monitored: Monitored, width: int = 1440, scheme: str = "light", token: bool = True) -> Look:
        opened.append(Look(chromium, monitored.address, monitored.token if token else "", width, scheme))
        return opened[-1]

    yield make
    faults = [fault for one in opened for fault in one.faults]
    for one in opened:
        one.close()
    assert faults == [], "the page did what it must not"
