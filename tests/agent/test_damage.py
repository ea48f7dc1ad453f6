"""Messages that the disk changes after they were submitted: nothing of them is delivered, their senders are told."""

import email
import email.policy
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, submit, until
from harness.sink import Sink

Start = Callable[..., Agent]

MEBIBYTE = 1 << 20


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sink]:
    """The server of the sender, which gets the reports."""
    server = Sink(tmp_path / "sender")
    yield server
    server.close()


def routes(sender: Sink, recorder: Recorder) -> str:
    return (
        '[retry]\nschedule = ["1s"]\n'
        f'[[route]]\ndomains = ["example.test"]\nservers = ["127.0.0.1:{sender.port}"]\n'
        f'[[route]]\nservers = ["{recorder.server}"]\n'
    )


def flip(path: Path, at: int) -> None:
    """Changes one bit, and neither size nor time."""
    with path.open("r+b") as file:
        file.seek(at)
        octet = file.read(1)[0]
        file.seek(at)
        file.write(bytes([octet ^ 1]))


def report(sender: Sink) -> tuple[EmailMessage, str]:
    """The report that came, and its machine-readable part."""
    until(lambda: len(sender.kept()) == 1, 20, "no report came")
    message = email.message_from_bytes(sender.only().read_bytes(), policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert not message.defects
    status = message.get_payload(1)
    assert isinstance(status, EmailMessage)
    return message, status.as_string()


@pytest.mark.parametrize("place", [40, MEBIBYTE, -3])
def test_a_flipped_bit_of_a_long_message(
    spool: Path, start: Start, recorder: Recorder, sender: Sink, place: int
) -> None:
    submit(spool, 1, "a@one.test", "b@one.test", octets=2 * MEBIBYTE)
    (body,) = (spool / "bodies").iterdir()
    written = body.read_bytes()
    flip(body, place % len(written))
    agent = start(config=routes(sender, recorder))
    more = submit(spool, 3, "c{n}@one.test", tag="whole", octets=2 * MEBIBYTE)
    message, status = report(sender)
    assert status.count("Action: failed") == 2
    assert "Status: 5.3.0" in status
    assert "damaged" in str(message.get_payload(0))
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    assert {facts["message_id"] for facts in recorder.kept()} == set(more), "only those that are whole are delivered"
    (kept,) = (spool / "badmail").glob("*.eml")
    assert len(kept.read_bytes()) == len(written)
    assert "damaged" in kept.with_name(f"{kept.name}.reason").read_text()
    assert "was damaged in the spool" in agent.log()
    until(lambda: not list((spool / "bodies").iterdir()), 20, "bodies stay")


@pytest.mark.parametrize("what", ["cut", "longer"])
def test_a_long_message_of_another_length(
    spool: Path, start: Start, recorder: Recorder, sender: Sink, what: str
) -> None:
    submit(spool, 1, "a@one.test", octets=2 * MEBIBYTE)
    (body,) = (spool / "bodies").iterdir()
    with body.open("r+b") as file:
        file.truncate(MEBIBYTE if what == "cut" else 3 * MEBIBYTE)
    agent = start(config=routes(sender, recorder))
    _, status = report(sender)
    assert "Status: 5.3.0" in status
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    assert not recorder.kept()


def test_a_flipped_bit_of_a_short_message_that_waits(
    spool: Path, start: Start, recorder: Recorder, sender: Sink
) -> None:
    ids = submit(spool, 3, "a@one.test", octets=5_000)
    # The first attempt is put off: the record was read and was right.
    config = routes(sender, recorder)
    agent = start(config=config.replace(recorder.server, "127.0.0.1:9"))
    until(lambda: agent.ask("SELECT COUNT(*) FROM messages") == [(3,)], 20, "it was not read")
    assert agent.stop() == 0
    (segment,) = (spool / "incoming").glob("*.seg")
    (first,) = [m for m, id_ in ids.items() if id_ == min(ids.values())]
    flip(segment, segment.read_bytes().index(first.encode()) + 4_000)
    agent = start(config=config)
    _, status = report(sender)
    assert "Status: 5.3.0" in status
    assert "a@one.test" in status
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    assert {facts["message_id"] for facts in recorder.kept()} == set(ids) - {first}
    assert len(list((spool / "badmail").glob("*.eml"))) == 1
