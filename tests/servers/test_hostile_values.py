"""Every text of a message times every hostile value, in each language: refused by its name, or it arrives as it was.

What arrives is read by Python's own parser, which shares nothing with the composer.
"""

import contextlib
import email
import email.policy
import email.utils
import random
import re
import socket
import threading
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import IO

import dkim
import pytest

from harness.driver import ROOT, Job
from harness.running import RunningDriver
from harness.scripted import Hear, Message, Say, Step

#: key of the job: the property that an error names
FIELDS = {
    "subject": "Subject",
    "from.name": "From.Name",
    "recipient.name": "Recipients[0].Name",
    "header.value": "CustomHeaders[0].Value",
    "attachment.name": "Attachments[0].DisplayName",
    "calendar.filename": "Calendar.FileName",
}
#: The same for what no reader is shown. An address may hold a value in its local part, in its domain, and behind it.
UNSHOWN = {
    "from.email": "From.Email",
    "sender.email": "Sender.Email",
    "replyto.email": "ReplyTo.Email",
    "returnpath": "ReturnPath",
    "recipient.to": "Recipients[0].Email",
    "recipient.cc": "Recipients[1].Email",
    "recipient.bcc": "Recipients[1].Email",
    "sender.name": "Sender.Name",
    "replyto.name": "ReplyTo.Name",
    "messageid": "MessageID",
    "inreplyto": "InReplyTo[0]",
    "reference": "References[0]",
    "listunsubscribe": "ListUnsubscribe[0]",
    "charset": "CharsetEncoding",
    "header.name": "CustomHeaders[0].Name",
    "attachment.contenttype": "Attachments[0].ContentType",
    "embedded.cid": "EmbeddedObjects[0].ContentID",
    "embedded.contenttype": "EmbeddedObjects[0].ContentType",
    "calendar.method": "Calendar.Method",
    "dkim.domain": "DKIM.Domain",
    "dkim.selector": "DKIM.Selector",
    "dkim.identity": "DKIM[0].Identity",
    "dkim.headers": "DKIM[0].Headers",
    "dkim.oversigned": "DKIM[0].Oversigned",
    "dkim.key": "DKIM.Key",
    "envelopeid": "EnvelopeID",
    "recipient.originalrecipient": "Recipients[0].OriginalRecipient",
    "optionalextensions": "OptionalExtensions[0]",
    "smtp.defaultdomain": "DefaultDomain",
}
#: The key of RFC 8463 appendix A, and what its domain publishes.
DKIM_KEY = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
PUBLISHED = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"
#: The lines that a key needs before it, and behind it.
AROUND: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "sender.name": ({"sender.email": "a@domain.test"}, {}),
    "replyto.name": ({"replyto.email": "a@domain.test"}, {}),
    "header.name": ({}, {"header.value": "value"}),
    "header.value": ({"header.name": "X-Hostile"}, {}),
    "attachment.name": ({}, {"attachment.bytes": "ZGF0YQ=="}),
    "attachment.contenttype": ({"attachment.name": "a", "attachment.bytes": "ZGF0YQ=="}, {}),
    "embedded.cid": ({}, {"embedded.file": __file__}),
    "embedded.contenttype": ({"embedded.cid": "a", "embedded.file": __file__}, {}),
    "calendar.method": ({}, {"calendar.text": CALENDAR}),
    "calendar.filename": ({}, {"calendar.text": CALENDAR}),
    "dkim.domain": ({}, {"dkim.selector": "mail", "dkim.key": DKIM_KEY}),
    "dkim.selector": ({"dkim.domain": "domain.test"}, {"dkim.key": DKIM_KEY}),
    "dkim.identity": ({"dkim.domain": "domain.test", "dkim.selector": "mail"}, {"dkim.key": DKIM_KEY}),
    "dkim.headers": ({"dkim.domain": "domain.test", "dkim.selector": "mail"}, {"dkim.key": DKIM_KEY}),
    "dkim.oversigned": ({"dkim.domain": "domain.test", "dkim.selector": "mail"}, {"dkim.key": DKIM_KEY}),
    "dkim.key": ({"dkim.domain": "domain.test", "dkim.selector": "mail"}, {}),
}
#: Texts that no line or header is made of, whole messages, and files; tests elsewhere hold what is right for them.
FREE = {
    "raw", "raw.file",
    "text", "html", "calendar.text", "attachment.file", "attachment.stream", "attachment.bytes", "embedded.file",
    "blast", "idempotencykey",
}  # fmt: skip
#: What is no text.
NUMBERS = {
    "message.new", "listunsubscribe.oneclick", "autosubmitted", "priority", "returncontent", "deliverbymode",
    "requiretls", "deliverbytrace", "deliverby", "holdfor", "mtpriority", "holduntil", "notbefore", "expires",
    "spoolpriority", "recipient.notify", "recipient.validsinceaction", "recipient.validsince",
}  # fmt: skip
CONTROLS = {f"c0-{code:02x}": f"a{chr(code)}b" for code in (*range(1, 0x20), 0x7F)}
REFUSED = CONTROLS | {
    "nul": "a\0b",
    "injected-header": "a\r\nBcc: evil@foreign.test",
    "injected-body": "a\r\n\r\nevil",
    "folded": "a\r\n b",
    "end-of-data": "a\r\n.\r\nMAIL FROM:<evil@foreign.test>",
    "at-the-end": "a\n",
    "at-the-beginning": "\ra",
}
KEPT = {
    "truncates-to-lf": "a\u760ab",
    "truncates-to-crlf": "a\u760d\u760aBcc: evil@foreign.test",
    "quote": 'a"b',
    "quotes-and-parameter": 'a"; filename="b.exe',
    "backslash-at-end": "a\\",
    "angle-brackets": "a <evil@foreign.test>",
    "comma": "a, evil@foreign.test",
    "comment": "a (b",
    "encoded-word": "=?utf-8?Q?a=0D=0ABcc:_evil?=",
    "encoded-word-halves": "=?utf-8?Q? and ?=",
    "percent": "%0D%0Aa'utf-8''b",
    "emoji": "👩‍💻 a",
    "right-to-left": "עברית a العربية",
    "combining": "e\u0301\u0323",
    "spaces": "  a   b  ",
    "template": "{{ a }} ${b} %s",
    "url": "file:///etc/passwd http://127.0.0.1/",
    "c1": "a\u0085b",
    "line-separator": "a\u2028b\u2029c",
    "bidi-override": "a\u202etxt.exe",
    "zero-width": "a\u200bb\ufeffc",
    "long": "word " * 400 + "end",
    "long-word": "ü" * 900,
}
#: What no file may be called; the rest of KEPT may.
NO_FILE_NAME = {
    "backslash-at-end", "url", "c1", "line-separator", "bidi-override", "zero-width",
}  # fmt: skip


