"""NOTIFY=SUCCESS through the whole agent (RFC 3461 section 5.2): who tells the sender depends on the next server."""

import email
import email.message
import email.policy
import re
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.agent import Agent, Recorder, until
from harness.sink import Sink

Start = Callable[..., Agent]

TEXT = b"From: me@sender.test\r\nTo: a@plain.test\r\nSubject: Hello\r\nMessage-ID: <1@sender.test>\r\n\r\nHello\r\n"
MAIL = ["ENVID=QQ+2B1", "RET=HDRS"]


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sink]:
    """The server of the sender."""
    server = Sink(tmp_path / "sender")
    yield server
    server.close()


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[Recorder]:
    """A server that reports on delivery itself."""
    server = Recorder(tmp_path, "reporting", keywords=("DSN",))
    yield server
    server.close()


@pytest.fixture
def agent(start: Start, sender: Sink, recorder: Recorder, reporting: Recorder) -> Agent:
    return start(
        config='[smtp]\nlisten = ["127.0.0.1:0"]\n[retry]\nschedule = ["1s"]\n'
        f'[[route]]\ndomains = ["sender.test"]\nservers = ["127.0.0.1:{sender.port}"]\n'
        f'[[route]]\ndomains = ["plain.test"]\nservers = ["{recorder.server}"]\n'
        f'[[route]]\ndomains = ["dsn.test"]\nservers = ["{reporting.server}"]\n'
    )


def submit(agent: Agent, recipients: list[tuple[str, list[str]]], sender: str = "me@sender.test") -> None:
    port = int(re.findall(r"SMTP on \S+:(\d+)", agent.log())[-1])
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        assert client.has_extn("dsn")
        assert client.mail(sender, MAIL)[0] == 250
        for address, options in recipients:
            assert client.rcpt(address, options)[0] == 250
        assert client.data(TEXT)[0] == 250


def fields(block: email.message.Message) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in block.items()}


def the_report(sender: Sink) -> tuple[dict[str, str], list[dict[str, str]], list[str]]:
    """What the only report says of the message and of each recipient, and the types of its parts."""
    until(lambda: len(sender.kept()) == 1, 20, "no report came")
    message = email.message_from_bytes(sender.only().read_bytes(), policy=email.policy.compat32)
    assert (message.get_content_type(), message.get_param("report-type")) == ("multipart/report", "delivery-status")
    assert not message.defects
    assert sender.envelope()["envelope"]["from"] == ""
    parts = [part for part in message.get_payload() if isinstance(part, email.message.Message)]
    of_message, *of_recipients = [fields(block) for block in parts[1].get_payload() if block.items()]
    return of_message, of_recipients, [part.get_content_type() for part in parts]


def test_a_server_without_dsn_has_the_agent_report_that_it_was_passed_on(
    agent: Agent, sender: Sink, recorder: Recorder
) -> None:
    asks = ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+2Bname@plain.test"]
    submit(agent, [("a@plain.test", asks), ("b@plain.test", ["NOTIFY=FAILURE"]), ("c@plain.test", [])])
    of_message, of_recipients, parts = the_report(sender)
    assert of_message["original-envelope-id"] == "QQ+1"
    assert of_message["reporting-mta"] == "dns; agent.test"
    (told,) = of_recipients
    assert told["action"] == "relayed"
    assert re.fullmatch(r"2\.\d+\.\d+", told["status"])
    assert told["final-recipient"] == "rfc822; a@plain.test"
    assert told["original-recipient"] == "rfc822; first+name@plain.test"
    assert told["remote-mta"].startswith("dns; ")
    assert told["diagnostic-code"].startswith("smtp; 250 2.0.0 kept")
    assert parts == ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    (kept,) = recorder.kept()
    assert not any("NOTIFY" in line or "ORCPT" in line or "ENVID" in line for line in kept["asked"])
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")


def test_a_server_with_dsn_is_asked_and_the_agent_says_nothing(agent: Agent, sender: Sink, reporting: Recorder) -> None:
    submit(agent, [("a@dsn.test", ["NOTIFY=SUCCESS", "ORCPT=rfc822;a@dsn.test"]), ("b@dsn.test", ["NOTIFY=NEVER"])])
    until(lambda: len(reporting.kept()) == 1, 20, "it did not arrive")
    mail, first, second = reporting.kept()[0]["asked"]
    assert {"ENVID=QQ+2B1", "RET=HDRS"} <= set(mail.split())
    assert {"NOTIFY=SUCCESS", "ORCPT=rfc822;a@dsn.test"} <= set(first.split())
    assert "NOTIFY=NEVER" in second.split()
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    assert agent.ask("SELECT COUNT(*) FROM keys WHERE key LIKE 'report:%'") == [(0,)]
    assert not sender.kept()


def test_each_recipient_by_the_server_that_took_it(
    agent: Agent, sender: Sink, recorder: Recorder, reporting: Recorder
) -> None:
    asks = ["NOTIFY=SUCCESS,FAILURE,DELAY"]
    submit(agent, [("a@dsn.test", asks), ("b@plain.test", asks), ("wait@plain.test", asks)])
    until(lambda: len(recorder.kept()) == 2 and len(reporting.kept()) == 1, 20, "not all arrived")
    until(lambda: len(sender.kept()) == 2, 20, "the one that waited is not reported")
    told = []
    for path in sender.kept():
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.compat32)
        blocks = message.get_payload(1).get_payload()
        told += [fields(block) for block in blocks[1:] if block.items()]
    assert {(one["final-recipient"], one["action"]) for one in told} == {
        ("rfc822; b@plain.test", "relayed"),
        ("rfc822; wait@plain.test", "relayed"),
    }


def test_a_null_sender_is_told_nothing(agent: Agent, sender: Sink, recorder: Recorder) -> None:
    submit(agent, [("a@plain.test", ["NOTIFY=SUCCESS"])], sender="")
    until(lambda: len(recorder.kept()) == 1, 20, "it did not arrive")
    until(lambda: agent.is_empty(own=1), 20, "the spool is not empty")
    assert agent.ask("SELECT COUNT(*) FROM keys WHERE key LIKE 'report:%'") == [(0,)]
    assert not sender.kept()
