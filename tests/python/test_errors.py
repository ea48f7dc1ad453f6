"""Errors: a class for each kind, every field, the builtin that fits; they pickle and hold no secret."""

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freesmtp
import pytest
from freesmtp import (
    SMTP,
    Cancelled,
    EmailMessage,
    FileIOError,
    MessageError,
    SMTPConnectionError,
    SMTPError,
    SMTPOutcomeUnknown,
    SMTPProtocolError,
    SMTPRecipientsRefused,
    SMTPTimeoutError,
    _freesmtp,
)
from freesmtp._errors import _UNKNOWN, CLASSES

from harness import driver
from harness.scripted import Close, Hear, Message, Say, ScriptedServer, Silence, Step

Serve = Callable[..., ScriptedServer]
GREETING: list[Step] = [Say(b"220 a.test\r\n"), Hear("EHLO .*", pattern=True), Say(b"250-a.test\r\n250 AUTH LOGIN\r\n")]
MAIL: list[Step] = [Hear("MAIL FROM:.*", pattern=True), Say(b"250 ok\r\n")]
RCPT: list[Step] = [Hear("RCPT TO:.*", pattern=True), Say(b"250 ok\r\n")]


def refused(serve: Serve, message: EmailMessage, *script: list[Step]) -> SMTPError:
    """The error of a send to a server that plays the script."""
    server = serve([step for part in script for step in part])
    smtp = SMTP(f"127.0.0.1:{server.port}")
    smtp.default_timeout = 30
    with pytest.raises(SMTPError) as caught:
        smtp.send(message)
    return caught.value


def test_every_kind_has_a_class() -> None:
    assert set(CLASSES) == set(driver.KINDS)
    assert all(issubclass(cls, SMTPError) for cls in CLASSES.values())
    assert issubclass(MessageError, ValueError)
    assert issubclass(SMTPConnectionError, ConnectionError)
    assert issubclass(SMTPTimeoutError, (SMTPConnectionError, TimeoutError))
    assert issubclass(FileIOError, OSError)
    assert issubclass(freesmtp.SMTPAuthenticationError, PermissionError)
    # Who repeats what failed with a ConnectionError would deliver twice.
    assert not issubclass(SMTPOutcomeUnknown, ConnectionError)


def test_a_refusal_tells_everything(serve: Serve, message: EmailMessage) -> None:
    error = refused(
        serve,
        message,
        GREETING,
        MAIL,
        [Hear("RCPT TO:.*", pattern=True), Say(b"554 5.7.1 <recipient@domain.test>: Relay access denied\r\n")],
        [Hear("RSET|QUIT", pattern=True, optional=True), Silence()],
    )
    assert type(error) is SMTPRecipientsRefused
    assert isinstance(error, SMTPProtocolError)
    assert (error.kind, error.number, error.stage) == ("recipients-refused", 401, "RCPT")
    assert (error.reply_code, error.enhanced_code) == (554, "5.7.1")
    assert error.reply_text.endswith("Relay access denied")
    assert error.server is not None
    assert error.server.startswith("127.0.0.1:")
    assert error.is_temporary is False
    assert error.diagnosis is not None
    assert error.diagnosis.cause == "relay-denied"
    assert [(r.email, r.status, r.reply_code) for r in error.recipients] == [("recipient@domain.test", "refused", 554)]
    assert any(line.startswith("RCPT TO:") for line in error.transcript)
    # The text is the whole story with the remedies, for those who only print it.
    assert str(error).startswith(error.message)
    assert all(remedy in str(error) for remedy in error.diagnosis.remedy.splitlines())
    assert str(error.diagnosis) in str(error)

    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(made) is type(error)
        assert str(made) == str(error)
        assert {name: getattr(made, name) for name in _UNKNOWN} == {name: getattr(error, name) for name in _UNKNOWN}


def test_the_servers_words_drive_no_terminal(serve: Serve, message: EmailMessage) -> None:
    words = "554-5.7.1 \x1b[2J\x07\r\n554 5.7.1 \u202e \u009b31m\r\n".encode()
    error = refused(
        serve,
        message,
        [Say(b"220 \x1b]0;a.test ESMTP\r\n"), *GREETING[1:]],
        MAIL,
        [Hear("RCPT TO:.*", pattern=True), Say(words), Hear("RSET|QUIT", pattern=True, optional=True), Silence()],
    )
    assert error.diagnosis is not None
    for text in (str(error), error.message, str(error.diagnosis), error.diagnosis.evidence, *error.transcript):
        assert not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e")]
    assert "\\x1b[2J" in error.message
    # What a program looks into is what the server said.
    assert "\x1b[2J" in error.reply_text


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_pickles(kind: str) -> None:
    error: Any = CLASSES[kind]("text", kind=kind, os_error=5, others=(MessageError("a"),))
    error.noticed_by = "me"
    made: Any = pickle.loads(pickle.dumps(error))
    assert type(made) is type(error)
    assert (made.kind, made.os_error, made.args, made.noticed_by) == (kind, 5, ("text",), "me")
    assert type(made.others[0]) is MessageError
    if isinstance(made, OSError):
        assert made.errno == 5


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="cause"):
        SMTPError("text", cause="x")


