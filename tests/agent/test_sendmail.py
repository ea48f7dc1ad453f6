"""`freesmtp sendmail` as programs call it: what they hand over arrives, and the exit status says what became of it."""

import email
import email.message
import email.policy
import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.agent import Agent, until
from harness.sink import Sink, program, read

Start = Callable[..., Agent]


class Sendmail:
    """The command, a spool of its own, and what an agent delivers from it."""

    def __init__(self, folder: Path, spool: Path, start: Start, sink: Sink) -> None:
        self.command = folder / "sendmail"
        self.command.symlink_to(program())
        self.spool, self.start, self.sink = spool, start, sink
        self.environment = {**os.environ, "FREESMTP_SPOOL": str(spool), "FREESMTP_DOMAIN": "host.test"}
        self.environment.pop("NAME", None)
        spool.parent.mkdir(exist_ok=True)
        self.agent: Agent | None = None

    def run(self, *arguments: str, text: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(self.command), *arguments],
            input=text,
            env={**self.environment, **more},
            capture_output=True,
            timeout=60,
        )

    def take(self, *arguments: str, text: bytes) -> tuple[email.message.EmailMessage, dict[str, object], bytes]:
        """The message as it arrives, its envelope, its bytes."""
        before = len(self.sink.kept())
        done = self.run(*arguments, text=text)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr
        self.deliver(before + 1)
        path = self.sink.kept()[-1]
        return read(path), self.envelope(path), path.read_bytes()

    def deliver(self, count: int) -> None:
        if self.agent is None:
            self.agent = self.start("--server", f"127.0.0.1:{self.sink.port}")
        until(lambda: len(self.sink.kept()) >= count, 30, f"not {count} messages arrived: {self.agent.log()}")

    def envelope(self, path: Path) -> dict[str, object]:
        facts: dict[str, object] = json.loads(path.with_suffix(".json").read_text())["envelope"]
        return facts


@pytest.fixture
def sendmail(tmp_path: Path, spool: Path, start: Start, sink: Sink) -> Sendmail:
    return Sendmail(tmp_path, spool, start, sink)


def words(message: email.message.EmailMessage) -> str:
    """The text, its line ends as in memory."""
    text: str = message.get_content()
    return text.replace("\r\n", "\n")


LETTER = b"From: A <a@x.test>\nTo: b@y.test, C <c@y.test>\nCc: d@y.test\nBcc: e@y.test\nSubject: s\n\nText\n"


def test_recipients_of_the_headers_and_no_bcc(sendmail: Sendmail) -> None:
    message, envelope, text = sendmail.take("-t", "-i", text=LETTER)
    assert envelope["to"] == ["b@y.test", "c@y.test", "d@y.test", "e@y.test"]
    assert "Bcc" not in message
    assert b"e@y.test" not in text.split(b"Subject")[1]
    assert not [value for name, value in message.items() if "e@y.test" in value]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert envelope["from"] == f"{user}@host.test", "the envelope's sender is who calls"


def test_recipients_of_the_arguments_are_added_to_those_of_the_headers(sendmail: Sendmail) -> None:
    _, envelope, _ = sendmail.take("-t", "-f", "bounce@x.test", "f@y.test", "b@y.test", text=LETTER)
    assert envelope["to"] == ["b@y.test", "c@y.test", "d@y.test", "e@y.test", "f@y.test"]
    assert envelope["from"] == "bounce@x.test"
    _, envelope, _ = sendmail.take("-t", "only@y.test", text=b"Subject: nobody named\n\n")
    assert envelope["to"] == ["only@y.test"]


def test_without_t_the_headers_name_nobody(sendmail: Sendmail) -> None:
    message, envelope, _ = sendmail.take("-oi", "-oem", "--", "g@y.test", text=LETTER)
    assert envelope["to"] == ["g@y.test"]
    assert message["To"] == "b@y.test, C <c@y.test>"


