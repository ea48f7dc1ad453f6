"""Fixtures for every test that needs a server, a certificate or a language's driver."""

import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness import driver
from harness.agent import Recorder
from harness.driver import Answer, Job
from harness.lmtp import Lmtp
from harness.pki import Pki
from harness.postfix import Postfix
from harness.process import LOOPBACK, Unavailable
from harness.running import RunningDriver
from harness.scripted import ScriptedServer, Step
from harness.submission import Submission

# Started in the background by a shell, or by some runners of tests, this process ignores Ctrl-C, and so would every
# program that it starts. Some of them are to be ended by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

Serve = Callable[..., ScriptedServer]
Send = Callable[[Job], Answer]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `language` runs once for each language."""
    if "language" in metafunc.fixturenames:
        metafunc.parametrize("language", driver.languages())


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """A server that notes what it takes."""
    server = Recorder(tmp_path)
    yield server
    server.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The throw-away certificate authority of this run."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def postfix(pki: Pki) -> Iterator[Postfix]:
    """A running Postfix with Dovecot and Cyrus SASL, shared by all tests of the run."""
    try:
        server = Postfix(pki)
    except Unavailable as reason:
        _missing("Postfix with Dovecot and Cyrus SASL", reason)
    yield server
    server.close()


@pytest.fixture(scope="session")
def submission(pki: Pki, postfix: Postfix) -> Iterator[Submission]:
    """Dovecot's submission service, which knows users by their certificate and relays to the Postfix."""
    try:
        server = Submission(pki, postfix.port("plain"))
    except Unavailable as reason:
        _missing("Dovecot's submission service", reason)
    yield server
    server.close()


@pytest.fixture(scope="session")
def lmtp() -> Iterator[Lmtp]:
    """Dovecot's LMTP service."""
    try:
        server = Lmtp()
    except Unavailable as reason:
        _missing("Dovecot's LMTP service", reason)
    yield server
    server.close()


def _missing(what: str, reason: Unavailable) -> NoReturn:
    """On the project's own machines a missing server is a failure: a skipped suite proves nothing."""
    if os.environ.get("FREESMTP_REQUIRE_SERVERS") == "1":
        pytest.fail(f"FREESMTP_REQUIRE_SERVERS=1, but: {reason}")
    pytest.skip(f"{what}: {reason}")


@pytest.fixture(scope="session")
def tls_contexts(pki: Pki) -> dict[str, ssl.SSLContext]:
    """A server's TLS settings for every certificate, and those of unusual servers."""
    return pki.contexts()


@pytest.fixture
def serve(tls_contexts: dict[str, ssl.SSLContext]) -> Iterator[Serve]:
    """Starts scripted servers with the certificates of this run, and closes them after the test."""
    servers: list[ScriptedServer] = []

    def start(*scripts: list[Step], split: str = "whole", **where: object) -> ScriptedServer:
        server = ScriptedServer(*scripts, split=split, contexts=tls_contexts, **where)  # type: ignore[arg-type]
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def drivers() -> Iterator[dict[str, RunningDriver]]:
    """The drivers that stay, by language."""
    running = {language: RunningDriver(language) for language in driver.languages()}
    yield running
    for one in running.values():
        one.close()


@pytest.fixture
def running(language: str, drivers: dict[str, RunningDriver]) -> RunningDriver:
    """The language's driver, which carries out one job after the other."""
    return drivers[language]


@pytest.fixture(scope="session")
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody will: it is taken."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        yield int(taken.getsockname()[1])


@pytest.fixture
def send(language: str) -> Send:
    """Runs a job of one send through the language's driver."""

    def run(job: Job) -> Answer:
        try:
            return driver.run_one(language, job)
        except driver.Unsupported as reason:
            pytest.skip(f"not applicable: {reason}")

    return run


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A path for a LogFile, with a space as in the original's example."""
    return tmp_path / "smtp log.txt"
