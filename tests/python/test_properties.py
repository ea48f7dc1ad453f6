"""Properties give back what was set, under both names; what the core cannot hold is refused, naming the property."""

import io
import ipaddress
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import freesmtp
import pytest
from freesmtp import (
    SMTP,
    Address,
    Attachment,
    AutoSubmitted,
    BodyPart,
    BodyPartEncoding,
    BodyPartFormat,
    Calendar,
    Canonicalization,
    CustomHeader,
    DeliverByMode,
    DkimSigner,
    Durability,
    EmailMessage,
    FileIOError,
    LogOptions,
    MessageError,
    Notify,
    Priority,
    Recipient,
    RecipientType,
    ReturnContent,
    Security,
    SMTPAuthMode,
    SMTPServer,
    ValidSinceAction,
)
from freesmtp._names import ORIGINAL_NAMES

DATE = datetime(1997, 11, 21, 9, 55, 6, tzinfo=timezone(timedelta(hours=-6)))

# The key of RFC 8463 appendix A.2.
ED25519 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

CALENDAR = Calendar("BEGIN:VCALENDAR")

# object: {property: (what is set, what is read)}; a single value means both.
SAME = object()
VALUES: dict[str, tuple[Any, dict[str, tuple[Any, Any]]]] = {
    "SMTP": (
        SMTP,
        {
            "log_file": (Path("smtp log.txt"), "smtp log.txt"),
            "log_options": (LogOptions(body="headers"), SAME),
            "protocol_log": (print, SAME),
            "smtp_status": (print, SAME),
            "smtp_recipient_failed": (print, SAME),
            "smtp_bulk_status": (print, SAME),
            "default_domain": ("client.example", SAME),
            "default_timeout": (12.5, SAME),
            "all_or_nothing": (True, SAME),
            "max_connections": (4, SAME),
            "max_messages_per_connection": (100, SAME),
            "rate_limit": (0.5, SAME),
            "spool_path": (Path("spool"), "spool"),
            "spool_durability": ("batch", Durability.BATCH),
        },
    ),
    "SMTPServer": (
        SMTPServer,
        {
            "name": ("mail.example.com", SAME),
            "port": (2525, SAME),
            "timeout": (7, 7.0),
            "auth_mode": ("plain", SMTPAuthMode.PLAIN),
            "account": ("user", SAME),
            "password": ("gehëim", SAME),
            "sasl": ("PLAIN", SAME),
            "token": ("t0ken", SAME),
            "mail_auth": ("", SAME),
            "lmtp": (True, SAME),
            "proxy": ("socks5h://us%40er:gehe%C3%ABim@[::1]:1080", SAME),
            "local_end_point": (ipaddress.ip_address("127.0.0.2"), "127.0.0.2"),
            "security": ("Required", Security.REQUIRED),
            "ca_file": (Path("ca.pem"), "ca.pem"),
            "ca_pem": ("-----BEGIN", b"-----BEGIN"),
            "client_certificate": (Path("client.pem"), "client.pem"),
            "client_key": (Path("client.key"), "client.key"),
            "client_certificate_password": ("gehëim", SAME),
            "certificate_pins": ((f"sha256//{'A' * 43}=", "0" * 64), [f"sha256/{'A' * 43}=", "0" * 64]),
            "tls_server_name": ("other.example", SAME),
            "min_tls_version": ("TLSv1.1", "1.1"),
            "allow_plaintext_auth": (True, SAME),
            "disabled_extensions": (("SIZE", "PIPELINING"), ["SIZE", "PIPELINING"]),
            "danger_accept_invalid_certs": (True, SAME),
            "danger_accept_invalid_hostnames": (True, SAME),
        },
    ),
    "Timeouts": (
        lambda: SMTP().timeouts,
        {name: (1.25, SAME) for name in ("connect", "greeting", "command", "data_block", "end_of_data", "operation")},
    ),
    "EmailMessage": (
        EmailMessage,
        {
            "from_": (Address("a@b.test", "Ä"), SAME),
            "reply_to": (Address("a@b.test"), SAME),
            "sender": (Address("a@b.test"), SAME),
            "return_path": ("", SAME),
            "subject": ("Grüße 概要", SAME),
            "priority": (5, Priority.LOW),
            "message_id": ("a@b.test", SAME),
            "date": (DATE, SAME),
            "charset_encoding": ("us-ascii", SAME),
            "in_reply_to": (("a@b.test",), ["a@b.test"]),
            "references": (["a@b.test", "c@d.test"], SAME),
            "auto_submitted": ("AutoReplied", AutoSubmitted.AUTO_REPLIED),
            "list_unsubscribe": (("mailto:leave@b.test",), ["mailto:leave@b.test"]),
            "list_unsubscribe_one_click": (True, SAME),
            "calendar": (CALENDAR, SAME),
            "return_content": ("headers", ReturnContent.HEADERS),
            "envelope_id": ("QQ 1", SAME),
            "require_tls": (True, SAME),
            "deliver_by": (120, SAME),
            "deliver_by_mode": (1, DeliverByMode.RETURN),
            "deliver_by_trace": (True, SAME),
            "hold_for": (2**32 - 1, SAME),
            "hold_until": (DATE, SAME),
            "mt_priority": (-9, SAME),
            "optional_extensions": (("DELIVERBY",), ["DELIVERBY"]),
            "not_before": (DATE, SAME),
            "expires": (DATE, SAME),
            "spool_priority": (-9, SAME),
            "blast": ("März", SAME),
            "idempotency_key": ("key", SAME),
        },
    ),
    "Address": (Address, {"email": ("a@b.test", SAME), "name": ("Ä", SAME)}),
    "Recipient": (
        lambda: Recipient("x@y.test"),
        {
            "email": ("a@b.test", SAME),
            "name": ("Ä", SAME),
            "type": ("bcc", RecipientType.BCC),
            "notify": ("success,delay", Notify.SUCCESS | Notify.DELAY),
            "original_recipient": ("x400;/S=x", SAME),
            "valid_since": (DATE, SAME),
            "valid_since_action": ("continue", ValidSinceAction.CONTINUE),
        },
    ),
    "BodyPart": (
        lambda: BodyPart("x"),
        {
            "body": ("text\0\n", SAME),
            "format": (1, BodyPartFormat.HTML),
            "encoding": ("quoted-printable", BodyPartEncoding.QUOTED_PRINTABLE),
        },
    ),
    "Attachment": (
        lambda: Attachment(b"bytes"),
        {
            "filename": (Path("a") / "b.txt", str(Path("a") / "b.txt")),
            "display_name": ("c.txt", SAME),
            "content_type": ("text/calendar", SAME),
            "content_id": ("logo", SAME),
        },
    ),
    "Calendar": (
        lambda: Calendar("BEGIN:VCALENDAR"),
        {"text": ("x", SAME), "method": ("REPLY", SAME), "file_name": (None, SAME)},
    ),
    "DkimSigner": (
        lambda: DkimSigner("b.test", "s", ED25519),
        {
            "identity": ("a@b.test", SAME),
            "headers": (("From", "To"), ["From", "To"]),
            "oversigned": ([], SAME),
            "header_canonicalization": ("simple", Canonicalization.SIMPLE),
            "body_canonicalization": (0, Canonicalization.SIMPLE),
            "expires_after": (3600, SAME),
        },
    ),
    "CustomHeader": (lambda: CustomHeader("X-A", "b"), {"name": ("X-B", SAME), "value": ("ü", SAME)}),
}
READ_ONLY = {
    "DkimSigner": {"domain", "selector", "algorithm"},
    "SMTP": {"smtp_servers", "timeouts", "connected", "version"},
    "EmailMessage": {"recipients", "body_parts", "attachments", "embedded_objects", "custom_headers", "dkim"},
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_set_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, values = VALUES[name]
    cls = getattr(freesmtp, name)
    table = ORIGINAL_NAMES[cls]
    properties = {member for member in table.values() if not callable(getattr(cls, member))}
    assert properties == set(values) | READ_ONLY.get(name, set()), "a property has no test"
    original = {member: alias for alias, member in table.items()}
    for member, (given, expected) in values.items():
        by_python, by_original = make(), make()
        setattr(by_python, member, given)
        setattr(by_original, original[member], given)
        expected = given if expected is SAME else expected
        assert getattr(by_python, original[member]) == expected
        assert getattr(by_original, member) == expected
        assert type(getattr(by_python, member)) is type(expected)
    for member in READ_ONLY.get(name, ()):
        with pytest.raises(AttributeError):
            setattr(make(), member, None)


@pytest.mark.parametrize(
    ("make", "name", "value", "field"),
    [
        (SMTPServer, "port", 70000, "Port"),
        (SMTPServer, "port", -1, "Port"),
        (SMTPServer, "port", 10**30, "Port"),
        (SMTPServer, "timeout", -1, "Timeout"),
        (SMTPServer, "timeout", float("nan"), "Timeout"),
        (SMTPServer, "security", "tls", "Security"),
        (SMTPServer, "security", 5, "Security"),
        (SMTPServer, "auth_mode", "kerberos", "AuthMode"),
        (SMTPServer, "auth_mode", -1, "AuthMode"),
        (SMTPServer, "min_tls_version", "3", "MinTlsVersion"),
        (SMTPServer, "local_end_point", "here", "LocalEndPoint"),
        (SMTPServer, "password", "\ud800", "Password"),
        (SMTP, "default_domain", "a b", "DefaultDomain"),
        (SMTP, "default_timeout", 0, "DefaultTimeout"),
        (SMTP, "max_connections", 0, "MaxConnections"),
        (SMTP, "max_connections", -1, "MaxConnections"),
        (SMTP, "max_messages_per_connection", -1, "MaxMessagesPerConnection"),
        (SMTP, "rate_limit", 0.0, "RateLimit"),
        (SMTP, "rate_limit", float("inf"), "RateLimit"),
        (SMTP, "default_timeout", float("inf"), "DefaultTimeout"),
        (EmailMessage, "priority", 2, "Priority"),
        (EmailMessage, "subject", "\udcff", "Subject"),
        (EmailMessage, "from_", "\udcff@a.test", "From"),
        (lambda: DkimSigner("b.test", "s", ED25519), "expires_after", -1, "DKIM.ExpiresAfter"),
        (lambda: DkimSigner("b.test", "s", ED25519), "body_canonicalization", "loose", "DKIM.BodyCanonicalization"),
        (lambda: Recipient("a@b.test"), "type", "from", "Type"),
        (lambda: Recipient("a@b.test"), "notify", "sometimes", "Notify"),
        (lambda: Recipient("a@b.test"), "notify", 16, "Notify"),
        (lambda: Recipient("a@b.test"), "original_recipient", "\udcff", "OriginalRecipient"),
        (EmailMessage, "envelope_id", "\udcff", "EnvelopeID"),
        (EmailMessage, "deliver_by", -1, "DeliverBy"),
        (EmailMessage, "hold_for", 2**32, "HoldFor"),
        (EmailMessage, "mt_priority", 128, "MtPriority"),
        (EmailMessage, "return_content", "half", "ReturnContent"),
        (lambda: BodyPart(""), "encoding", 1, "Encoding"),
        (lambda: BodyPart(""), "body", "\udcff", "Body"),
        (lambda: BodyPart(""), "format", "rich", "Format"),
    ],
)
def test_what_cannot_be_held_is_refused_by_name(make: Any, name: str, value: Any, field: str) -> None:
    target = make()
    before = getattr(target, name)
    with pytest.raises(MessageError) as caught:
        setattr(target, name, value)
    assert caught.value.field == field
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.cause == "invalid-input"
    after = getattr(target, name)
    assert after is before or after == before


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (SMTPServer, "port", "25"),
        (SMTPServer, "security", None),
        (SMTPServer, "name", None),
        (SMTPServer, "disabled_extensions", "SIZE"),
        (SMTP, "log_file", 3),
        (SMTP, "all_or_nothing", "yes"),
        (SMTP, "max_connections", 1.5),
        (SMTP, "rate_limit", "fast"),
        (EmailMessage, "subject", b"bytes"),
        (EmailMessage, "calendar", b"BEGIN:VCALENDAR"),
        (lambda: DkimSigner("b.test", "s", ED25519), "expires_after", "1"),
        (lambda: DkimSigner("b.test", "s", ED25519), "headers", "From"),
        (EmailMessage, "references", "a@b.test"),
        (EmailMessage, "list_unsubscribe", [b"mailto:leave@b.test"]),
        (EmailMessage, "from_", 3),
        (EmailMessage, "date", "today"),
        (EmailMessage, "hold_until", 1_800_000_000),
        (EmailMessage, "deliver_by", "60"),
        (EmailMessage, "optional_extensions", "DSN"),
        (lambda: Recipient("a@b.test"), "notify", None),
    ],
)
def test_another_type_is_a_type_error(make: Any, name: str, value: Any) -> None:
    with pytest.raises(TypeError):
        setattr(make(), name, value)