def script() -> list[Step]:
    steps: list[Step] = [Say(b"220 mail.test\r\n")]
    for heard, said in (
        (Hear("EHLO client.test"), b"250 mail.test\r\n"),
        (Hear("MAIL FROM:<sender@domain.test>"), b"250 ok\r\n"),
        (Hear("RCPT TO:<recipient@domain.test>"), b"250 ok\r\n"),
        (Hear("DATA"), b"354 go\r\n"),
        (Message(), b"250 queued\r\n"),
    ):
        steps += [heard, Say(said)]
    return steps


def job(port: int, key: str, value: str) -> Job:
    """A good message with one hostile value."""
    lines = Job().put("message.new").server("127.0.0.1", port, security="none")
    lines.put("smtp.defaultdomain", "client.test")
    if key in ("from.name", "recipient.name"):
        lines.put(key, value)
    for name, good in (("from.email", "sender@domain.test"), ("recipient.to", "recipient@domain.test")):
        lines.put(name, value if key == name else good)
    if key not in ("from.name", "recipient.name", "from.email", "recipient.to"):
        before, behind = AROUND.get(key, ({}, {}))
        for name, good in before.items():
            lines.put(name, good)
        lines.put(key, value)
        for name, good in behind.items():
            lines.put(name, good)
    if key != "subject":
        lines.put("subject", "Hello")
    return lines.put("text", "Hello").send()


def arrived(message: EmailMessage, key: str) -> str | None:
    """The value as a reader shows it."""
    if key in ("attachment.name", "calendar.filename"):
        (attachment,) = message.iter_attachments()
        # get_filename() takes spaces at the ends away.
        return attachment["Content-Disposition"].params["filename"]
    if key in ("from.name", "recipient.name"):
        # The new policy shows a space between encoded words of a name; the old functions do not.
        header = dict(message.raw_items())["From" if key == "from.name" else "To"]
        name, _ = email.utils.parseaddr("".join(header.splitlines()))
        return str(make_header(decode_header(name)))
    return str(message["Subject" if key == "subject" else "X-Hostile"])


@pytest.mark.parametrize("value", REFUSED)
@pytest.mark.parametrize("key", FIELDS)
def test_refused(key: str, value: str, language: str, serve, send) -> None:
    server = serve()
    answer = send(job(server.port, key, REFUSED[value]))
    server.finish()
    assert not answer["ok"], answer
    assert (answer["error"]["kind"], answer["error"]["field"]) == ("message", FIELDS[key])
    assert REFUSED[value] not in answer["error"]["message"], "the control characters are shown escaped"
    assert server.connections == []


