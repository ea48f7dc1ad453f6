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


@pytest.fixture(scope="session")
def always_three() -> Iterator[Nats]:
    """Three servers as one cluster, for all tests: a start and an election take seconds."""
    servers = Nats(3)
    yield servers
    servers.close()


@pytest.fixture(scope="module")
def servers(always_three: Nats) -> Nats:
    """The same three for all tests of a module, without a stream of those before."""
    always_three.forget()
    return always_three


@pytest.fixture
def nats3(always_three: Nats) -> Iterator[Nats]:
    """The same three, without a stream of the test before. Whoever kills one of them starts it again."""
    always_three.start()
    always_three.forget()
    yield always_three
    always_three.start()


@pytest.fixture(scope="session")
def old_server() -> str:
    """Debian's server, which is too old."""
    try:
        return old_program()
    except Unavailable as reason:
        if os.environ.get("FREESMTP_REQUIRE_SERVERS") == "1":
            pytest.fail(f"FREESMTP_REQUIRE_SERVERS=1, but: {reason}")
        pytest.skip(str(reason))
