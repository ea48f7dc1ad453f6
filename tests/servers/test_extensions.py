"""What the engine makes of a real server's extensions: PIPELINING, CHUNKING, SIZE, 8BITMIME, SMTPUTF8 of Postfix."""

import hashlib
import random
from pathlib import Path

import pytest

from harness.driver import Job
from harness.postfix import DOMAIN, Postfix

#: The ways a message travels, and the EHLO keywords that are ignored for each.
WAYS = {"chunking": "", "pipelining": "CHUNKING", "plain": "CHUNKING,PIPELINING"}


def job(postfix: Postfix, way: str) -> Job:
    """To Postfix, in that way."""
    begun = (
        Job().put("server.host", "127.0.0.1").put("server.port", postfix.port("plain")).put("server.security", "none")
    )
    if WAYS[way]:
        begun.put("server.disabledextensions", WAYS[way])
    return begun.put("server.timeout", 60).put("server.add").put("from.email", f"sender@{DOMAIN}")


@pytest.fixture(scope="session")
def fifty_megabytes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of which a message of more than 50 MB is made."""
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(random.Random(5).randbytes(38_000_000))
    return path


@pytest.mark.parametrize("way", ["chunking", "pipelining"])
def test_fifty_megabytes_arrive_byte_for_byte(
    language: str, postfix: Postfix, send, way: str, fifty_megabytes: Path
) -> None:
    begun = job(postfix, way).put("recipient.to", f"third@{DOMAIN}").put("subject", "Large").put("text", "Large\n")
    answer = send(begun.put("attachment.file", fifty_megabytes).send())
    assert answer["ok"], answer
    assert answer["report"]["size"] > 50_000_000
    arrived = postfix.mailbox("third").wait_for(answer["report"]["message_id"], patience=60)
    digest = hashlib.sha256(fifty_megabytes.read_bytes()).digest()
    assert [hashlib.sha256(part.data).digest() for part in arrived.attachments] == [digest]
    for file in postfix.mailbox("third").path.glob("new/*"):
        if file.stat().st_size > 50_000_000:
            file.unlink()


@pytest.mark.parametrize("way", WAYS)
def test_lines_of_dots_and_long_lines_arrive(language: str, postfix: Postfix, send, way: str, tmp_path: Path) -> None:
    text = ".\n..\n...\n.x\n" + "." * 997 + "\n" + "long " * 500 + "\n\n.\n"
    log = tmp_path / "log.txt"
    begun = job(postfix, way).put("smtp.logfile", log)
    answer = send(begun.put("recipient.to", f"other@{DOMAIN}").put("subject", "Dots").put("text", text).send())
    assert answer["ok"], answer
    assert postfix.mailbox("other").wait_for(answer["report"]["message_id"]).text == text
    said = log.read_text()
    assert ("\nBDAT " in said) == (way == "chunking")
    assert ("\nDATA\n" in said) == (way != "chunking")


@pytest.mark.parametrize("way", WAYS)
def test_an_address_outside_ascii_travels_with_smtputf8(language: str, postfix: Postfix, send, way: str) -> None:
    begun = job(postfix, way).put("from.email", f"zoë@{DOMAIN}").put("recipient.to", f"other@{DOMAIN}")
    answer = send(begun.put("subject", "Grüße").put("text", "Grüße\n").send())
    assert answer["ok"], answer
    raw = postfix.mailbox("other").wait_for_raw(answer["report"]["message_id"])
    header, _, body = raw.decode().partition("\n\n")
    assert header.startswith(f"Return-Path: <zoë@{DOMAIN}>\n")
    assert f"\nFrom: zoë@{DOMAIN}\n" in header.replace("<", "").replace(">", "")
    assert body == "Grüße\n"


def test_a_message_over_the_servers_size_is_refused_before_mail(language: str, postfix: Postfix, send) -> None:
    begun = (
        Job().put("server.host", "127.0.0.1").put("server.port", postfix.port("small")).put("server.security", "none")
    )
    begun.put("server.add").put("from.email", f"sender@{DOMAIN}").put("recipient.to", f"user@{DOMAIN}")
    answer = send(begun.put("subject", "Large").put("text", "x\n" * 100_000).send())
    assert not answer["ok"]
    error = answer["error"]
    assert error["diagnosis"]["cause"] == "message-too-large"
    assert "102400" in error["message"].replace(",", ""), error["message"]
    assert not any(line.startswith("MAIL") for line in error["transcript"])


def test_a_run_of_many_messages_over_few_connections(language: str, postfix: Postfix, running) -> None:
    begun = job(postfix, "chunking").put("smtp.maxconnections", 4)
    for number in range(60):
        recipient = f"missing@{DOMAIN}" if number == 30 else f"user@{DOMAIN}"
        begun.put("message.new").put("from.email", f"sender@{DOMAIN}").put("recipient.to", recipient)
        begun.put("subject", f"Bulk {language}").put("text", f"{number}\n").put("bulk.add")
    answers = running.run(begun.put("sendbulk"))
    assert [answer["index"] for answer in answers] == list(range(60))
    assert [answer["index"] for answer in answers if not answer["ok"]] == [30]
    assert answers[30]["error"]["diagnosis"]["cause"] == "recipient-unknown"
    arrived = postfix.mailbox("user").wait_for_all(f"Bulk {language}", 59)
    assert sorted(int(message.text or "") for message in arrived) == [n for n in range(60) if n != 30]