def test_a_log_in_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    smtp = SMTP("127.0.0.1")
    with pytest.raises(FileIOError) as caught:
        smtp.LogFile = str(tmp_path / "missing" / "smtp log.txt")
    assert caught.value.field == "LogFile"
    assert isinstance(caught.value, OSError)
    assert smtp.log_file is None


def test_a_log_is_switched_off(tmp_path: Path) -> None:
    smtp = SMTP()
    for off in (None, ""):
        smtp.log_file = tmp_path / "log"
        smtp.log_file = off
        assert smtp.log_file is None


def test_timeouts_are_those_of_their_object() -> None:
    smtp = SMTP()
    smtp.default_timeout = 5
    timeouts = smtp.timeouts
    assert timeouts.end_of_data == 5
    timeouts.end_of_data = 6
    assert smtp.timeouts.end_of_data == 6
    assert smtp.default_timeout is None
    smtp.default_timeout = None
    assert timeouts.end_of_data == SMTP().timeouts.end_of_data


def test_a_server_is_read_from_a_url() -> None:
    smtp = SMTP("smtps://us%40er:s3cr%3At@mail.example.com:4650")
    server = smtp.smtp_servers[0]
    assert (server.name, server.port, server.account, server.password) == (
        "mail.example.com",
        4650,
        "us@er",
        "s3cr:t",
    )
    assert server.security is Security.IMPLICIT
    with pytest.raises(MessageError) as caught:
        SMTP("ftp://mail.example.com")
    assert caught.value.field == "Name"


