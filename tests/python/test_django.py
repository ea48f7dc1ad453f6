"""Django's mail through our backends, tested as Django tests its own; `make test-django` takes the newest Django."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage as StandardMessage
from email.message import MIMEPart
from email.mime.image import MIMEImage
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from freesmtp import (
    MessageError,
    SMTPAuthenticationError,
    SMTPConnectionError,
    SMTPProtocolError,
    SMTPRecipientsRefused,
    SpoolError,
)

from harness.dialogues import GREETING, QUIT
from harness.postfix import DOMAIN, Postfix
from harness.scripted import Hear, Message, Respond, Say, ScriptedServer, Silence, Step, Tls

if not settings.configured:
    settings.configure(EMAIL_BACKEND="freesmtp.django.EmailBackend", EMAIL_HOST="127.0.0.1", USE_TZ=True)

from django.core import mail
from django.core.mail import (
    EmailMessage,
    EmailMultiAlternatives,
    get_connection,
    mail_admins,
    send_mail,
    send_mass_mail,
)
from django.test import override_settings
from freesmtp.django import EmailBackend, SpoolBackend

Serve = Callable[..., ScriptedServer]
USER = f"user@{DOMAIN}"
SPOOL = "freesmtp.django.SpoolBackend"
HAS_MAILERS = django.VERSION >= (6, 1)
# Django calls its old ways of asking for a backend deprecated; programs still use them.
pytestmark = pytest.mark.filterwarnings("ignore:.*(deprecated|MAILERS).*")


def transaction(recipients: int = 1) -> list[Step]:
    """A message is taken."""
    rcpt: list[Step] = [Hear("RCPT TO:.*", pattern=True), Say(b"250 ok\r\n")]
    return [
        Hear("MAIL FROM:.*", pattern=True),
        Say(b"250 ok\r\n"),
        *rcpt * recipients,
        Hear("DATA"),
        Say(b"354 go on\r\n"),
        Message(),
        Say(b"250 taken\r\n"),
    ]


def refused() -> list[Step]:
    """Its only recipient is refused."""
    return [
        Hear("MAIL FROM:.*", pattern=True),
        Say(b"250 ok\r\n"),
        Hear("RCPT TO:.*", pattern=True),
        Say(b"550 5.1.1 no such user\r\n"),
        Hear("RSET", optional=True),
        Say(b"250 ok\r\n", conditional=True),
    ]


@contextlib.contextmanager
def through(server: ScriptedServer, **more: Any) -> Iterator[None]:
    """Django's settings say that this server is asked."""
    with override_settings(EMAIL_HOST=server.host, EMAIL_PORT=server.port, **more):
        yield


def parsed(raw: bytes) -> StandardMessage:
    """As its reader sees it."""
    return message_from_bytes(raw, policy=policy.default)  # type: ignore[return-value]


def commands(server: ScriptedServer, number: int = 0) -> list[str]:
    """What the client said."""
    return [line for line in server.connections[number].lines if line.startswith(("MAIL", "RCPT"))]


def test_send_mail(serve: Serve) -> None:
    server = serve([*GREETING, *transaction(2), *QUIT])
    with through(server):
        sent = send_mail(
            "Überschrift", "Grüße", "A Sender <from@a.test>", ["to@a.test", "Ö <o@a.test>"], html_message="<b>Grüße</b>"
        )
    assert sent == 1
    server.finish()
    assert commands(server) == ["MAIL FROM:<from@a.test>", "RCPT TO:<to@a.test>", "RCPT TO:<o@a.test>"]
    message = parsed(server.messages[0])
    assert message["Subject"] == "Überschrift"
    assert message["From"] == "A Sender <from@a.test>"
    assert [a.display_name for a in message["To"].addresses] == ["", "Ö"]
    assert message["Message-ID"]
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content().strip() for part in message.iter_parts()] == ["Grüße", "<b>Grüße</b>"]


