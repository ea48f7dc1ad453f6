"""The events of sending: how far a message and a bulk are, and which recipients do not get a message."""

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freesmtp import SMTP, EmailMessage, MessageError, SMTPRecipientsRefused

from harness.dialogues import GREETING
from harness.scripted import Hear, Message, Say, ScriptedServer, Step

Serve = Callable[..., ScriptedServer]
EVENTS = ("smtp_status", "smtp_recipient_failed", "smtp_bulk_status")


def transaction(*answers: bytes) -> list[Step]:
    """A transaction in which each recipient has that answer; the message is taken where one is."""
    steps: list[Step] = [Hear("MAIL FROM:.*", pattern=True), Say(b"250 ok\r\n")]
    for answer in answers:
        steps += [Hear("RCPT TO:.*", pattern=True), Say(answer + b"\r\n")]
    if any(answer.startswith(b"2") for answer in answers):
        steps += [Hear("DATA"), Say(b"354 go\r\n"), Message(), Say(b"250 2.0.0 taken\r\n")]
    return steps


def large() -> EmailMessage:
    """A message of several pieces."""
    message = EmailMessage("recipient@domain.test", "sender@domain.test", "Hello", "Hello")
    message.attachments.add(bytes(700_000), "zeros.bin")
    return message


def test_status(smtp: SMTP) -> None:
    heard: list[tuple[int, int]] = []
    smtp.smtp_status = lambda sent, size: heard.append((sent, size))
    size = smtp.send(large()).size
    assert len(heard) > 3
    assert heard == sorted(heard)
    assert {total for _, total in heard} == {size}
    assert heard[-1] == (size, size)

    heard.clear()
    assert asyncio.run(smtp.send_async(large())).size == size
    assert heard[-1] == (size, size)
    smtp.smtp_status = None
    smtp.send(large())
    assert heard[-1] == (size, size)
    assert smtp.SMTPStatus is None


def test_recipients_that_fail(serve: Serve) -> None:
    refusing = transaction(b"550 5.1.1 no such user", b"250 ok", b"451 later")
    server = serve([*GREETING, *refusing, *transaction(b"550 5.7.1 no")])
    heard: list[tuple[str, str]] = []
    with SMTP(f"127.0.0.1:{server.port}") as smtp:
        smtp.SMTPRecipientFailed = lambda email_address, response: heard.append((email_address, response))
        message = EmailMessage("none@b.test", "a@b.test", "Hello", "Hello")
        message.recipients.add("some@b.test")
        message.recipients.add("late@b.test")
        smtp.send(message)
        assert heard == [("none@b.test", "550 5.1.1 no such user"), ("late@b.test", "451 later")]
        with pytest.raises(SMTPRecipientsRefused):
            smtp.send(EmailMessage("none@b.test", "a@b.test", "Hello", "Hello"))
    assert heard[2:] == [("none@b.test", "550 5.7.1 no")]


def test_bulk(smtp: SMTP) -> None:
    bad = EmailMessage("recipient@domain.test", "a@b.test", "a\nb", "Hello")
    heard: list[tuple[int, int, int]] = []
    smtp.smtp_bulk_status = lambda sent, failed, messages: heard.append((sent, failed, messages))
    for results, _ in enumerate(smtp.send_bulk([large(), bad, large()]), 1):
        assert len(heard) >= results

    async def main() -> int:
        return len([sent async for sent in smtp.send_bulk_async([large(), bad, large()])])

    assert asyncio.run(main()) == 3
    for half in (heard[:3], heard[3:]):
        assert [sent + failed for sent, failed, _ in half] == [1, 2, 3]
        assert half[-1] == (2, 1, 3)


def test_what_they_raise_stops_no_mail(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: raised.append(told.exc_value))

    def fail(*_: object) -> None:
        raise ValueError("mine")

    two = transaction(b"550 no", b"250 ok")
    server = serve([*GREETING, *two, *two])
    with SMTP(f"127.0.0.1:{server.port}") as smtp:
        for event in EVENTS:
            setattr(smtp, event, fail)
        message = EmailMessage("none@b.test", "a@b.test", "Hello", "Hello")
        message.recipients.add("some@b.test")
        assert smtp.send(message).reply_code == 250
        # The status, and the recipient.
        assert [str(error) for error in raised] == ["mine", "mine"]
        assert [sent.error for sent in smtp.send_bulk([message])] == [None]
        assert len(raised) == 5


def test_a_listener_may_use_the_object(smtp: SMTP) -> None:
    told: list[bool] = []

    def listen(*_: object) -> None:
        smtp.smtp_status = None
        told.append(smtp.connected)

    smtp.smtp_status = listen
    assert smtp.send(large()).reply_code == 250
    # It was set for this send when it began.
    assert len(told) > 1
    assert smtp.smtp_status is None


def test_what_is_no_function(smtp: SMTP) -> None:
    for event, name in zip(EVENTS, ("SMTPStatus", "SMTPRecipientFailed", "SMTPBulkStatus"), strict=True):
        with pytest.raises(TypeError, match=name):
            setattr(smtp, event, "a name")
        setattr(smtp, event, print)
        assert getattr(smtp, name) is print
    smtp.reset()
    assert [getattr(smtp, event) for event in EVENTS] == [None] * 3


@pytest.mark.parametrize("event", EVENTS)
def test_a_listener_that_belongs_to_the_object_is_collected(event: str) -> None:
    class Owner:
        def __init__(self) -> None:
            self.smtp = SMTP("127.0.0.1:1")
            setattr(self.smtp, event, self.hear)

        def hear(self, *_: object) -> None:
            raise NotImplementedError

    owner = weakref.ref(Owner())
    gc.collect()
    assert owner() is None


def test_submit_bulk_merge(smtp: SMTP, tmp_path: Path) -> None:
    message = EmailMessage("{{ email }}", "a@b.test", "Hello {{ name }}", "Hello")
    rows = [{"email": "a@b.test", "name": "Ann"}, {"email": "c@d.test", "name": "Zoë"}]
    with pytest.raises(MessageError, match="name"):
        smtp.submit_bulk_merge(message, [*rows, {"email": "e@f.test"}], tmp_path / "spool")
    assert not list(tmp_path.glob("spool/incoming/*"))
    ids = smtp.SubmitBulkMerge(message, iter(rows), tmp_path / "spool")
    assert len({*ids}) == 2
    (segment,) = tmp_path.glob("spool/incoming/*")
    assert b"Subject: Hello Ann" in segment.read_bytes()
