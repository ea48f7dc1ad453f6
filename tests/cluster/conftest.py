"""Fixtures for tests of agents that share a queue."""

import os
from collections.abc import Callable, Iterator

import pytest

from harness.nats import Nats, old_program
from harness.process import Unavailable

Servers = Callable[..., Nats]


@pytest.fixture
def nats() -> Iterator[Servers]:
    """Starts servers, and ends them after the test: `nats(3, sync="always", …)`."""
    started: list[Nats] = []

    def start(count: int = 1, **how: object) -> Nats:
        started.append(Nats(count, **how))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for servers in started:
        servers.close()


@pytest.fixture
def nats3(nats: Servers) -> Nats:
    """Three servers as one cluster."""
    return nats(3)


@pytest.fixture(scope="session")
def old_server() -> str:
    """Debian's server, which is too old."""
    try:
        return old_program()
    except Unavailable as reason:
        if os.environ.get("FREESMTP_REQUIRE_SERVERS") == "1":
            pytest.fail(f"FREESMTP_REQUIRE_SERVERS=1, but: {reason}")
        pytest.skip(str(reason))