def test_everything_of_a_message(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    (tmp_path / "list.txt").write_text("Größe\nFrom here\n.\n", encoding="utf-8")
    image: Any = MIMEImage(b"\x89PNG\r\n\x1a\n", "png")
    if django.VERSION >= (6, 0):
        image = MIMEPart()
        image.set_content(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", disposition="inline", cid="<logo>")
    else:
        image["Content-ID"] = "<logo>"
    message = EmailMultiAlternatives(
        "Subject",
        "Text",
        "from@a.test",
        ["to@a.test"],
        bcc=["hidden@a.test"],
        cc=["copy@a.test"],
        reply_to=["A Person <reply@a.test>", "second@a.test"],
        headers={"X-Own": "value", "From": "Shown <shown@a.test>", "Message-ID": "<own@a.test>"},
        attachments=[("Übersicht.csv", "a;b\r\n", "text/csv"), image],
    )
    message.attach_alternative("<p>HTML</p>", "text/html")
    message.attach_file(tmp_path / "data.bin")
    message.attach_file(tmp_path / "list.txt")
    message.attach("forwarded.eml", EmailMessage("Inner", "Body", "in@a.test", ["x@a.test"]), "message/rfc822")
    server = serve([*GREETING, *transaction(3), *QUIT])
    with through(server):
        assert message.send() == 1
    server.finish()
    assert commands(server) == [
        "MAIL FROM:<from@a.test>",
        "RCPT TO:<to@a.test>",
        "RCPT TO:<copy@a.test>",
        "RCPT TO:<hidden@a.test>",
    ]
    assert b"hidden" not in server.messages[0]
    found = parsed(server.messages[0])
    assert (found["From"], found["X-Own"], found["Message-ID"]) == ("Shown <shown@a.test>", "value", "<own@a.test>")
    assert found["Reply-To"] == "A Person <reply@a.test>, second@a.test"
    parts = list(found.iter_parts())
    assert parts[0].get_content_type() == "multipart/alternative"
    by_name = {part.get_filename(): part for part in parts[1:]}
    assert by_name["data.bin"].get_content() == bytes(range(256))
    assert by_name["list.txt"].get_content().splitlines() == ["Größe", "From here", "."]
    assert by_name["Übersicht.csv"].get_content_type() == "text/csv"
    assert by_name["forwarded.eml"].get_content()["Subject"] == "Inner"
    assert by_name[None]["Content-ID"] == "<logo>"
    assert message.freesmtp_report.reply_text == "taken"  # type: ignore[attr-defined]


def test_one_connection_for_many(serve: Serve) -> None:
    server = serve([*GREETING, *transaction() * 3, *QUIT])
    with through(server):
        assert send_mass_mail([(f"{n}", "text", "from@a.test", ["to@a.test"]) for n in range(3)]) == 3
    server.finish()
    assert [parsed(raw)["Subject"] for raw in server.messages] == ["0", "1", "2"]


def test_a_connection_is_kept_while_it_is_open(serve: Serve) -> None:
    server = serve([*GREETING, *transaction() * 2, *QUIT], [*GREETING, *transaction(), *QUIT])
    message = EmailMessage("Subject", "text", "from@a.test", ["to@a.test"])
    with through(server):
        connection = get_connection()
        assert connection.open() is True
        assert connection.open() is False
        assert connection.connection is not None
        assert connection.send_messages([message]) == 1
        assert connection.send_messages([message]) == 1
        connection.close()
        assert connection.connection is None
        connection.close()
        with connection as entered:
            assert entered.send_messages([message]) == 1
    server.finish()


def test_nobody_and_nothing_is_not_sent(serve: Serve) -> None:
    server = serve([*GREETING, *transaction(), *QUIT])
    with through(server):
        assert get_connection().send_messages([]) == 0
        assert EmailMessage("Subject", "text", "from@a.test", []).send() == 0
        nobody = EmailMessage("Subject", "text", "from@a.test", [""])
        somebody = EmailMessage("Subject", "text", "from@a.test", ["to@a.test"])
        assert get_connection().send_messages([nobody, somebody]) == 1
    server.finish()


def test_the_first_failure_raises_and_says_why(serve: Serve) -> None:
    server = serve([*GREETING, *transaction(), *refused(), *QUIT])
    messages = [EmailMessage(f"{n}", "text", "from@a.test", ["to@a.test"]) for n in range(3)]
    with through(server), pytest.raises(SMTPRecipientsRefused) as raised:
        get_connection().send_messages(messages)
    server.finish()
    assert raised.value.diagnosis is not None
    assert raised.value.diagnosis.cause == "recipient-unknown"
    assert isinstance(raised.value, OSError)


def test_failing_silently(serve: Serve) -> None:
    server = serve([*GREETING, *transaction(), *refused(), *transaction(), *QUIT])
    messages = [EmailMessage(f"{n}", "text", "from@a.test", ["to@a.test"]) for n in range(3)]
    with through(server):
        assert get_connection(fail_silently=True).send_messages(messages) == 2
    server.finish()
    closed = serve()
    closed.close()
    with through(closed):
        silent = get_connection(fail_silently=True)
        assert silent.open() is None
        assert silent.send_messages(messages) == 0
        assert send_mail("Subject", "text", "from@a.test", ["to@a.test"], fail_silently=True) == 0
        with pytest.raises(SMTPConnectionError):
            send_mail("Subject", "text", "from@a.test", ["to@a.test"])
        with pytest.raises(SMTPConnectionError):
            get_connection().open()


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "a\r\nBcc: x@a.test"},
        {"from_email": "from@a.test\r\nBcc: x@a.test"},
        {"to": ["to@a.test\nBcc: x@a.test"]},
        {"to": ["a@a.test, b@a.test"]},
        {"to": ["no address"]},
        {"bcc": ["to@a.test\r\nDATA"]},
        {"bcc": ["no address"]},
        {"headers": {"X-Own": "a\nBcc: x@a.test"}},
    ],
)
def test_what_is_not_valid_is_refused_even_silently(serve: Serve, fields: dict[str, Any]) -> None:
    server = serve([*GREETING, *QUIT])
    good = {"subject": "s", "body": "t", "from_email": "from@a.test", "to": ["to@a.test"]}
    with through(server), pytest.raises(ValueError, match=r"\w") as raised:
        get_connection(fail_silently=True).send_messages([EmailMessage(**{**good, **fields})])
    server.finish()
    if "bcc" in fields:
        assert isinstance(raised.value, MessageError)
    assert commands(server) == []


