"""Bad input: the error names the field, in each language, and the server never sees a connection."""

import re
from pathlib import Path

import pytest

from harness.driver import Job
from harness.scripted import Hear, Message, Say, Step

INJECTION = "\r\nRCPT TO:<evil@foreign.test>"
GOOD: dict[str, str | None] = {
    "smtp.defaultdomain": None,
    "from.name": None,
    "from.email": "sender@domain.test",
    "replyto.email": None,
    "sender.email": None,
    "returnpath": None,
    "messageid": None,
    "recipient.name": None,
    "recipient.to": "recipient@domain.test",
    "recipient.cc": None,
    "recipient.originalrecipient": None,
    "recipient.notify": None,
    "envelopeid": None,
    "deliverby": None,
    "holdfor": None,
    "holduntil": None,
    "mtpriority": None,
    "optionalextensions": None,
    "subject": "Hello",
    "header.name": None,
    "header.value": None,
    "text": "Hello",
    "embedded.cid": None,
    "embedded.file": None,
    "attachment.name": None,
    "attachment.file": None,
}

# name: (lines in place of the good ones, pattern of the field)
BAD: dict[str, tuple[dict[str, str | None], str]] = {
    "from-crlf": ({"from.email": "sender@domain.test" + INJECTION}, r"From\.Email"),
    "from-lf": ({"from.email": "sender@domain.test\nRSET"}, r"From\.Email"),
    "from-cr": ({"from.email": "sender@domain.test\rRSET"}, r"From\.Email"),
    "from-nul": ({"from.email": "sender@domain.test\0"}, r"From\.Email"),
    "from-del": ({"from.email": "send\x7fer@domain.test"}, r"From\.Email"),
    "from-no-domain": ({"from.email": "sender@"}, r"From\.Email"),
    "from-missing": ({"from.email": None}, r"From(\.Email)?"),
    "from-name-crlf": ({"from.name": "Zoë\r\nBcc: evil@foreign.test"}, r"From\.Name"),
    "replyto-crlf": ({"replyto.email": "a@domain.test" + INJECTION}, r"ReplyTo\.Email"),
    "sender-crlf": ({"sender.email": "a@domain.test" + INJECTION}, r"Sender\.Email"),
    "returnpath-crlf": ({"returnpath": "a@domain.test> SIZE=1\r\nRSET"}, r"ReturnPath(\.Email)?"),
    "recipient-crlf": ({"recipient.to": "a@domain.test>\r\nDATA"}, r"Recipients\[0\]\.Email"),
    "second-recipient-crlf": ({"recipient.cc": "a@domain.test" + INJECTION}, r"Recipients\[1\]\.Email"),
    "second-recipient-nul": ({"recipient.cc": "a\0@domain.test"}, r"Recipients\[1\]\.Email"),
    "recipient-parameter": ({"recipient.to": "a@domain.test> NOTIFY=NEVER"}, r"Recipients\[0\]\.Email"),
    "recipient-two-in-one": ({"recipient.to": "a@domain.test, b@domain.test"}, r"Recipients\[0\]\.Email"),
    "recipient-no-at": ({"recipient.to": "not an address"}, r"Recipients\[0\]\.Email"),
    "recipient-empty": ({"recipient.to": ""}, r"Recipients\[0\]\.Email"),
    "recipient-long-local-part": ({"recipient.to": "x" * 65 + "@domain.test"}, r"Recipients\[0\]\.Email"),
    "recipient-long": ({"recipient.to": "x@" + "d." * 130 + "test"}, r"Recipients\[0\]\.Email"),
    "recipient-none": ({"recipient.to": None}, r"Recipients"),
    "recipient-name-crlf": ({"recipient.name": "A\r\nX: y"}, r"Recipients\[0\]\.Name"),
    "subject-crlf": ({"subject": "Hi\r\nBcc: evil@foreign.test"}, r"Subject"),
    "subject-lf": ({"subject": "Hi\nBcc: evil@foreign.test"}, r"Subject"),
    "subject-nul": ({"subject": "Hi\0"}, r"Subject"),
    "messageid-crlf": ({"messageid": "<a@b.test>\r\nX: y"}, r"MessageID"),
    "header-value-crlf": ({"header.name": "X-A", "header.value": "b\r\nBcc: e@f.test"}, r"CustomHeaders\[0\]\.Value"),
    "header-value-nul": ({"header.name": "X-A", "header.value": "b\0"}, r"CustomHeaders\[0\]\.Value"),
    "header-name-colon": ({"header.name": "X-A: b", "header.value": "c"}, r"CustomHeaders\[0\]\.Name"),
    "header-name-crlf": ({"header.name": "X-A\r\nBcc", "header.value": "c"}, r"CustomHeaders\[0\]\.Name"),
    "header-name-space": ({"header.name": "X A", "header.value": "c"}, r"CustomHeaders\[0\]\.Name"),
    "header-name-empty": ({"header.name": "", "header.value": "c"}, r"CustomHeaders\[0\]\.Name"),
    "defaultdomain-crlf": ({"smtp.defaultdomain": "client.test\r\nRSET"}, r"DefaultDomain"),
    "defaultdomain-space": ({"smtp.defaultdomain": "client test"}, r"DefaultDomain"),
    "envelopeid-crlf": ({"envelopeid": "QQ" + INJECTION}, r"EnvelopeID"),
    "envelopeid-lf": ({"envelopeid": "QQ\n"}, r"EnvelopeID"),
    "envelopeid-nul": ({"envelopeid": "Q\0Q"}, r"EnvelopeID"),
    "envelopeid-tab": ({"envelopeid": "Q\tQ"}, r"EnvelopeID"),
    "envelopeid-del": ({"envelopeid": "Q\x7fQ"}, r"EnvelopeID"),
    "envelopeid-not-ascii": ({"envelopeid": "\u760a\u760d"}, r"EnvelopeID"),
    "envelopeid-empty": ({"envelopeid": ""}, r"EnvelopeID"),
    "envelopeid-long": ({"envelopeid": "=" * 34}, r"EnvelopeID"),
    "original-crlf": (
        {"recipient.originalrecipient": "a@b.test" + INJECTION},
        r"Recipients\[0\]\.OriginalRecipient",
    ),
    "original-nul": ({"recipient.originalrecipient": "a@b.test\0"}, r"Recipients\[0\]\.OriginalRecipient"),
    "original-parameter": (
        {"recipient.originalrecipient": "a@b.test> NOTIFY=NEVER"},
        r"Recipients\[0\]\.OriginalRecipient",
    ),
    "original-x400-crlf": (
        {"recipient.originalrecipient": "x400;/C=DE\r\nDATA"},
        r"Recipients\[0\]\.OriginalRecipient",
    ),
    "original-type": ({"recipient.originalrecipient": "x400 NOTIFY=NEVER;a"}, r"Recipients\[0\]\.OriginalRecipient"),
    "notify-never-and-success": ({"recipient.notify": "9"}, r"Recipients\[0\]\.Notify"),
    "deliverby-zero": ({"deliverby": "0"}, r"DeliverBy"),
    "deliverby-many": ({"deliverby": "1000000000"}, r"DeliverBy"),
    "holdfor-zero": ({"holdfor": "0"}, r"HoldFor"),
    "holduntil-past": ({"holduntil": "1396566060"}, r"HoldUntil"),
    "holdfor-and-holduntil": ({"holdfor": "60", "holduntil": "2145916800"}, r"HoldUntil"),
    "mtpriority-high": ({"mtpriority": "10"}, r"MtPriority"),
    "mtpriority-low": ({"mtpriority": "-10"}, r"MtPriority"),
    "optionalextensions-crlf": ({"optionalextensions": "DSN,DSN\r\nRSET"}, r"OptionalExtensions\[1\]"),
    "optionalextensions-unknown": ({"optionalextensions": "SIZE"}, r"OptionalExtensions\[0\]"),
    "cid-crlf": ({"embedded.cid": "logo>\r\nX: y", "embedded.file": __file__}, r"EmbeddedObjects\[0\].*"),
}


