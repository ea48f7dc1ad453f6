"""What arrives is what was given: read by Python's email package from the mail box of a real server."""

import struct
import zlib
from pathlib import Path

from harness.driver import Job
from harness.postfix import DOMAIN, Postfix

TEXT = (
    "Grüße aus Zürich: 日本語 🚀\n\n.\n..two dots\nFrom here on\n" + "long " * 300 + "\n\ttab and trailing space \nend"
)
HTML = '<p>Grüße <b>fett</b> &amp; <img src="cid:logo@freesmtp"></p>\n<pre>' + "x" * 1500 + "</pre>"
SUBJECT = "Rechnung für März – " + "sehr langer Betreff " * 8 + "日本語"
ATTACHMENTS = {
    "every byte.bin": bytes(range(256)) * 300,
    "Rechnung März 2026.pdf": b"%PDF-1.4\r\n.\r\n\n\r.\n",
    "日本語のとても長いファイル名" * 4 + ".txt": b"Zeile\r\nzwei\n",
    'a "quoted"; name=x.dat': b"\0",
    "empty.txt": b"",
}


def png(width: int = 3) -> bytes:
    """A small picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\x00\x80" * width for _ in range(width))
    header = struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def to_postfix(postfix: Postfix) -> Job:
    return Job().server("127.0.0.1", postfix.port("plain"), security="none")


def test_everything_at_once(language: str, postfix: Postfix, send, tmp_path: Path) -> None:
    picture = tmp_path / "logo.png"
    picture.write_bytes(png())
    from_file = tmp_path / "Übersicht.csv"
    from_file.write_bytes(b"a;b\r\n1;2\r\n")
    job = to_postfix(postfix).put("from.email", f"zoe@{DOMAIN}").put("from.name", "Zoë Müller, Büro")
    job.put("replyto.email", f"replies@{DOMAIN}")
    job.put("recipient.name", 'Jürgen "J" O\'Neil').put("recipient.to", f"user@{DOMAIN}")
    job.put("recipient.cc", f"other@{DOMAIN}").put("recipient.bcc", f"third@{DOMAIN}")
    job.put("subject", SUBJECT).put("text", TEXT).put("html", HTML)
    job.put("header.name", "X-Campaign").put("header.value", "Frühling №5")
    job.put("embedded.cid", "logo@freesmtp").put("embedded.file", picture)
    job.put("attachment.file", from_file)
    job.put("attachment.name", "Anders genannt.csv").put("attachment.file", from_file)
    for name, data in ATTACHMENTS.items():
        job.attach(name, data)
    answer = send(job.send())
    assert answer["ok"], answer
    message_id = answer["report"]["message_id"]

    for user in ("user", "other", "third"):
        arrived = postfix.mailbox(user).wait_for(message_id)
        assert arrived.text is not None
        assert arrived.text.rstrip("\n") == TEXT
        assert arrived.html is not None
        assert arrived.html.rstrip("\n") == HTML
        assert arrived.header("Subject") == SUBJECT
        assert arrived.header("Message-ID") == message_id
        assert arrived.header("X-Campaign") == "Frühling №5"
        assert arrived.addresses("From") == [("Zoë Müller, Büro", f"zoe@{DOMAIN}")]
        assert arrived.addresses("Reply-To") == [("", f"replies@{DOMAIN}")]
        assert arrived.addresses("To") == [('Jürgen "J" O\'Neil', f"user@{DOMAIN}")]
        assert arrived.addresses("Cc") == [("", f"other@{DOMAIN}")]
        assert arrived.header("Bcc") is None
        assert arrived.message["Date"].datetime is not None
        expected = {"Übersicht.csv": b"a;b\r\n1;2\r\n", "Anders genannt.csv": b"a;b\r\n1;2\r\n", **ATTACHMENTS}
        assert [part.name for part in arrived.attachments] == list(expected)
        assert {part.name: part.data for part in arrived.attachments} == expected
        assert [(part.cid, part.type, part.data) for part in arrived.inline] == [("logo@freesmtp", "image/png", png())]
    # The name of the hidden recipient is nowhere but where Postfix itself put it, in its own headers.
    sent = postfix.mailbox("user").wait_for(message_id).raw
    assert b"third@" not in sent


def test_structure(language: str, postfix: Postfix, send, tmp_path: Path) -> None:
    """mixed(related or alternative…) in the order that mail readers expect: the plain text first, the HTML after it."""
    picture = tmp_path / "logo.png"
    picture.write_bytes(png())
    job = to_postfix(postfix).message(f"user@{DOMAIN}").put("html", HTML)
    job.put("embedded.cid", "logo@freesmtp").put("embedded.file", picture).attach("a.bin", b"a")
    answer = send(job.send())
    assert answer["ok"], answer
    message = postfix.mailbox().wait_for(answer["report"]["message_id"]).message
    assert message.get_content_type() == "multipart/mixed"
    types = [part.get_content_type() for part in message.walk()]
    assert types.index("text/plain") < types.index("text/html") < types.index("image/png")
    assert types.count("multipart/alternative") == types.count("multipart/related") == 1
    assert message.get_body(("html",)).get_content_type() == "text/html"
    assert message.get_body(("plain",)).get_content().rstrip() == "Hello"


def test_plain_message_is_a_single_part(language: str, postfix: Postfix, send) -> None:
    answer = send(to_postfix(postfix).message(f"user@{DOMAIN}", text="Just text").send())
    assert answer["ok"], answer
    arrived = postfix.mailbox().wait_for(answer["report"]["message_id"])
    assert arrived.message.get_content_type() == "text/plain"
    assert arrived.text is not None
    assert arrived.text.rstrip("\n") == "Just text"


def test_html_only(language: str, postfix: Postfix, send) -> None:
    job = to_postfix(postfix).put("from.email", f"zoe@{DOMAIN}").put("recipient.to", f"user@{DOMAIN}")
    answer = send(job.put("subject", "html").put("html", HTML).send())
    assert answer["ok"], answer
    arrived = postfix.mailbox().wait_for(answer["report"]["message_id"])
    assert arrived.html is not None
    assert arrived.html.rstrip("\n") == HTML
    assert arrived.text is None


def test_no_line_is_too_long_for_the_wire(language: str, postfix: Postfix, send) -> None:
    """RFC 5321 section 4.5.3.1.6: 998 characters and CRLF, whatever the text is."""
    job = to_postfix(postfix).message(f"user@{DOMAIN}", subject="s" * 3000, text="x" * 100_000)
    answer = send(job.put("header.name", "X-Long").put("header.value", "word " * 1000 + "end").send())
    assert answer["ok"], answer
    arrived = postfix.mailbox().wait_for(answer["report"]["message_id"])
    assert max(len(line) for line in arrived.raw.splitlines()) <= 998
    assert arrived.text is not None
    assert arrived.text.rstrip("\n") == "x" * 100_000
    assert arrived.header("Subject") == "s" * 3000