def test_nothing_listens(message: EmailMessage, serve: Serve) -> None:
    server = serve([])
    server.close()
    with pytest.raises(ConnectionError) as caught:
        SMTP(f"127.0.0.1:{server.port}").send(message)
    error = caught.value
    assert isinstance(error, SMTPConnectionError)
    assert error.kind == "connect"
    assert error.errno == error.os_error
    assert error.diagnosis is not None
    assert error.diagnosis.cause == "connect-refused"


def test_the_servers_before_the_last_are_told(message: EmailMessage, serve: Serve) -> None:
    server = serve([])
    server.close()
    smtp = SMTP()
    for _ in range(3):
        smtp.smtp_servers.add("127.0.0.1", server.port)
    with pytest.raises(SMTPConnectionError) as caught:
        smtp.send(message)
    assert [type(other) for other in caught.value.others] == [SMTPConnectionError, SMTPConnectionError]


def test_a_server_that_is_silent(message: EmailMessage, serve: Serve) -> None:
    server = serve([Silence()])
    smtp = SMTP(f"127.0.0.1:{server.port}")
    smtp.timeouts.greeting = 0.05
    with pytest.raises(TimeoutError) as caught:
        smtp.send(message)
    assert isinstance(caught.value, SMTPTimeoutError)
    assert caught.value.is_temporary


def test_an_unknown_outcome_is_told_apart(serve: Serve, message: EmailMessage) -> None:
    data: list[Step] = [Hear("DATA"), Say(b"354 go on\r\n"), Message(), Close()]
    error = refused(serve, message, GREETING, MAIL, RCPT, data)
    assert type(error) is SMTPOutcomeUnknown
    assert error.is_temporary is False
    assert error.message_id is not None


def test_a_missing_attachment(message: EmailMessage, smtp: SMTP, tmp_path: Path) -> None:
    message.attachments.add(tmp_path / "missing.pdf")
    with pytest.raises(FileIOError) as caught:
        smtp.send(message)
    assert caught.value.field == "Attachments[0]"
    assert caught.value.errno == 2
    assert os.strerror(2) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda m: setattr(m.from_, "email", "a@b.test\r\nRSET"), "From.Email"),
        (lambda m: setattr(m.from_, "name", "a\nBcc: x@y.test"), "From.Name"),
        (lambda m: setattr(m.reply_to, "email", "a@b\0.test"), "ReplyTo.Email"),
        (lambda m: setattr(m, "subject", "a\r\nBcc: x@y.test"), "Subject"),
        (lambda m: setattr(m, "message_id", "a@b\r\nX: y"), "MessageID"),
        (lambda m: m.recipients.add("a@b.test>\r\nDATA"), "Recipients[1].Email"),
        (lambda m: m.custom_headers.add("X-A\r\nBcc", "x@y.test"), "CustomHeaders[0].Name"),
        (lambda m: m.custom_headers.add("X-A", "x\nBcc: x@y.test"), "CustomHeaders[0].Value"),
        (lambda m: m.attachments.add(b"", "a\r\nb.txt"), "Attachments[0].DisplayName"),
        (lambda m: m.recipients.clear(), "Recipients"),
    ],
)
def test_bad_input_names_its_property(change: Any, field: str, message: EmailMessage, serve: Serve) -> None:
    server = serve([])
    change(message)
    with pytest.raises(MessageError) as caught:
        SMTP(f"127.0.0.1:{server.port}").send(message)
    assert isinstance(caught.value, ValueError)
    assert caught.value.field == field
    assert caught.value.kind == "message"
    assert server.connections == []


def test_a_password_is_in_no_error(serve: Serve, message: EmailMessage) -> None:
    server = serve(
        [
            *GREETING,
            Hear("AUTH LOGIN.*", pattern=True),
            Say(b"334 UGFzc3dvcmQ6\r\n"),
            Hear(".*", pattern=True),
            Say(b"535 5.7.8 no, not hunter22\r\n"),
            Silence(),
        ]
    )
    smtp = SMTP()
    smtp.smtp_servers.add(
        "127.0.0.1", server.port, account="user", password="hunter22", allow_plaintext_auth=True, security="none"
    )
    with pytest.raises(freesmtp.SMTPAuthenticationError) as caught:
        smtp.send(message)
    error = caught.value
    secrets = ("hunter22", "aHVudGVyMjI")
    for shown in (repr(error), str(error), repr(error.transcript), repr(error.__dict__), repr(pickle.dumps(error))):
        assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("way", ["call", "detached", "waiting", "interruptible"])
def test_a_panic_is_an_error_like_the_others(way: str) -> None:
    for _ in range(2):
        with pytest.raises(freesmtp.InternalError, match=way) as caught:
            _freesmtp._panic(way)
        assert caught.value.kind == "internal"
        assert isinstance(caught.value, RuntimeError)


def test_cancelled_is_no_timeout() -> None:
    assert not issubclass(Cancelled, (OSError, ValueError))
