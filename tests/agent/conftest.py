"""Fixtures for tests of the agent."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.agent import Agent
from harness.sink import Sink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    """A server that takes everything."""
    server = Sink(tmp_path / "mail")
    yield server
    server.close()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def start(spool: Path) -> Iterator[Callable[..., Agent]]:
    """Starts agents of the one spool, and kills those that are left."""
    agents: list[Agent] = []

    def make(*options: str, config: str = "", wait: bool = True) -> Agent:
        agents.append(Agent(spool, *options, config=config, wait=wait))
        return agents[-1]

    yield make
    for agent in agents:
        if agent.process.poll() is None:
            agent.kill()