def test_addresses_with_names_and_umlauts(serve: Serve) -> None:
    server = serve([*GREETING, *transaction(3), *QUIT])
    with through(server):
        message = EmailMessage(
            "s",
            "t",
            '"Sender, A" <from@a.test>',
            ["Jürgen <j@bücher.test>", '"quoted local"@a.test'],
            bcc=["(c) x@a.test"],
        )
        assert message.send() == 1
    server.finish()
    assert commands(server) == [
        "MAIL FROM:<from@a.test>",
        "RCPT TO:<j@xn--bcher-kva.test>",
        'RCPT TO:<"quoted local"@a.test>',
        "RCPT TO:<x@a.test>",
    ]
    assert parsed(server.messages[0])["From"].addresses[0].display_name == "Sender, A"


def test_mail_admins(serve: Serve) -> None:
    admins: list[Any] = ["admin@a.test"] if django.VERSION >= (6, 0) else [("Admin", "admin@a.test")]
    server = serve([*GREETING, *transaction(), *QUIT])
    with through(server, ADMINS=admins, SERVER_EMAIL="server@a.test"):
        mail_admins("Broken", "text")
    server.finish()
    assert commands(server) == ["MAIL FROM:<server@a.test>", "RCPT TO:<admin@a.test>"]
    assert parsed(server.messages[0])["Subject"] == "[Django] Broken"


