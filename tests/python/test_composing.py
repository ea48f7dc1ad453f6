"""Streams, messages within messages, and messages of the standard library."""

import asyncio
import email.message
import io
from collections.abc import AsyncIterator, Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from freesmtp import (
    SMTP,
    AutoSubmitted,
    BulkResult,
    Calendar,
    DkimSigner,
    EmailMessage,
    FileIOError,
    MergeTemplate,
    MessageError,
    merge,
)

from harness.scripted import Hear, Message, Say, ScriptedServer, Step

Serve = Callable[..., ScriptedServer]
BYTES = bytes(range(256)) * 4096  # more than one piece


def parsed(message: EmailMessage) -> email.message.EmailMessage:
    return message_from_bytes(message.to_bytes(), policy=policy.default)


def attached(message: EmailMessage) -> list[tuple[Any, Any]]:
    parts = parsed(message).iter_attachments()
    return [(part.get_filename(), part.get_payload(decode=True)) for part in parts]


class Source:
    """The least that is a file object."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        # Fewer than asked for is no end.
        return self.file.read(min(size, 1000))


def pieces() -> Iterator[bytes]:
    yield b""
    yield BYTES[:1]
    yield b""
    yield BYTES[1:]


@pytest.mark.parametrize("make", [lambda: Source(BYTES), pieces, lambda: [BYTES], lambda: (BYTES, b"")])
def test_what_is_read_is_attached(make: Callable[[], Any], message: EmailMessage) -> None:
    message.attachments.add(make(), "stream.bin")
    message.attachments.add(b"after", "after.bin")
    assert attached(message) == [("stream.bin", BYTES), ("after.bin", b"after")]


def test_a_file_object_has_the_name_of_its_file(message: EmailMessage, tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_bytes(b"0123456789")
    with (tmp_path / "plan.txt").open("rb") as file:
        file.seek(5)
        message.attachments.add(file)
        assert attached(message) == [("plan.txt", b"56789")]


def test_nothing_is_read_before_the_message_is_sent(smtp: SMTP, message: EmailMessage) -> None:
    read: list[int] = []

    def source() -> Iterator[bytes]:
        read.append(1)
        yield BYTES

    message.attachments.add(source(), "stream.bin")
    assert not read
    assert smtp.send(message).size is None or read == [1]
    assert read == [1]


def test_a_stream_is_sent_once(smtp: SMTP, message: EmailMessage) -> None:
    message.attachments.add(pieces(), "stream.bin")
    smtp.send(message)
    with pytest.raises(MessageError) as caught:
        smtp.send(message)
    assert caught.value.field is not None
    assert caught.value.field.startswith("Attachments[0]")


class NoFileError(Exception):
    """What a program raises."""


def test_what_a_stream_raises_is_the_cause_and_nothing_is_delivered(serve: Serve, message: EmailMessage) -> None:
    cause = NoFileError("the tape tore")

    def source() -> Iterator[bytes]:
        yield BYTES
        raise cause

    steps: list[Step] = [
        Say(b"220 a.test\r\n"),
        Hear("EHLO .*", pattern=True),
        Say(b"250 a.test\r\n"),
        Hear("MAIL FROM:.*", pattern=True),
        Say(b"250 ok\r\n"),
        Hear("RCPT TO:.*", pattern=True),
        Say(b"250 ok\r\n"),
        Hear("DATA"),
        Say(b"354 go on\r\n"),
        Message(),
    ]
    server = serve(steps)
    message.attachments.add(source(), "stream.bin")
    with pytest.raises(FileIOError) as caught:
        SMTP(f"127.0.0.1:{server.port}").send(message)
    assert caught.value.__cause__ is cause
    assert "NoFileError: the tape tore" in caught.value.message
    assert not server.messages


def test_a_file_that_was_closed_says_so(message: EmailMessage, tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_bytes(b"plan")
    with (tmp_path / "plan.txt").open("rb") as file:
        message.attachments.add(file)
    with pytest.raises(FileIOError) as caught:
        message.to_bytes()
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("items", [["text"], [1], [None]])
def test_an_iterable_of_something_else(items: Any, message: EmailMessage) -> None:
    message.attachments.add(items, "stream.bin")
    with pytest.raises(FileIOError) as caught:
        message.to_bytes()
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize("source", [7, None, object(), io.StringIO("text")])
def test_what_is_no_source_is_a_type_error(source: Any, message: EmailMessage) -> None:
    with pytest.raises(TypeError):
        message.attachments.add(source)
    assert message.attachments.count == 0


def standard(body: str = "Zeile ü\nFrom here\n") -> email.message.EmailMessage:
    message = email.message.EmailMessage()
    message["From"] = "Jürgen <sender@domain.test>"
    message["To"] = "recipient@domain.test"
    message["Bcc"] = "hidden@domain.test"
    message["Subject"] = "Grüße"
    message.set_content(body)
    return message


def test_messages_are_attached(message: EmailMessage) -> None:
    ours = EmailMessage("a@b.test", "c@d.test", "Within", "Text")
    message.attachments.add(ours)
    message.attachments.add(standard("Text"))
    message.attachments.add(standard("Text").as_bytes(), "raw.eml", "message/rfc822")
    parts = list(parsed(message).iter_attachments())
    assert [part.get_content_type() for part in parts] == ["message/rfc822"] * 3
    assert [part.get_content()["Subject"] for part in parts] == ["Within", "Grüße", "Grüße"]


@pytest.mark.parametrize("form", [lambda m: m, lambda m: m.as_bytes(), lambda m: bytearray(m.as_bytes())])
def test_standard_messages_are_sent(form: Any, smtp: SMTP) -> None:
    report = smtp.send(form(standard()))
    assert sorted(result.email for result in report.accepted) == ["hidden@domain.test", "recipient@domain.test"]


def test_a_standard_message_arrives_as_it_is(tmp_path: Path) -> None:
    message = EmailMessage.raw(standard())
    sent = message_from_bytes(message.to_bytes(), policy=policy.default)
    assert sent["Subject"] == "Grüße"
    assert sent["Bcc"] is None
    assert sent.get_content() == "Zeile ü\r\nFrom here\r\n"
    old = email.message.Message()
    old["From"], old["To"] = "a@b.test", "c@d.test"
    old.set_payload("From here\n")
    assert EmailMessage.Raw(old).to_bytes().endswith(b"\r\n\r\nFrom here\r\n")
    (tmp_path / "message.eml").write_bytes(b"From: a@b.test\nTo: c@d.test\n\nText\n")
    assert EmailMessage.raw(tmp_path / "message.eml").to_bytes().endswith(b"\r\n\r\nText\r\n")


def test_an_address_outside_ascii_stays_an_address(smtp: SMTP) -> None:
    message = standard()
    message.replace_header("To", "jürgen@domain.test")
    assert "jürgen@domain.test" in [result.email for result in smtp.send(message).accepted]


def test_the_envelope_of_a_raw_message_may_be_set(smtp: SMTP) -> None:
    message = EmailMessage.raw(standard())
    message.recipients.add("other@domain.test")
    assert [result.email for result in smtp.send(message).accepted] == ["other@domain.test"]


@pytest.mark.parametrize("given", ["text", 7, None, ["a"]])
def test_what_is_no_message_is_a_type_error(given: Any, smtp: SMTP) -> None:
    with pytest.raises(TypeError, match="EmailMessage"):
        smtp.send(given)


def test_bytes_that_are_no_message_are_refused(smtp: SMTP) -> None:
    with pytest.raises(MessageError):
        smtp.send(b"no header\r\n")


def test_answers_and_lists(message: EmailMessage) -> None:
    message.InReplyTo = ["first@domain.test"]
    message.references = ["zero@domain.test", "first@domain.test"]
    message.auto_submitted = AutoSubmitted.AutoReplied
    message.list_unsubscribe = ["https://domain.test/leave", "mailto:leave@domain.test"]
    message.list_unsubscribe_one_click = True
    headers = parsed(message)
    assert headers["In-Reply-To"] == "<first@domain.test>"
    assert headers["References"] == "<zero@domain.test> <first@domain.test>"
    assert headers["Auto-Submitted"] == "auto-replied"
    assert headers["List-Unsubscribe"] == "<https://domain.test/leave>, <mailto:leave@domain.test>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


INVITATION = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n"


@pytest.mark.parametrize("given", [INVITATION, Calendar(INVITATION), Calendar(INVITATION, "request")])
def test_an_invitation(given: Any, message: EmailMessage) -> None:
    message.calendar = given
    assert message.calendar is not None
    message.calendar.file_name = "meeting.ics"
    parts = {part.get_content_type(): part for part in parsed(message).walk() if not part.is_multipart()}
    assert parts["text/calendar"].get_param("method") == "REQUEST"
    assert "meeting.ics" in [name for name, _ in attached(message)]
    message.calendar.FileName = None
    assert not attached(message)
    message.calendar = None
    assert b"VCALENDAR" not in message.to_bytes()


def test_an_invitation_that_is_none(message: EmailMessage) -> None:
    message.calendar = "hello"
    with pytest.raises(MessageError) as caught:
        message.to_bytes()
    assert caught.value.field == "Calendar.Text"


# The key of RFC 8463 appendix A.2.
ED25519 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="


def test_signatures(message: EmailMessage) -> None:
    outer = message.dkim.add("domain.test", "first", ED25519)
    outer.expires_after = 3600
    outer.body_canonicalization = "simple"
    message.DKIM.Add(DkimSigner("sub.domain.test", "second", ED25519))
    signatures = parsed(message).get_all("DKIM-Signature", [])
    assert ["s=first" in str(signature) for signature in signatures] == [True, False]
    assert "c=relaxed/simple" in str(signatures[0])
    assert outer.algorithm == "ed25519-sha256"
    message.reset()
    assert message.dkim.count == 0


def test_a_signing_key_is_shown_nowhere() -> None:
    signer = DkimSigner("domain.test", "first", ED25519)
    assert ED25519 not in repr(signer) + str(signer)
    with pytest.raises(MessageError) as caught:
        DkimSigner("domain.test", "first", ED25519[:-4])
    assert caught.value.field == "DKIM.Key"
    assert ED25519[:-4] not in str(caught.value)


@pytest.mark.parametrize("given", [("domain.test",), ("domain.test", "first"), (7, "first", ED25519)])
def test_a_signer_needs_all_three(given: Any, message: EmailMessage) -> None:
    with pytest.raises(TypeError):
        message.dkim.add(*given)
    assert message.dkim.count == 0


def test_merge(smtp: SMTP) -> None:
    message = EmailMessage("{{ email }}", "news@domain.test", "For {{ name }}", "<p>{{ name }}</p>", "html")
    message.custom_headers.add("X-Row", "{{ row|default('none') }}")
    message.attachments.add(b"x", "{{ name }}.bin")
    message.reply_to = "answer+{{ n }}@domain.test"
    message.calendar = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nX-N:{{ n }}\nEND:VCALENDAR\n"
    message.dkim.add("domain.test", "first", ED25519)
    message.deliver_by = 60
    template = MergeTemplate(message)
    message.subject = "changed later"
    one = template.Render({"name": "Ann & Zoë", "email": "ann@domain.test", "n": 7})
    assert (one.subject, one.body_parts[0].body) == ("For Ann & Zoë", "<p>Ann &amp; Zoë</p>")
    assert one.recipients[0].email == "ann@domain.test"
    assert (one.custom_headers[0].value, one.attachments[0].display_name) == ("none", "Ann & Zoë.bin")
    assert (one.reply_to.email, one.sender.email, one.deliver_by) == ("answer+7@domain.test", "", 60)
    assert one.dkim[0].selector == "first"
    assert one.calendar is not None
    assert "X-N:7" in one.calendar.text
    one.recipients.add("more@domain.test")
    assert template.render({"name": "B", "email": "b@domain.test", "n": 1}).recipients.count == 1
    message.subject, message.calendar, message.deliver_by = "{{ n }}", None, None
    rows = ({"name": "x", "email": f"r{n}@domain.test", "n": n} for n in range(5))
    assert [sent.error for sent in smtp.send_bulk(merge(message, rows))] == [None] * 5


def test_a_row_that_lacks_a_field_has_its_own_result(smtp: SMTP) -> None:
    message = EmailMessage("{{ email }}", "news@domain.test", "News", "Hello")
    rows: list[Any] = [{"email": "a@domain.test"}, {}, 7, {"email": "d@domain.test"}]

    async def read() -> AsyncIterator[Any]:
        for row in rows:
            yield row

    async def awaited(source: Any) -> list[BulkResult]:
        return [sent async for sent in smtp.send_bulk_merge_async(MergeTemplate(message), source)]

    for results in (
        list(smtp.SendBulkMerge(message, iter(rows))),
        asyncio.run(awaited(rows)),
        asyncio.run(awaited(read())),
    ):
        found = {sent.index: sent for sent in results}
        assert {index for index, sent in found.items() if sent.report} == {0, 3}
        assert isinstance(found[1].error, MessageError)
        assert found[1].error.field == "Recipients[0].Email"
        assert isinstance(found[2].error, TypeError)
    with pytest.raises(TypeError):
        smtp.send_bulk_merge(message, 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        smtp.send_bulk_merge("no message", [])  # type: ignore[arg-type]


def test_what_a_template_or_a_row_lacks_is_named(message: EmailMessage) -> None:
    message.subject = "For {{ name }}"
    template = MergeTemplate(message)
    with pytest.raises(MessageError) as caught:
        template.render({})
    assert caught.value.field == "Subject"
    for row in (7, [("name", "x")], {"name": None}, {"name": b"x"}, {1: "x"}):
        with pytest.raises(TypeError):
            template.render(row)  # type: ignore[arg-type]
    # A row can inject nothing.
    with pytest.raises(MessageError):
        template.render({"name": "x\r\nBcc: spy@domain.test"}).to_bytes()
    message.subject = "{{ name"
    with pytest.raises(MessageError) as caught:
        merge(message, [])
    assert caught.value.field == "Subject"