def test_what_is_missing_is_added(sendmail: Sendmail) -> None:
    message, envelope, _ = sendmail.take("-F", "Zoë B.", "-f", "z@x.test", "b@y.test", text=b"just words\nand: more\n")
    assert envelope["from"] == "z@x.test"
    assert message["From"].addresses[0].display_name == "Zoë B."
    assert message["From"].addresses[0].addr_spec == "z@x.test"
    assert message["Date"].datetime is not None
    assert message["Message-ID"].startswith("<")
    assert words(message) == "just words\nand: more\n"
    own = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\nMessage-ID: <own@x.test>\nFrom: own@x.test\n\n"
    message, _, _ = sendmail.take("b@y.test", text=own)
    assert [len(message.get_all(name)) for name in ("Date", "Message-ID", "From")] == [1, 1, 1]
    assert message["Message-ID"] == "<own@x.test>"


def test_a_lone_dot_ends_the_message_unless_it_is_text(sendmail: Sendmail) -> None:
    text = b"Subject: s\n\none\n.\ntwo\n"
    assert words(sendmail.take("b@y.test", text=text)[0]) == "one\n"
    for option in ("-i", "-oi", "-OIgnoreDots=true"):
        assert words(sendmail.take(option, "b@y.test", text=text)[0]) == "one\n.\ntwo\n", option