def lines(job: Job, changes: dict[str, str | None]) -> Job:
    """The good message with some of its lines replaced or left out."""
    unknown = set(changes) - set(GOOD)
    assert not unknown, unknown
    for key, value in {**GOOD, **changes}.items():
        if value is not None:
            job.put(key, value)
    return job.send()


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_its_field(name: str, language: str, serve, send) -> None:
    changes, field = BAD[name]
    server = serve()
    answer = send(lines(Job().server("127.0.0.1", server.port, security="none"), changes))
    server.finish()
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["number"], error["stage"]) == ("message", 100, "COMPOSE")
    assert re.fullmatch(field, error["field"] or ""), error["field"]
    assert error["message"]
    assert not error["is_temporary"]
    assert server.connections == []


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"account": "us\0er", "password": "secret"}, "Account"),
        ({"account": "user", "password": "sec\0ret"}, "Password"),
    ],
    ids=["account-nul", "password-nul"],
)
def test_bad_credentials_name_their_field(setting: dict[str, str], field: str, language: str, serve, send) -> None:
    server = serve()
    job = Job().server("127.0.0.1", server.port, security="none", authmode="plain", allowplaintextauth=True, **setting)
    answer = send(lines(job, {}))
    server.finish()
    assert not answer["ok"], answer
    assert answer["error"]["kind"] == "message"
    assert answer["error"]["field"] == f"SMTPServers[0].{field}"
    assert "ret" not in answer["error"]["message"].replace("secret", ""), "the password is not repeated"


