"""LMTP to Dovecot: a reply for each recipient after the message, over TCP and over a Unix-domain socket."""

import pytest

from harness.driver import Job
from harness.lmtp import DOMAIN, Lmtp


def job(host: str, port: int | None) -> Job:
    """A message to four mail boxes: two take it, one does not exist, one is full."""
    begun = Job().put("server.host", host).put("server.lmtp", "true").put("server.security", "none")
    if port is not None:
        begun.put("server.port", port)
    begun.put("server.timeout", 20).put("server.add").put("from.email", "sender@client.test")
    for user in ("user", "nobody-there", "full", "other"):
        begun.put("recipient.to", f"{user}@{DOMAIN}")
    return begun.put("subject", "Hello").put("text", "Hello\n" + "more than a kilobyte\n" * 100)


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_each_recipient_has_its_own_result(language: str, lmtp: Lmtp, send, way: str) -> None:
    host, port = ("127.0.0.1", lmtp.port) if way == "tcp" else (f"unix:{lmtp.socket}", None)
    answer = send(job(host, port).send())
    assert answer["ok"], answer
    found = [(r["status"], r["stage"]) for r in answer["report"]["recipients"]]
    unknown, full = answer["report"]["recipients"][1:3]
    assert found[0] == found[3] == ("accepted", "EOM")
    assert found[1] == ("refused", "RCPT")
    assert unknown["diagnosis"]["cause"] == "recipient-unknown"
    assert found[2] in [("refused", "EOM"), ("deferred", "EOM")], full
    assert full["diagnosis"]["cause"] == "mailbox-full", full
    for user in ("user", "other"):
        arrived = lmtp.mailbox(user).wait_for(answer["report"]["message_id"])
        assert arrived.text is not None
        assert arrived.text.startswith("Hello\nmore than")
    assert lmtp.mailbox("full").raw() == []


def test_nobody_takes_it(language: str, lmtp: Lmtp, send) -> None:
    begun = Job().put("server.host", "127.0.0.1").put("server.port", lmtp.port).put("server.lmtp", "true")
    begun.put("server.add").put("from.email", "sender@client.test").put("recipient.to", f"full@{DOMAIN}")
    answer = send(begun.put("subject", "Hello").put("text", "x" * 3000).send())
    assert not answer["ok"]
    assert answer["error"]["stage"] == "EOM"
    assert answer["error"]["diagnosis"]["cause"] == "mailbox-full", answer["error"]