def test_line_ends_of_every_kind_and_octets_above_127(sendmail: Sendmail) -> None:
    body = "Grüße\n".encode()
    head = (
        b"Subject: s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
    for text in (
        head + body,
        (head + body).replace(b"\n", b"\r\n"),
        b"From a@b Sat Jan  3 01:05:34 1996\n" + head + body,
    ):
        message, envelope, arrived = sendmail.take("-B8BITMIME", "b@y.test", text=text)
        assert words(message) == "Grüße\n"
        assert envelope["body"] == "8BITMIME"
        assert b"\n" not in arrived.replace(b"\r\n", b"")
        assert b"From a@b" not in arrived


def test_a_long_line_is_broken_as_servers_need_it(sendmail: Sendmail) -> None:
    message, _, arrived = sendmail.take("-i", "b@y.test", text=b"Subject: s\n\n" + b"x" * 5000 + b"\n")
    assert max(map(len, arrived.split(b"\r\n"))) <= 998
    assert words(message).replace("\n ", "") == "x" * 5000 + "\n"


def test_a_long_message(sendmail: Sendmail) -> None:
    lines = b"0123456789abcde\n" * 200_000
    _, _, arrived = sendmail.take("-i", "b@y.test", text=b"Subject: s\n\n" + lines)
    assert arrived.split(b"\r\n\r\n", 1)[1] == lines.replace(b"\n", b"\r\n")


def test_mail_of_cron_to_a_user_of_this_machine(sendmail: Sendmail) -> None:
    text = b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> job\n\nout\n"
    message, envelope, _ = sendmail.take("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root", text=text)
    assert envelope["to"] == ["root@host.test"]
    assert message["To"] == "root@host.test"
    assert message["From"].addresses[0].addr_spec == "root@host.test"


def test_the_null_sender(sendmail: Sendmail) -> None:
    for sender in ("", "<>"):
        _, envelope, _ = sendmail.take("-f", sender, "b@y.test", text=b"Subject: s\n\n")
        assert envelope["from"] == ""


def test_by_its_full_name(sendmail: Sendmail) -> None:
    done = subprocess.run(
        [program(), "sendmail", "-i", "b@y.test"], input=b"Subject: full\n\n", env=sendmail.environment, timeout=60
    )
    assert done.returncode == 0
    sendmail.deliver(1)
    assert read(sendmail.sink.only())["Subject"] == "full"


@pytest.mark.parametrize(
    ("arguments", "text", "status", "words"),
    [
        ([], b"Subject: s\n\n", 64, "-t"),
        (["-W", "b@y.test"], b"", 64, "-W"),
        (["-bp"], b"", 64, "queue"),
        (["-t"], b"Subject: nobody\n\n", 67, "recipient"),
        (["two words@y.test"], b"Subject: s\n\n", 67, "two words"),
        (["b@y.test"], b"Subject: " + b"x" * 1200 + b"\n\n", 65, "998"),
        (["b@y.test"], b"Subject: s\n\n\0\n", 65, "NUL"),
        (["-t"], b"To: <b@y.test\n\n", 65, "To"),
    ],
)
def test_what_is_not_right_says_so(
    sendmail: Sendmail, arguments: list[str], text: bytes, status: int, words: str
) -> None:
    done = sendmail.run(*arguments, text=text)
    assert done.returncode == status, done.stderr
    assert words in done.stderr.decode()
    assert not list(sendmail.spool.glob("incoming/*.seg")), "nothing was submitted"


def test_a_spool_that_takes_nothing(sendmail: Sendmail, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = sendmail.run("b@y.test", text=b"Subject: s\n\n", FREESMTP_SPOOL=str(tmp_path / "file"))
    assert done.returncode == 73, done.stderr
    assert str(tmp_path / "file") in done.stderr.decode()


def git_send_email() -> str | None:
    """git's own client, wherever the distribution has it."""
    places = [Path("/usr/lib/git-core/git-send-email"), Path("/usr/libexec/git-core/git-send-email")]
    return next((str(place) for place in places if place.exists()), shutil.which("git-send-email"))


def test_git_send_email(sendmail: Sendmail, tmp_path: Path) -> None:
    command = git_send_email()
    if command is None:
        assert os.environ.get("FREESMTP_REQUIRE_SERVERS") != "1", "git send-email is not installed"
        pytest.skip("git send-email is not installed")
    patch = tmp_path / "0001.patch"
    patch.write_text(
        "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Author <author@x.test>\n"
        "Date: Fri, 2 Jan 2026 10:00:00 +0000\nSubject: [PATCH] Fix it\n\nWhy.\n---\n f | 1 +\n\n.\n--\n2.39\n"
    )
    environment = {
        **sendmail.environment,
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_COMMITTER_NAME": "Me",
        "GIT_COMMITTER_EMAIL": "me@x.test",
        "GIT_AUTHOR_NAME": "Me",
        "GIT_AUTHOR_EMAIL": "me@x.test",
        "GIT_EXEC_PATH": str(Path(command).parent),
        "PATH": f"/usr/bin:{os.environ['PATH']}",
    }
    subprocess.run(["/usr/bin/git", "init", "-q", str(tmp_path / "repo")], env=environment, check=True)
    done = subprocess.run(
        [
            command,
            f"--sendmail-cmd={sendmail.command}",
            "--from=Me <me@x.test>",
            "--to=list@y.test",
            "--cc=c@y.test",
            "--envelope-sender=bounce@x.test",
            "--confirm=never",
            "--quiet",
            str(patch),
        ],
        cwd=tmp_path / "repo",
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    sendmail.deliver(1)
    message, envelope = read(sendmail.sink.only()), sendmail.envelope(sendmail.sink.only())
    assert message["Subject"] == "[PATCH] Fix it"
    assert envelope["from"] == "bounce@x.test"
    assert sorted(envelope["to"]) == ["author@x.test", "c@y.test", "list@y.test"]  # type: ignore[call-overload]
    assert "\n.\n" in words(message), "a lone dot of a patch is text"


def test_python_through_subprocess(sendmail: Sendmail) -> None:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Bcc"], message["Subject"] = "a@x.test", "b@y.test", "c@y.test", "Grüße"
    message.set_content("Hallo\n.\nZoë\n")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="all.bin")
    arrived, envelope, _ = sendmail.take("-t", "-oi", text=message.as_bytes())
    assert envelope["to"] == ["b@y.test", "c@y.test"]
    assert arrived["Subject"] == "Grüße"
    assert "Bcc" not in arrived
    assert words(arrived.get_body()) == "Hallo\n.\nZoë\n"  # type: ignore[arg-type]
    (attachment,) = arrived.iter_attachments()
    assert attachment.get_content() == bytes(range(256))
