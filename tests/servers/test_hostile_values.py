"""Every text of a message times every hostile value, in each language: refused by its name, or it arrives as it was.

What arrives is read by Python's own parser, which shares nothing with the composer.
"""

import email
import email.policy
import email.utils
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest

from harness.driver import Job
from harness.scripted import Hear, Message, Say, Step

#: key of the job: the property that an error names
FIELDS = {
    "subject": "Subject",
    "from.name": "From.Name",
    "recipient.name": "Recipients[0].Name",
    "header.value": "CustomHeaders[0].Value",
    "attachment.name": "Attachments[0].DisplayName",
}
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
