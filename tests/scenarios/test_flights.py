"""Round trips, counted and not timed: what a run of messages over one connection costs, in every language."""

import pytest

from harness.driver import Job
from harness.flights import FlightServer
from harness.running import RunningDriver

MESSAGES = 20
MANY = 500
# Greeting, EHLO, and QUIT.
AROUND = 3


@pytest.mark.parametrize(
    ("keywords", "each"),
    [((), 4), (("PIPELINING",), 2), (("CHUNKING",), 4), (("PIPELINING", "CHUNKING"), 1)],
    ids=["plain", "pipelining", "chunking", "both"],
)
def test_one_message_after_the_other(keywords: tuple[str, ...], each: int, running: RunningDriver) -> None:
    with FlightServer(running.pid, *keywords) as server:
        job = Job().put("smtp.defaultdomain", "client.test").server(server.host, server.port, security="none")
        job.message("recipient@domain.test").put("repeat", MESSAGES).send().put("smtp.disconnect")
        (answer,) = running.run(job)
    assert answer["ok"], answer
    assert server.messages == MESSAGES
    assert len(server.sessions) == 1
    assert server.flights == AROUND + each * MESSAGES, server.sessions[0].commands


@pytest.mark.parametrize(
    ("keywords", "most"),
    [((), 4 * MANY), (("PIPELINING",), MANY + 1), (("PIPELINING", "CHUNKING"), MANY // 10)],
    ids=["plain", "pipelining", "both"],
)
def test_in_bulk(keywords: tuple[str, ...], most: int, running: RunningDriver) -> None:
    """N messages in N and a few round trips with PIPELINING; a tenth of that with CHUNKING too."""
    with FlightServer(running.pid, *keywords) as server:
        job = Job().put("smtp.defaultdomain", "client.test").server(server.host, server.port, security="none")
        job.message("recipient@domain.test").put("bulk.repeat", MANY).put("sendbulk").put("smtp.disconnect")
        answers = running.run(job, timeout=120)
    assert all(answer["ok"] for answer in answers), answers
    assert [answer["index"] for answer in answers] == list(range(MANY))
    assert server.messages == MANY
    assert len(server.sessions) == 1
    assert server.flights <= AROUND + most, server.sessions[0].commands[:100]