def test_tls_and_login(serve: Serve, postfix: Postfix) -> None:
    ways = {"submission": {"EMAIL_USE_TLS": True}, "smtps": {"EMAIL_USE_SSL": True}}
    own = {"FREESMTP": {"ca_file": postfix.pki.ca_file}}
    for service, way in ways.items():
        login = {"EMAIL_HOST_USER": "user", "EMAIL_HOST_PASSWORD": "secret"}
        here = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": postfix.port(service)}
        with override_settings(**here, **way, **own, **login):
            message = EmailMessage("Grüße", "Text", "Ä Sender <sender@a.test>", [USER], bcc=[f"other@{DOMAIN}"])
            message.attach("data.bin", bytes(range(256)), "application/octet-stream")
            assert message.send() == 1
            id_ = message.freesmtp_report.message_id  # type: ignore[attr-defined]
        arrived = postfix.mailbox("user").wait_for(id_)
        postfix.mailbox("other").wait_for(id_)
        assert arrived.header("Subject") == "Grüße"
        assert arrived.attachments[0].data == bytes(range(256))
        assert "Authenticated sender: user" in arrived.message.get_all("Received")[-1]
        assert arrived.message["Bcc"] is None

        with override_settings(**here, **way, **own), pytest.raises(SMTPRecipientsRefused):
            send_mail("s", "t", "sender@a.test", ["someone@foreign.test"])
        wrong = {**login, "EMAIL_HOST_PASSWORD": "wrong"}
        with override_settings(**here, **way, **own, **wrong), pytest.raises(SMTPAuthenticationError):
            send_mail("s", "t", "sender@a.test", [USER])
        with override_settings(**here, **way, **own, **wrong):
            assert send_mail("s", "t", "sender@a.test", [USER], fail_silently=True) == 0
        with override_settings(**here, **way, **login), pytest.raises(SMTPConnectionError):
            send_mail("s", "t", "sender@a.test", [USER])


def test_a_client_certificate(serve: Serve, pki: Any) -> None:
    server = serve([Tls("good"), *GREETING, *transaction(), *QUIT])
    own = {"ca_file": pki.ca_file}
    keys = {"EMAIL_SSL_CERTFILE": str(pki["good"].chain), "EMAIL_SSL_KEYFILE": str(pki["good"].key)}
    with through(server, EMAIL_USE_SSL=True, FREESMTP=own, **keys):
        backend = get_connection()
        assert (backend.ssl_certfile, backend.ssl_keyfile) == tuple(keys.values())
        assert send_mail("s", "t", "sender@a.test", [USER]) == 1
    server.finish()


def test_settings(serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="mail")
    server = serve([Say(b"220 a.test\r\n"), Hear("EHLO own.test"), *GREETING[2:], *transaction(), *QUIT])
    own = {
        "log_file": tmp_path / "smtp log.txt",
        "default_domain": "own.test",
        "protocol_log": logging.getLogger("mail"),
    }
    with through(server, FREESMTP=own, EMAIL_TIMEOUT=7):
        assert get_connection().timeout == 7
        assert send_mail("s", "t", "from@a.test", ["to@a.test"]) == 1
    server.finish()
    assert "MAIL FROM:<from@a.test>" in (tmp_path / "smtp log.txt").read_text()
    assert any("EHLO own.test" in record.getMessage() for record in caplog.records)
    with override_settings(FREESMTP={"logfile": "x"}), pytest.raises(ImproperlyConfigured, match="no logfile; it has "):
        get_connection()
    with (
        override_settings(EMAIL_USE_TLS=True, EMAIL_USE_SSL=True),
        pytest.raises(ValueError, match="exclude each other"),
    ):
        get_connection()
    with pytest.raises(ValueError, match="exclude each other"):
        EmailBackend(use_tls=True, use_ssl=True)
    arguments = EmailBackend(host="other.test", port=26, username="u", password="p", timeout=3, security="required")
    assert (arguments.host, arguments.port, arguments.username, arguments.timeout) == ("other.test", 26, "u", 3)


def test_a_message_asks_for_its_delivery(serve: Serve) -> None:
    offers = b"250-a.test\r\n250-SIZE\r\n250 DSN\r\n"
    server = serve([*GREETING[:2], Say(offers), *transaction(), *QUIT])
    message = EmailMessage("s", "t", "from@a.test", ["to@a.test"])
    message.freesmtp = {"envelope_id": "order-4711", "return_content": "headers"}  # type: ignore[attr-defined]
    with through(server):
        assert message.send() == 1
    server.finish()
    assert "RET=HDRS ENVID=order-4711" in commands(server)[0]
    message.freesmtp = {"envelopeid": "x"}  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        SpoolBackend().send_messages([message])