def test_a_password_is_shown_nowhere() -> None:
    smtp = SMTP("smtp://user:hunter22@mail.example.com")
    server = smtp.smtp_servers.add("mail.example.com", account="user", password="hunter22")
    server.proxy, server.client_certificate_password = "http://user:hunter22@proxy", "hunter22"
    for shown in (repr(smtp), str(smtp), repr(server), repr(smtp.smtp_servers), str(server)):
        assert "hunter22" not in shown
        assert "mail.example.com" in shown


def test_the_form_with_positions_and_keywords() -> None:
    smtp = SMTP()
    server = smtp.SMTPServers.Add("mail.example.com", 587, 9, SMTPAuthMode.PLAIN, "u", "p", security="required")
    assert (server.port, server.timeout, server.auth_mode) == (587, 9.0, SMTPAuthMode.PLAIN)
    assert (server.account, server.password, server.security) == ("u", "p", Security.REQUIRED)
    with pytest.raises(TypeError, match="secrity"):
        smtp.smtp_servers.add("mail.example.com", secrity="required")  # type: ignore[call-overload]
    assert smtp.smtp_servers.count == 1


def test_dates_keep_moment_and_offset() -> None:
    message = EmailMessage("a@b.test", "c@d.test", "", "")
    message.date = DATE
    assert message.date == DATE
    assert message.date.utcoffset() == DATE.utcoffset()
    assert b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n" in message.to_bytes()
    naive = datetime(2024, 7, 1, 12, 30)
    message.date = naive
    assert message.date == naive.astimezone()


