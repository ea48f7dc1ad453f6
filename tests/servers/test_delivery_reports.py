"""Reports on delivery (RFC 3461): a real server writes them, Python's own parser reads them."""

import email
import email.message
import email.policy
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.driver import Job
from harness.maildir import Maildir
from harness.postfix import DOMAIN, Postfix

SENDER = f"third@{DOMAIN}"


@dataclass
class Report:
    """What a delivery report says: about the message, and about each recipient."""

    envelope: dict[str, str]
    recipients: list[dict[str, str]]
    returned: list[str]


def reports(mailbox: Maildir, envelope_id: str) -> Iterator[Report]:
    """The reports on that message that have arrived."""
    for raw in mailbox.raw():
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        if message.get_content_type() != "multipart/report":
            continue
        parts = [part for part in message.get_payload() if isinstance(part, email.message.Message)]
        status = next(p for p in parts if p.get_content_type() == "message/delivery-status")
        blocks = [{k.lower(): str(v) for k, v in block.items()} for block in status.get_payload()]
        envelope, *recipients = [block for block in blocks if block]
        if envelope.get("original-envelope-id") == envelope_id:
            yield Report(envelope, recipients, [part.get_content_type() for part in parts[2:]])


def wait_for_report(mailbox: Maildir, envelope_id: str, patience: float = 30) -> Report:
    """The report on that message; there must be one only."""
    deadline = time.monotonic() + patience
    while not (found := list(reports(mailbox, envelope_id))):
        assert time.monotonic() < deadline, f"no report on {envelope_id!r} arrived"
        time.sleep(0.05)
    assert len(found) == 1
    return found[0]


def job(postfix: Postfix, envelope_id: str) -> Job:
    """A message from the mailbox that gets the reports, up to its recipients, which lines with options may follow."""
    begun = Job().server("127.0.0.1", postfix.port("plain"), security="none")
    return begun.put("from.email", SENDER).put("subject", "Hello").put("text", "Hello").put("envelopeid", envelope_id)


def test_success_is_reported_to_the_sender(language: str, postfix: Postfix, send) -> None:
    envelope_id = f"QQ 314+159=<{language}>"
    begun = job(postfix, envelope_id).put("returncontent", 2)
    begun.put("recipient.to", f"user@{DOMAIN}").put("recipient.notify", 8)
    begun.put("recipient.to", f"other@{DOMAIN}").put("recipient.notify", 1)
    begun.put("recipient.originalrecipient", f"list+{language}=x@lists.test")
    answer = send(begun.send())
    assert answer["ok"], answer
    assert answer["report"]["warnings"] == []
    for name in ("user", "other"):
        postfix.mailbox(name).wait_for(answer["report"]["message_id"])

    report = wait_for_report(postfix.mailbox("third"), envelope_id)
    [recipient] = report.recipients
    assert recipient["final-recipient"] == f"rfc822; other@{DOMAIN}"
    assert recipient["original-recipient"] == f"rfc822;list+{language}=x@lists.test"
    assert recipient["action"] == "delivered"
    assert recipient["status"].startswith("2.")
    assert report.returned == ["text/rfc822-headers"]


def test_an_original_recipient_outside_ascii(language: str, postfix: Postfix, send) -> None:
    envelope_id = f"utf-8 {language}"
    begun = job(postfix, envelope_id).put("recipient.to", f"user@{DOMAIN}").put("recipient.notify", 1)
    answer = send(begun.put("recipient.originalrecipient", "jürgen@lists.test").send())
    assert answer["ok"], answer
    [recipient] = wait_for_report(postfix.mailbox("third"), envelope_id).recipients
    assert recipient["original-recipient"].startswith("utf-8;j")
    assert recipient["final-recipient"] == f"rfc822; user@{DOMAIN}"


@pytest.mark.parametrize(
    ("key", "value", "keyword"),
    [("deliverby", "60", "DELIVERBY"), ("holdfor", "60", "FUTURERELEASE"), ("mtpriority", "3", "MT-PRIORITY")],
)
def test_what_postfix_does_not_offer(key: str, value: str, keyword: str, language: str, postfix: Postfix, send) -> None:
    begun = Job().server("127.0.0.1", postfix.port("plain"), security="none").message(f"user@{DOMAIN}")
    answer = send(begun.put(key, value).send())
    assert not answer["ok"], answer
    assert (answer["error"]["kind"], answer["error"]["stage"]) == ("protocol", "MAIL")
    assert answer["error"]["diagnosis"]["cause"] == "delivery-option-unavailable"
    assert keyword in answer["error"]["message"]