def test_a_broken_server_is_no_crash(serve: Serve) -> None:
    server = serve([Say(b"554 go away\r\n"), Silence()], [Say(b"220 a\r\n"), Respond(lambda _: b"500 what\r\n" * 2)])
    with through(server), pytest.raises(SMTPProtocolError) as raised:
        send_mail("s", "t", "from@a.test", ["to@a.test"])
    assert raised.value.stage == "CONNECT"


def test_spool(tmp_path: Path) -> None:
    own = {"spool_path": tmp_path / "spool"}
    with override_settings(EMAIL_BACKEND=SPOOL, FREESMTP=own):
        message = EmailMessage("Grüße", "text", "A <from@a.test>", ["to@a.test"], bcc=["hidden@a.test"])
        message.freesmtp = {"blast": "newsletter"}  # type: ignore[attr-defined]
        assert message.send() == 1
        assert len(message.freesmtp_id) == 26  # type: ignore[attr-defined]
        assert send_mass_mail([(f"{n}", "text", "from@a.test", ["to@a.test"]) for n in range(5)]) == 5
        assert EmailMessage("s", "t", "from@a.test", []).send() == 0
        assert get_connection().send_messages([EmailMessage("s", "t", "from@a.test", [""])]) == 0
        bad = [EmailMessage("good", "t", "from@a.test", ["to@a.test"]), EmailMessage("s", "t", "bad", ["to@a.test"])]
        with pytest.raises(MessageError):
            get_connection(fail_silently=True).send_messages(bad)
    written = b"".join(path.read_bytes() for path in (tmp_path / "spool" / "incoming").iterdir())
    assert written.count(b"Subject: ") == 6
    assert b"newsletter" in written
    assert b"hidden@a.test" in written
    assert b"good" not in written, "all of them, or none"

    (tmp_path / "file").write_text("no folder")
    nowhere = {"spool_path": tmp_path / "file"}
    with override_settings(EMAIL_BACKEND=SPOOL, FREESMTP=nowhere):
        with pytest.raises(SpoolError):
            send_mail("s", "t", "from@a.test", ["to@a.test"])
        assert send_mail("s", "t", "from@a.test", ["to@a.test"], fail_silently=True) == 0
    assert SpoolBackend(spool_path=tmp_path / "other").send_messages(bad[:1]) == 1


@pytest.mark.skipif(not HAS_MAILERS, reason="MAILERS came with Django 6.1")
def test_mailers(serve: Serve, tmp_path: Path) -> None:
    server = serve([*GREETING, *transaction(), *QUIT])
    log = tmp_path / "smtp.log"
    mailers = {
        "default": {
            "BACKEND": "freesmtp.django.EmailBackend",
            "OPTIONS": {"host": server.host, "port": server.port, "log_file": log},
        },
        "later": {"BACKEND": SPOOL, "OPTIONS": {"spool_path": tmp_path / "spool"}},
        "unknown": {"BACKEND": SPOOL, "OPTIONS": {"spoolpath": tmp_path / "spool"}},
        "nowhere": {"BACKEND": "freesmtp.django.EmailBackend"},
        "both": {
            "BACKEND": "freesmtp.django.EmailBackend",
            "OPTIONS": {"host": "h", "use_tls": True, "use_ssl": True},
        },
        "tls": {"BACKEND": "freesmtp.django.EmailBackend", "OPTIONS": {"host": "h", "use_tls": True}},
    }
    # Nothing of what we do is deprecated.
    with override_settings(MAILERS=mailers), warnings.catch_warnings():
        warnings.simplefilter("error")
        message = EmailMessage("s", "t", "from@a.test", ["to@a.test"])
        assert message.send() == 1
        assert message.send(using="later") == 1
        assert mail.mailers["tls"].port == 587
        for alias, problem in {"unknown": "spoolpath", "nowhere": "host", "both": "exclude"}.items():
            with pytest.raises(mail.InvalidMailer, match=problem):
                mail.mailers[alias]
    server.finish()
    assert "QUIT" in log.read_text()
    assert list((tmp_path / "spool" / "incoming").iterdir())