def test_a_date_that_no_header_can_hold_is_refused() -> None:
    message = EmailMessage("a@b.test", "c@d.test", "", "")
    message.date = datetime(1899, 12, 30, tzinfo=UTC)
    with pytest.raises(MessageError) as caught:
        message.to_bytes()
    assert caught.value.field == "Date"


def test_a_message_is_what_its_parts_say(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_bytes(b"plan\n")
    message = EmailMessage("a@b.test", "c@d.test", "Grüße", "Text ü")
    message.From.Name = "Jürgen"
    message.body_parts.add("<img src='cid:logo'>", "html")
    message.attachments.add(tmp_path / "plan.txt")
    message.attachments.add(bytearray(b"\0\xff"), "data.bin")
    message.attachments.add(memoryview(b"abcd")[::2], "view.bin")
    message.attachments.add(io.BytesIO(b"stream"), "stream.bin")
    message.embedded_objects.add(b"png", "logo", "logo.png")
    message.custom_headers.add("X-Kind", "ä")
    parsed = message_from_bytes(bytes(message), policy=policy.default)
    assert parsed["Subject"] == "Grüße"
    assert parsed["From"] == "Jürgen <c@d.test>"
    assert parsed["X-Kind"] == "ä"
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in parsed.iter_attachments()] == [
        ("plan.txt", b"plan\n"),
        ("data.bin", b"\0\xff"),
        ("view.bin", b"ac"),
        ("stream.bin", b"stream"),
    ]
    saved = tmp_path / "saved.eml"
    message.SaveMessage(saved)
    assert message_from_bytes(saved.read_bytes(), policy=policy.default)["Subject"] == "Grüße"


def test_a_text_file_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_text("plan")
    with (tmp_path / "plan.txt").open() as file, pytest.raises(TypeError, match="rb"):
        EmailMessage().attachments.add(file)  # type: ignore[arg-type]


def test_reset_makes_it_new(tmp_path: Path) -> None:
    message = EmailMessage("a@b.test", "c@d.test", "Subject", "Text")
    message.reply_to = "e@f.test"
    message.priority = Priority.HIGH
    message.Reset()
    assert (message.from_.email, message.reply_to.email, message.subject) == ("", "", "")
    assert message.priority is Priority.NORMAL
    assert len(message.recipients) == len(message.body_parts) == 0
    smtp = SMTP("127.0.0.1")
    smtp.log_file = tmp_path / "log"
    smtp.default_timeout = 3
    smtp.reset()
    assert smtp.smtp_servers.count == 0
    assert smtp.log_file is None
    assert smtp.default_timeout is None