def unshown(key: str, value: str) -> Iterator[str]:
    """The hostile value at every place of what that key is."""
    if key.endswith(".email") or key in ("returnpath", "recipient.to", "recipient.cc", "recipient.bcc"):
        yield from (
            f"{value}@domain.test",
            f'"{value}"@domain.test',
            f"user@dom{value}ain.test",
            f"user@domain.test{value}",
        )
    elif key in ("messageid", "inreplyto", "reference", "dkim.identity"):
        yield from (f"{value}@domain.test", f"<id@domain.test{value}>", f"@domain.test{value}")
    elif key == "recipient.originalrecipient":
        yield from (f"a@domain.test{value}", f"x400;{value}", f"{value};a")
    elif key == "optionalextensions":
        yield f"DSN{value}"
    elif key == "listunsubscribe":
        yield from (value, f"https://domain.test/{value}", f"<https://{value}>", f"mailto:a@domain.test{value}")
    elif key.endswith(".contenttype"):
        yield from (value, f"text/{value}", f"{value}/plain", f"text/plain; {value}=x", f"text/plain; a={value}")
        yield f'text/plain; a="{value}"'
    elif key == "calendar.method":
        yield from (value, f"REQUEST{value}")
    elif key in ("dkim.domain", "dkim.selector"):
        yield from (value, f"dom{value}ain.test", f"domain.test{value}")
    elif key in ("dkim.headers", "dkim.oversigned"):
        yield from (f"From,{value}", f"From{value},From")
    elif key == "dkim.key":
        yield f"nWGxne/9WmC6{value}hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    elif key == "charset":
        yield from (value, f"utf-8{value}")
    else:
        yield value


@pytest.mark.parametrize("key", UNSHOWN)
def test_refused_where_no_reader_looks(key: str, running: RunningDriver, serve) -> None:
    """One process for all of them: an object that refused a value takes the next one."""
    server = serve()
    for name, hostile in REFUSED.items():
        for value in unshown(key, hostile):
            (answer,) = running.run(job(server.port, key, value))
            assert not answer["ok"], (name, value, answer)
            error = answer["error"]
            assert (error["kind"], error["field"]) == ("message", UNSHOWN[key]), (name, value, error)
            assert not any(control in error["message"] for control in value if ord(control) < 0x20), (
                name,
                value,
                error,
            )
    server.finish()
    assert server.connections == []


def test_every_text_of_a_message_is_looked_at() -> None:
    """A key that is new in the contract of the drivers has its row here."""
    contract = (ROOT / "tests/drivers/README.md").read_text(encoding="utf-8")
    table = contract.partition("### The message\n")[2].partition("\n### ")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    keys = {key for row in rows for key in re.findall(r"`([a-z.]+)`", row)}
    assert keys - NUMBERS - FREE == (set(FIELDS) | set(UNSHOWN)) - {"smtp.defaultdomain"}


