"""Every text of a message times every hostile value, in each language: refused by its name, or it arrives as it was.

What arrives is read by Python's own parser, which shares nothing with the composer.
"""

import email
import email.policy
import email.utils
import re
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest

from harness.driver import Job
from harness.running import RunningDriver
from harness.scripted import Hear, Message, Say, Step

#: key of the job: the property that an error names
FIELDS = {
    "subject": "Subject",
    "from.name": "From.Name",
    "recipient.name": "Recipients[0].Name",
    "header.value": "CustomHeaders[0].Value",
    "attachment.name": "Attachments[0].DisplayName",
}
#: The same for what no reader is shown: the lines before it, and the property. An address may hold a value in its local
#: part, in its domain, and behind it.
UNSHOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "from.email": ((), r"From\.Email"),
    "sender.email": ((), r"Sender\.Email"),
    "replyto.email": ((), r"ReplyTo\.Email"),
    "returnpath": ((), r"ReturnPath"),
    "recipient.to": ((), r"Recipients\[0\]\.Email"),
    "recipient.cc": ((), r"Recipients\[1\]\.Email"),
    "recipient.bcc": ((), r"Recipients\[1\]\.Email"),
    "sender.name": (("sender.email a@domain.test",), r"Sender\.Name"),
    "replyto.name": (("replyto.email a@domain.test",), r"ReplyTo\.Name"),
    "messageid": ((), r"MessageID"),
    "header.name": ((), r"CustomHeaders\[0\]\.Name"),
    "embedded.cid": ((), r"EmbeddedObjects\[0\]\.ContentID"),
    "envelopeid": ((), r"EnvelopeID"),
    "recipient.originalrecipient": ((), r"Recipients\[0\]\.OriginalRecipient"),
    "optionalextensions": ((), r"OptionalExtensions\[0\]"),
    "smtp.defaultdomain": ((), r"DefaultDomain"),
}
ADDRESSES = ("from.email", "sender.email", "replyto.email", "returnpath", "recipient.to")
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
    lines = Job().server("127.0.0.1", port, security="none").put("smtp.defaultdomain", "client.test")
    if key == "from.name":
        lines.put(key, value)
    lines.put("from.email", "sender@domain.test")
    if key == "recipient.name":
        lines.put(key, value)
    lines.put("recipient.to", "recipient@domain.test")
    lines.put("subject", value if key == "subject" else "Hello").put("text", "Hello")
    if key == "header.value":
        lines.put("header.name", "X-Hostile").put(key, value)
    if key == "attachment.name":
        lines.attach(value, b"data")
    return lines.send()


def arrived(message: EmailMessage, key: str) -> str | None:
    """The value as a reader shows it."""
    if key == "attachment.name":
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
    elif key == "messageid":
        yield from (f"{value}@domain.test", f"<id@domain.test{value}>")
    elif key == "recipient.originalrecipient":
        yield from (f"a@domain.test{value}", f"x400;{value}", f"{value};a")
    elif key == "optionalextensions":
        yield f"DSN{value}"
    else:
        yield value


@pytest.mark.parametrize("key", UNSHOWN)
def test_refused_where_no_reader_looks(key: str, running: RunningDriver, serve) -> None:
    """One process for all of them: an object that refused a value takes the next one."""
    before, field = UNSHOWN[key]
    server = serve()
    for name, hostile in REFUSED.items():
        for value in unshown(key, hostile):
            lines = Job().put("message.new").server("127.0.0.1", server.port, security="none")
            for line in before:
                lines.put(*line.split(" ", 1))
            if key in ("smtp.defaultdomain", "sender.name", "replyto.name") or key in ADDRESSES:
                lines.put(key, value)
            if key != "from.email":
                lines.put("from.email", "sender@domain.test")
            if key != "recipient.to":
                lines.put("recipient.to", "recipient@domain.test")
            if key in ("recipient.cc", "recipient.bcc", "messageid", "envelopeid", "optionalextensions"):
                lines.put(key, value)
            if key == "recipient.originalrecipient":
                lines.put(key, value)
            if key == "header.name":
                lines.put(key, value).put("header.value", "value")
            if key == "embedded.cid":
                lines.put(key, value).put("embedded.file", __file__)
            (answer,) = running.run(lines.put("subject", "Hello").put("text", "Hello").send())
            assert not answer["ok"], (name, value, answer)
            error = answer["error"]
            assert error["kind"] == "message", (name, value, error)
            assert re.fullmatch(field, error["field"] or ""), (name, value, error)
            assert not any(control in error["message"] for control in value if ord(control) < 0x20), (
                name,
                value,
                error,
            )
    server.finish()
    assert server.connections == []


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
    if key == "attachment.name" and value in NO_FILE_NAME:
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
