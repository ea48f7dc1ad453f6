"""The command `freesmtp`: what it catches, what it sends, how it ends, and what it says."""

import json
import os
import signal
import smtplib
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from harness.process import LOOPBACK, free_port
from harness.sink import Sink, program, read

REFUSED, USAGE, TRY_LATER = 1, 2, 75
SENT = ("--from", "Zoë <zoe@sender.test>", "--to", "user@own.test", "--subject", "Grüße")


class Raw:
    """A connection that says exactly what it is told."""

    def __init__(self, sink: Sink) -> None:
        self.connection = socket.create_connection((sink.host, sink.port), timeout=20)
        self.stream = self.connection.makefile("rb")
        assert self.code() == 220

    def code(self) -> int:
        """The code of the next reply; 0 when the server closed."""
        line = self.stream.readline()
        while line[3:4] == b"-":
            line = self.stream.readline()
        return int(line[:3] or 0)

    def say(self, text: bytes) -> int:
        self.connection.sendall(text)
        return self.code()

    def close(self) -> None:
        self.stream.close()
        self.connection.close()


Start = Callable[..., Sink]


def send(*arguments: object, stdin: bytes = b"Hello\n", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs `freesmtp send`."""
    clean = {name: value for name, value in os.environ.items() if name != "FREESMTP_PASSWORD"}
    words = [program(), "send", *map(str, arguments)]
    return subprocess.run(words, input=stdin, capture_output=True, timeout=60, env={**clean, **environment})


# ------------------------------------------------------------------------------------------------------------- sink


def test_what_smtplib_sends_is_kept_as_it_is(start: Start) -> None:
    sink = start()
    body = b"Subject: dots\r\n\r\n.\r\n..two\r\nFrom here\r\n\xfc\xff\r\n\r\n"
    with sink.client() as client:
        client.sendmail("a@b.test", ["c@d.test", "e@f.test"], body, ["BODY=8BITMIME"])
    path = sink.only()
    assert path.read_bytes() == body
    facts = sink.envelope()
    assert facts["message"] == path.name
    assert facts["size"] == len(body)
    envelope = facts["envelope"]
    assert envelope == {
        "from": "a@b.test",
        "to": ["c@d.test", "e@f.test"],
        "declared_size": len(body),
        "body": "8BITMIME",
        "smtputf8": False,
    }
    assert isinstance(facts["session"], dict)
    assert facts["session"]["client_name"] == "client.test"
    assert facts["session"]["protocol"] == "ESMTP"
    line = sink.out.readline().rstrip("\n")
    assert line == f"{path} a@b.test -> c@d.test, e@f.test ({len(body)} bytes)"
    assert stat.S_IMODE(sink.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in sink.folder.iterdir()} == {0o600}


def test_smuggled_bytes_end_no_message(start: Start) -> None:
    sink = start()
    hidden = b"MAIL FROM:<evil@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nforged\r\n.\r\n"
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r"):
        with closing(Raw(sink)) as client:
            assert client.say(b"EHLO c\r\n") == 250
            assert client.say(b"MAIL FROM:<a@b.test>\r\n") == 250
            assert client.say(b"RCPT TO:<c@d.test>\r\n") == 250
            assert client.say(b"DATA\r\n") == 354
            assert client.say(b"x" + end + hidden) == 554
            assert client.say(b"NOOP\r\n") == 250
    assert list(sink.folder.iterdir()) == []


def test_many_connections_at_once(start: Start) -> None:
    sink = start()
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with sink.client() as client:
                for index in range(5):
                    client.sendmail("a@b.test", "c@d.test", f"Subject: {number}-{index}\r\n\r\n{'x' * 2000}"[:900])
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    subjects = {read(path)["Subject"] for path in sink.kept()}
    assert subjects == {f"{number}-{index}" for number in range(20) for index in range(5)}


def test_more_connections_than_allowed_are_told_so(start: Start) -> None:
    sink = start("--max-connections", "1")
    with closing(Raw(sink)):
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            sink.client()
        assert refused.value.smtp_code == 421


def test_a_silent_client_is_told_and_closed(start: Start) -> None:
    sink = start("--timeout", "1")
    with closing(Raw(sink)) as client:
        assert client.code() == 421
        assert client.code() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_no_half_message(start: Start, number: signal.Signals) -> None:
    sink = start()
    with closing(Raw(sink)) as idle, closing(Raw(sink)) as busy:
        busy.say(b"EHLO c\r\n")
        busy.say(b"MAIL FROM:<a@b.test>\r\n")
        busy.say(b"RCPT TO:<c@d.test>\r\n")
        assert busy.say(b"DATA\r\n") == 354
        sink.process.send_signal(number)
        assert idle.code() == 421
        assert busy.code() == 421
    assert sink.process.wait(60) == 0
    assert list(sink.folder.iterdir()) == []


def test_it_is_for_this_machine_unless_an_address_says_else(start: Start, tmp_path: Path) -> None:
    assert start().host == LOOPBACK
    assert start(host="localhost").host in (LOOPBACK, "::1")
    assert start(host="0.0.0.0").host == "0.0.0.0"
    arguments = [program(), "sink", "--port", "0", "--host", "no.such.host.invalid", "--dir", str(tmp_path)]
    assert subprocess.run(arguments, capture_output=True, timeout=60).returncode == USAGE


def test_a_port_in_use_is_told(start: Start, tmp_path: Path) -> None:
    arguments = [program(), "sink", "--port", str(start().port), "--dir", str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, timeout=60)
    assert done.returncode == USAGE
    assert b"can't listen on 127.0.0.1:" in done.stderr


def test_quiet(start: Start) -> None:
    sink = start("--quiet")
    with sink.client() as client:
        client.sendmail("a@b.test", "c@d.test", "Subject: x\r\n\r\n")
    sink.process.terminate()
    assert sink.out.read() == ""


def test_login(start: Start) -> None:
    sink = start("--user", "user", "--password", "Grüße 1", "--require-auth")
    with sink.client() as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("a@b.test", "c@d.test", "x")
        assert refused.value.smtp_code == 530
        client.user, client.password = "user", "wrong"
        assert client.docmd("AUTH", "PLAIN AHVzZXIAd3Jvbmc=")[0] == 535
        assert client.docmd("AUTH", "PLAIN AHVzZXIAR3LDvMOfZSAx")[0] == 235
        client.sendmail("a@b.test", "c@d.test", "x")
    session = sink.envelope()["session"]
    assert isinstance(session, dict)
    assert session["account"] == "user"


# ------------------------------------------------------------------------------------------------------------- send


def test_everything_arrives(start: Start, tmp_path: Path) -> None:
    sink = start()
    data = tmp_path / "Übersicht 1.bin"
    data.write_bytes(bytes(range(256)) * 500)
    page = tmp_path / "page.html"
    page.write_text('<p>Grüße <img src="cid:logo=1"></p>', encoding="utf-8")
    picture = tmp_path / "logo=1.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    log = tmp_path / "smtp log.txt"
    options = ["--cc", "copy@own.test", "--bcc", "hidden@own.test", "--html", page, "--attach", data, "--attach", page]
    options += ["--embed", f"{picture}=logo", "--header", "X-Test: Frühling", "--reply-to", "R <r@own.test>"]
    options += ["--ehlo", "me.test", "--log", log]
    done = send("--server", sink.address, *SENT, *options, stdin="Zeile 1\n.\nZeile 3 ü\n".encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"took the message for 3 recipients: 250 2.0.0 Ok" in done.stdout
    message = read(sink.only())
    assert message["Subject"] == "Grüße"
    assert message["From"].addresses[0].display_name == "Zoë"
    assert message["X-Test"] == "Frühling"
    assert message["Reply-To"].addresses[0].addr_spec == "r@own.test"
    assert "hidden" not in sink.only().read_text(encoding="latin-1")
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert plain.get_content().splitlines() == ["Zeile 1", ".", "Zeile 3 ü"]
    assert html is not None
    assert html.get_content().rstrip("\r\n") == page.read_text(encoding="utf-8")
    attached = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert attached[data.name] == data.read_bytes()
    assert attached[page.name] == page.read_bytes()
    assert any(part["Content-ID"] == "<logo>" for part in message.walk())
    facts = sink.envelope()
    assert isinstance(facts["envelope"], dict)
    assert facts["envelope"]["to"] == ["user@own.test", "copy@own.test", "hidden@own.test"]
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"Connect to server. 127.0.0.1 Port: {sink.port}"
    assert lines[1].startswith("220 localhost ESMTP ")
    assert lines[2] == "EHLO me.test"
    assert any(line.startswith("MAIL FROM:<zoe@sender.test>") for line in lines)
    assert "RCPT TO:<hidden@own.test>" in lines
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_diagnosis_of_a_server_that_denies_relaying(start: Start) -> None:
    sink = start("--deny-relay", "--local", "own.test", "--user", "u", "--password", "p")
    arguments = ("--server", sink.address, "--from", "a@b.test", "--to", "c@elsewhere.test")
    done = send(*arguments)
    assert done.returncode == REFUSED
    assert done.stdout == b""
    text = done.stderr.decode()
    assert "550 5.7.1 <c@elsewhere.test>: relaying denied for 127.0.0.1" in text.splitlines()[0]
    assert "(relay-denied)" in text
    remedies = [line[4:] for line in text.splitlines() if line.startswith("  - ")]
    assert len(remedies) == 3
    assert any("AUTH PLAIN LOGIN" in remedy for remedy in remedies)
    assert any("administrator" in remedy for remedy in remedies)
    assert any("another server" in remedy for remedy in remedies)
    assert "  | RCPT TO:<c@elsewhere.test>" in text

    answer = json.loads(send(*arguments, "--json").stdout)
    assert answer["ok"] is False
    error = answer["error"]
    assert (error["kind"], error["number"], error["stage"]) == ("recipients-refused", 401, "RCPT")
    assert (error["reply_code"], error["enhanced_code"], error["is_temporary"]) == (550, "5.7.1", False)
    assert error["server"] == sink.address
    assert error["diagnosis"]["cause"] == "relay-denied"
    assert len(error["diagnosis"]["remedy"].split("\n")) == 3
    assert [entry["status"] for entry in error["recipients"]] == ["refused"]
    assert "RCPT TO:<c@elsewhere.test>" in error["transcript"]
    assert sink.kept() == []


def test_some_recipients_are_refused(start: Start) -> None:
    sink = start("--unknown-user", "gone@own.test")
    arguments = ("--server", sink.address, *SENT, "--to", "gone@own.test")
    done = send(*arguments)
    assert done.returncode == 0
    assert b"took the message for one recipient" in done.stdout
    assert b"gone@own.test refused: 550 5.1.1" in done.stderr
    assert b"(recipient-unknown)" in done.stderr
    answer = json.loads(send(*arguments, "--json").stdout)
    assert answer["ok"] is True
    report = answer["report"]
    assert [entry["status"] for entry in report["recipients"]] == ["accepted", "refused"]
    assert (report["reply_code"], report["server"]) == (250, sink.address)
    assert (report["tls"], report["auth_mechanism"]) == (None, None)
    assert report["message_id"] == read(sink.kept()[-1])["Message-ID"]
    assert send(*arguments, "--all-or-nothing").returncode == REFUSED
    assert len(sink.kept()) == 2


def test_try_later(start: Start) -> None:
    sink = start("--greylist")
    first = send("--server", sink.address, *SENT)
    assert first.returncode == TRY_LATER
    assert b"(greylisted)" in first.stderr
    assert send("--server", sink.address, *SENT).returncode == 0
    nobody = send("--server", f"{LOOPBACK}:{free_port()}", *SENT)
    assert nobody.returncode == TRY_LATER
    assert b"(connect-refused)" in nobody.stderr


def test_too_large(start: Start) -> None:
    sink = start("--max-size", "2000")
    done = send("--server", sink.address, *SENT, stdin=b"a line of text\n" * 1000)
    assert done.returncode == REFUSED
    assert b"(message-too-large)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "user@own.test\r\nDATA"), b"Recipients[1].Email"),
        (("--attach", "/no/such/file"), b"/no/such/file"),
        (("--html", "/no/such/file"), b"--html"),
        (("--header", "no colon"), b"--header"),
        (("--header", "X-A: b\nBcc: c@d.test"), b"CustomHeaders[0]"),
        (("--embed", "no-equals-sign"), b"--embed"),
        (("--log", "/no/such/folder/log.txt"), b"LogFile"),
        (("--user", "u"), b"FREESMTP_PASSWORD"),
        (("--user", "u", "--password-file", "/no/such/file"), b"--password-file"),
        (("--security", "perhaps"), b"--security"),
        (("--timeout", "0"), b"--timeout"),
        (("--no-such-option",), b"--no-such-option"),
    ],
)
def test_bad_input_sends_nothing(start: Start, arguments: tuple[str, ...], said: bytes) -> None:
    sink = start()
    done = send("--server", sink.address, *SENT, *arguments)
    assert done.returncode == USAGE, done
    assert said in done.stderr
    assert sink.kept() == []


def test_text_that_is_not_utf8(start: Start) -> None:
    done = send("--server", start().address, *SENT, "--json", stdin=b"gr\xfc\xdfe")
    assert done.returncode == USAGE
    assert json.loads(done.stdout)["error"]["field"] == "stdin"


def test_passwords_from_file_environment_and_url(start: Start, tmp_path: Path) -> None:
    sink = start("--user", "user", "--password", "pass:word/1", "--require-auth")
    secret = tmp_path / "secret"
    secret.write_text("pass:word/1\nsecond line\n")
    allowed = ("--allow-plaintext-auth", "--security", "none", *SENT)
    assert send("--server", sink.address, "--user", "user", "--password-file", secret, *allowed).returncode == 0
    assert send("--server", sink.address, "--user", "user", *allowed, FREESMTP_PASSWORD="pass:word/1").returncode == 0
    assert send("--server", f"smtp://user:pass%3Aword%2F1@{sink.address}", *allowed).returncode == 0
    log = tmp_path / "log.txt"
    wrong = send("--server", sink.address, "--user", "user", *allowed, "--log", log, FREESMTP_PASSWORD="pass:word/2")
    assert wrong.returncode == REFUSED
    assert b"(auth-failed)" in wrong.stderr
    assert b"pass:word/2" not in wrong.stderr + log.read_bytes()
    clear = ("--security", "none", "--user", "user")
    never = send("--server", sink.address, *clear, *SENT, FREESMTP_PASSWORD="pass:word/1")
    assert never.returncode == REFUSED, "a password crosses clear text only when that is allowed by name"
    assert len(sink.kept()) == 3


# ---------------------------------------------------------------------------------------------------------- the rest


def test_diagnose() -> None:
    words = [program(), "diagnose", "550 5.7.1 Relaying denied", "--stage", "rcpt", "--offered", "AUTH LOGIN"]
    done = subprocess.run([*words, "--json"], capture_output=True, timeout=60)
    assert done.returncode == 0
    assert json.loads(done.stdout)["cause"] == "relay-denied"
    assert b"AUTH LOGIN" in subprocess.run(words, capture_output=True, timeout=60).stdout
    assert subprocess.run([program(), "diagnose", "hello"], capture_output=True, timeout=60).returncode == USAGE


CONVERSATION = b"""Connect to server. mail.example.com Port: 587
220 mail.example.com ESMTP
EHLO me
250-mail.example.com
250 AUTH PLAIN
MAIL FROM:<a@example.com>
530 5.7.0 Authentication required
"""


def test_explain(tmp_path: Path) -> None:
    log = tmp_path / "smtp.log"
    log.write_bytes(CONVERSATION + b"S: \xff\x1b[2J\n")
    done = subprocess.run([program(), "explain", str(log), "--json"], capture_output=True, timeout=60)
    assert done.returncode == REFUSED
    (failure,) = json.loads(done.stdout)["failures"]
    assert (failure["line"], failure["stage"], failure["host"]) == (7, "MAIL", "mail.example.com")
    assert (failure["reply_code"], failure["diagnosis"]["cause"]) == (530, "auth-required")
    piped = subprocess.run([program(), "explain", "-"], input=CONVERSATION, capture_output=True, timeout=60)
    assert b"Line 7, MAIL, mail.example.com: 530 5.7.0" in piped.stdout
    assert b"AUTH PLAIN" in piped.stdout
    fine = subprocess.run([program(), "explain", "-"], input=b"220 x.org\n", capture_output=True, timeout=60)
    assert fine.returncode == 0
    missing = subprocess.run([program(), "explain", str(tmp_path / "none")], capture_output=True, timeout=60)
    assert missing.returncode == USAGE


def test_version_and_help() -> None:
    version = subprocess.run([program(), "--version"], capture_output=True, timeout=60, check=True)
    assert version.stdout.startswith(b"freesmtp ")
    for name in ("send", "sink", "diagnose", "explain"):
        shown = subprocess.run([program(), name, "--help"], capture_output=True, timeout=60, check=True).stdout
        assert b"Example:" in shown