class Taker:
    """Takes every message of every client, and keeps the last session."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.commands: list[bytes] = []
        self.message = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client, client.makefile("rb") as lines, contextlib.suppress(ConnectionError):
                    self._serve(client, lines)

    def _serve(self, client: socket.socket, lines: IO[bytes]) -> None:
        self.commands, self.message = [], b""
        client.sendall(b"220 taker.test\r\n")
        for line in lines:
            self.commands.append(line)
            if line == b"DATA\r\n":
                client.sendall(b"354 go\r\n")
                self.message = b"".join(iter(lines.readline, b".\r\n"))
            client.sendall(b"250-taker.test\r\n250-8BITMIME\r\n250 DSN\r\n" if line[:4] == b"EHLO" else b"250 ok\r\n")
            if line == b"QUIT\r\n":
                return


@pytest.fixture(scope="module")
def taker() -> Iterator[Taker]:
    server = Taker()
    yield server
    server.listener.close()


#: What generated values are made of.
MADE_OF = (
    *"ab@.,;:<>()[]\"\\'=?_ %&{}|/-+*#!~`^$", "\r", "\n", "\t", "\0", "\x7f", "\x85", "ü", "\u760a", "\u760d",
    "\u202e", "\u2028", "\u200b", "👩‍💻", "\u0301", "=?utf-8?Q?", "?=", "--", "..", "/../", "\r\n", "\r\n.\r\n",
    "\n.\n", "xn--", "a@b.test", "Bcc: e@f.test", "%0D%0A", "https://", "mailto:", "text/plain", "; name=", "REQUEST",
    "domain.test", "x" * 80, "ü" * 80,
)  # fmt: skip
WRITTEN = {
    "date", "from", "sender", "reply-to", "to", "cc", "subject", "message-id", "in-reply-to", "references",
    "mime-version", "x-hostile", "list-unsubscribe", "content-type", "content-transfer-encoding", "dkim-signature",
}  # fmt: skip


@pytest.mark.parametrize("key", [*FIELDS, *UNSHOWN])
def test_generated_values(key: str, running: RunningDriver, taker: Taker) -> None:
    """Whatever the value is: refused by its name, or one message of the right form to the right people."""
    make = random.Random(key)
    for _ in range(15):
        made = "".join(make.choice(MADE_OF) for _ in range(make.randint(1, 12)))
        value = make.choice(list(unshown(key, made)))
        (answer,) = running.run(job(taker.port, key, value))
        if not answer["ok"]:
            error = answer["error"]
            # Which the server decides, and the error of the session says so.
            if (error["diagnosis"] or {}).get("cause") != "smtputf8-unsupported":
                assert error["field"] == (FIELDS | UNSHOWN)[key], (value, error)
            continue
        verbs = [command[:4] for command in taker.commands if command != b"QUIT\r\n"]
        recipients = 2 if key in ("recipient.cc", "recipient.bcc") else 1
        assert verbs == [b"EHLO", b"MAIL", *[b"RCPT"] * recipients, b"DATA"], (value, taker.commands)
        assert all(line.endswith(b"\r\n") and len(line) <= 1000 for line in taker.message.splitlines(keepends=True))
        assert b"\r" not in taker.message.replace(b"\r\n", b"")
        message = email.message_from_bytes(taker.message, _class=EmailMessage, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        names = {name.lower() for name in message}
        if key != "header.name":
            assert names <= WRITTEN, (value, names)
        assert message.get_content_type() != "text/plain" or message.get_content().strip() == "Hello", value
        if key in FIELDS:
            assert arrived(message, key) == value


def test_what_is_set_arrives_in_its_place(language: str, serve, send) -> None:
    """The answers, the links, the invitation and the signature; the signature is verified by dkimpy."""
    server = serve(script())
    lines = Job().server("127.0.0.1", server.port, security="none").put("smtp.defaultdomain", "client.test")
    lines.put("from.email", "sender@domain.test").put("recipient.to", "recipient@domain.test").put("text", "Grüße")
    lines.put("inreplyto", "<b@domain.test>").put("reference", "a@domain.test").put("reference", "<b@domain.test>")
    lines.put("autosubmitted", 1).put("charset", "UTF-8")
    lines.put("listunsubscribe", "https://domain.test/u?id=1").put("listunsubscribe", "mailto:u@domain.test")
    lines.put("listunsubscribe.oneclick", True)
    lines.put("calendar.method", "request").put("calendar.filename", "büro.ics").put("calendar.text", CALENDAR)
    lines.put("attachment.name", "a").put("attachment.bytes", "ZGF0YQ==").put(
        "attachment.contenttype", 'text/csv; a="b;c"'
    )
    lines.put("embedded.cid", "logo").put("embedded.file", __file__).put("embedded.contenttype", "image/x-mine")
    lines.put("dkim.domain", "domain.test").put("dkim.selector", "mail").put("dkim.identity", "@news.domain.test")
    answer = send(lines.put("dkim.key", DKIM_KEY).send())
    server.finish()
    assert answer["ok"], answer
    raw = server.messages[0]
    message = email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["In-Reply-To"] == "<b@domain.test>"
    assert message["References"] == "<a@domain.test> <b@domain.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == "<https://domain.test/u?id=1>, <mailto:u@domain.test>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = {part.get_content_type(): part for part in message.walk()}
    assert parts["text/calendar"].get_param("method") == "REQUEST"
    assert parts["text/calendar"].get_content() == CALENDAR
    assert parts["application/ics"].get_filename() == "büro.ics"
    assert parts["text/csv"].get_param("a") == "b;c"
    assert parts["image/x-mine"]["Content-ID"] == "<logo>"
    assert b"i=@news.domain.test" in raw
    assert dkim.verify(
        raw, dnsfunc=lambda name, timeout=5: PUBLISHED if name == b"mail._domainkey.domain.test." else b""
    )


def test_what_a_text_names_is_not_opened(language: str, serve, send, tmp_path: Path) -> None:
    """Paths and URLs in texts are texts: no file is read for them, and nobody is asked for anything."""
    secret = tmp_path / "secret.txt"
    secret.write_text("what nobody may see", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as web:
        url = f"http://127.0.0.1:{web.getsockname()[1]}"
        text = f"{secret}\n@{secret}\n{secret.as_uri()}\n{url}/text\n"
        html = (
            f'<link rel="stylesheet" href="{url}/css"><img src="{secret}"><img src="{secret.as_uri()}">'
            f'<img src="{url}/image"><iframe src="{url}/frame"></iframe><a href="cid:logo">a</a>'
        )
        server = serve(script())
        lines = Job().server("127.0.0.1", server.port, security="none").put("smtp.defaultdomain", "client.test")
        lines.put("from.email", "sender@domain.test").put("recipient.to", "recipient@domain.test")
        lines.put("subject", str(secret)).put("header.name", "X-Hostile").put("header.value", f"@{secret} {url}/header")
        lines.put("listunsubscribe", f"{url}/unsubscribe").put("text", text).put("html", html)
        answer = send(lines.send())
        server.finish()
        web.setblocking(False)
        with pytest.raises(BlockingIOError):
            web.accept()
    assert answer["ok"], answer
    assert b"nobody may see" not in server.messages[0]
    message = email.message_from_bytes(server.messages[0], _class=EmailMessage, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts = {part.get_content_type(): part for part in message.walk()}
    assert set(parts) == {"multipart/alternative", "text/plain", "text/html"}
    assert parts["text/plain"].get_content().splitlines() == text.splitlines()
    assert parts["text/html"].get_content().strip() == html


#: An address, and what may come of it: what the server is to hear, or that it is refused.
ADDRESSED = {
    "user@good.example(x)evil.example": None,
    "(x)user@good.example": None,
    "user@good.example (x)": None,
    "Team: a@b.example, c@d.example;": None,
    "a@b.example,evil@foreign.test": None,
    "user@exam\u00adple.test": "user@example.test",
    "user@\uff45xample.test": "user@example.test",
    "user@example\u3002test": "user@example.test",
    "user@b\u00fccher.example": "user@xn--bcher-kva.example",
    "user@\u760a\u760d.example": "user@xn--ztyg.example",
    "user@a\u2100b.example": None,
    "user@127.0.0.1": None,
    '"a@b.example x"@internal.example': '"a@b.example x"@internal.example',
    '"foo@a.example> ORCPT=admin@b.example"@c.example': '"foo@a.example> ORCPT=admin@b.example"@c.example',
    "(" * 100_000 + "a@b.example": None,
    "a@b.example, " * 20_000: None,
}


@pytest.mark.parametrize("address", ADDRESSED, ids=lambda address: ascii(address[:40]))
def test_one_address_is_one(address: str, language: str, serve, send) -> None:
    heard = ADDRESSED[address]
    steps = script()
    if heard is not None:
        steps[5] = Hear(f"RCPT TO:<{heard}>")
    server = serve() if heard is None else serve(steps)
    lines = Job().server("127.0.0.1", server.port, security="none").put("smtp.defaultdomain", "client.test")
    lines.put("from.email", "sender@domain.test").put("recipient.to", address).put("text", "Hello")
    answer = send(lines.send())
    server.finish()
    assert answer["ok"] == (heard is not None), answer
    if heard is None:
        assert (answer["error"]["kind"], answer["error"]["field"]) == ("message", "Recipients[0].Email")
        assert server.connections == []
        assert len(answer["error"]["message"]) < 1000
    else:
        assert answer["report"]["recipients"][0]["email"] == address


@pytest.mark.parametrize("value", KEPT)
@pytest.mark.parametrize("key", FIELDS)
def test_kept(key: str, value: str, language: str, serve, send) -> None:
    text = KEPT[value]
    if key in ("attachment.name", "calendar.filename") and value in NO_FILE_NAME:
        server = serve()
        answer = send(job(server.port, key, text))
        server.finish()
        assert not answer["ok"], answer
        assert (answer["error"]["kind"], answer["error"]["field"]) == ("message", FIELDS[key])
        assert server.connections == []
        return
    server = serve(script())
    answer = send(job(server.port, key, text))
    server.finish()
    assert answer["ok"], answer
    raw = server.messages[0]
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 998 and b"\r" not in line and b"\n" not in line for line in lines)
    assert not any(line.lower().startswith((b"bcc", b"x-injected")) for line in lines)
    message = email.message_from_bytes(raw, _class=EmailMessage, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert set(message.keys()) <= {
        "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "X-Hostile", "Content-Type",
        "Content-Transfer-Encoding",
    }  # fmt: skip
    assert arrived(message, key) == text