@pytest.mark.parametrize("host", ["127.0.0.1\r\nEHLO x", "127.0.0.1\0.evil.test", "", "two words"], ids=repr)
def test_bad_host_names_its_field(host: str, language: str, serve, send) -> None:
    server = serve()
    answer = send(lines(Job().server(host, server.port, security="none"), {}))
    server.finish()
    assert not answer["ok"], answer
    assert (answer["error"]["kind"], answer["error"]["field"]) == ("message", "SMTPServers[0].Name")


def test_missing_attachment(language: str, serve, send, tmp_path: Path) -> None:
    server = serve()
    job = Job().server("127.0.0.1", server.port, security="none")
    answer = send(lines(job, {"attachment.file": str(tmp_path / "not there.pdf")}))
    server.finish()
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["stage"], error["field"]) == ("file-io", "COMPOSE", "Attachments[0]")
    assert "not there.pdf" in error["message"]


def test_log_in_a_folder_that_does_not_exist(language: str, serve, send, tmp_path: Path) -> None:
    server = serve()
    job = Job().put("smtp.logfile", tmp_path / "no folder/smtp log.txt")
    answer = send(lines(job.server("127.0.0.1", server.port, security="none"), {}))
    server.finish()
    assert not answer["ok"], answer
    assert answer["at"] == "smtp.logfile", "raised at once, not when sending"
    assert (answer["error"]["kind"], answer["error"]["field"]) == ("file-io", "LogFile")


def transaction(recipient: str) -> list[Step]:
    say = [b"220 mail.test\r\n", b"250 mail.test\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"]
    hear = [
        Hear("EHLO client.test"),
        Hear("MAIL FROM:<sender@domain.test>"),
        Hear(f"RCPT TO:<{recipient}>"),
        Hear("DATA"),
        Message(),
    ]
    steps: list[Step] = [Say(say[0])]
    for heard, said in zip(hear, [*say[1:], b"250 queued\r\n"], strict=True):
        steps += [heard, Say(said)]
    return steps


@pytest.mark.parametrize(
    "recipient",
    ['"foo@a.example> ORCPT=admin@b.example"@c.example', '"a@b.example x"@internal.example'],
    ids=["orcpt", "quoted-at"],
)
def test_quoted_local_part_stays_one_address(recipient: str, language: str, serve, send) -> None:
    """Written as it is, in its quotes, or refused: never taken apart (CVE-2025-59937, CVE-2025-13033)."""
    server = serve(transaction(recipient))
    job = Job().server("127.0.0.1", server.port, security="none")
    answer = send(lines(job, {"recipient.to": recipient, "smtp.defaultdomain": "client.test"}))
    if answer["ok"]:
        server.finish()
        assert answer["report"]["recipients"][0]["email"] == recipient
    else:
        assert answer["error"]["field"] == "Recipients[0].Email"
        assert server.connections == []


@pytest.mark.parametrize(
    "name", ["a\r\nX-Injected: yes.txt", 'a"; filename="b.exe', "../../etc/passwd", "a\u202etxt.exe"]
)
def test_hostile_attachment_name(name: str, language: str, serve, send) -> None:
    """Refused by name, or encoded so that no reader sees another header, parameter or folder."""
    server = serve(transaction("recipient@domain.test"))
    job = Job().server("127.0.0.1", server.port, security="none").put("smtp.defaultdomain", "client.test")
    answer = send(job.message("recipient@domain.test").attach(name, b"data").send())
    if not answer["ok"]:
        assert answer["error"]["kind"] == "message"
        assert (answer["error"]["field"] or "").startswith("Attachments[0]")
        assert server.connections == []
        return
    server.finish()
    raw = server.messages[0]
    assert b"\r\nX-Injected" not in raw
    assert b'filename="b.exe' not in raw.replace(b'\\"', b"")
