"""The command `freesmtp check`: what it says of a server, true each time, and that it sends nothing."""

import itertools
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import dovecot
from harness.nameserver import NameServer, Zone
from harness.pki import Pki
from harness.postfix import DOMAIN, SMALL_LIMIT, Postfix
from harness.process import LOOPBACK, free_port
from harness.scripted import Close, Hear, Say, Silence, Step, Tls
from harness.sink import program

OK, REFUSED, USAGE, TRY_LATER = 0, 1, 2, 75
SESSION = ("dns", "connect", "greeting", "ehlo", "tls", "auth", "envelope", "limits")
USER, OUTSIDE = f"user@{DOMAIN}", "someone@other.test"


@dataclass
class Checked:
    """What the command said, and how it ended."""

    exit: int
    report: dict[str, Any]

    def step(self, name: str) -> dict[str, Any]:
        """The step of that name."""
        return next(step for step in self.report["steps"] if step["name"] == name)

    def status(self) -> dict[str, str]:
        """How each step of the session ended."""
        return {step["name"]: step["status"] for step in self.report["steps"] if step["name"] in SESSION}

    def facts(self, name: str) -> dict[str, list[str]]:
        """What the step found."""
        found: dict[str, list[str]] = {}
        for fact in self.step(name)["facts"]:
            found.setdefault(fact["name"], []).append(fact["value"])
        return found

    def cause(self, name: str) -> str | None:
        """Why the step failed."""
        diagnosis = self.step(name)["diagnosis"]
        return diagnosis["cause"] if diagnosis else None


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `freesmtp check`."""
    clean = {name: value for name, value in os.environ.items() if name != "FREESMTP_PASSWORD"}
    words = [program(), "check", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=90, env={**clean, **environment})


def documented() -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """The keys of report and step, and the facts of each step, as docs/check.md lists them."""
    text = (Path(__file__).parents[2] / "docs/check.md").read_text().split("## JSON")[1]
    report, step, facts = (part for part in text.split("|---|---|---|\n")[1:])

    def cells(part: str) -> list[list[str]]:
        lines = itertools.takewhile(lambda line: line.startswith("|"), part.splitlines())
        return [re.findall("`([^`]*)`", line) for line in lines]

    return (
        {row[0] for row in cells(report)},
        {row[0] for row in cells(step)},
        {(row[0], row[1]) for row in cells(facts)},
    )


DOCUMENTED_REPORT, DOCUMENTED_STEP, DOCUMENTED_FACTS = documented()
DIAGNOSIS = {"cause", "who", "summary", "remedy", "evidence", "retry_after", "reference"}


def check_schema(report: dict[str, Any]) -> None:
    """Exactly the keys that are documented, and no fact that is not."""
    assert set(report) == DOCUMENTED_REPORT
    assert [step["name"] for step in report["steps"]] == [*SESSION, "mx", "spf", "dkim", "dmarc"]
    order = ("skipped", "ok", "warning", "failed")
    assert report["status"] == max((step["status"] for step in report["steps"]), key=order.index)
    for step in report["steps"]:
        assert set(step) == DOCUMENTED_STEP
        assert step["status"] in order
        assert step["summary"].endswith("."), step["summary"]
        for fact in step["facts"]:
            assert set(fact) == {"name", "value"}
            assert fact["value"]
            assert (step["name"], fact["name"]) in DOCUMENTED_FACTS
        assert (step["diagnosis"] is not None) == (step["status"] in ("warning", "failed")), step
        if step["diagnosis"] is not None:
            assert set(step["diagnosis"]) == DIAGNOSIS
            assert step["diagnosis"]["remedy"]


def domain(name: str) -> Zone:
    """The records of a domain that is all well."""
    return {
        (name, "MX"): [f"1 mail.{name}."],
        (f"mail.{name}", "A"): ["192.0.2.1"],
        (name, "TXT"): ['"v=spf1 mx -all"'],
        (f"_dmarc.{name}", "TXT"): ['"v=DMARC1; p=none"'],
    }


def check(*arguments: object, zone: Zone | None = None, **environment: str) -> Checked:
    """The same with `--json`, its shape checked; name servers are asked on this machine only."""
    with NameServer({**domain(DOMAIN), **domain("own.test")} if zone is None else zone) as name_server:
        options = ("--json", "--ehlo", "client.test", "--dns", name_server.address)
        done = run(*arguments, *options, **environment)
    assert done.stderr == ""
    checked = Checked(done.returncode, json.loads(done.stdout))
    check_schema(checked.report)
    return checked


def statuses(*given: str) -> dict[str, str]:
    """The status of each step of the session, in order."""
    return dict(zip(SESSION, given, strict=True))


# --------------------------------------------------------------------------------------------------- a real server


def test_postfix_without_relay_rights_refuses_a_foreign_recipient_and_takes_its_own(postfix: Postfix) -> None:
    before = postfix.mailbox().raw()
    where = f"{LOOPBACK}:{postfix.port('plain')}"
    own = check(where, "--from", USER, "--to", USER)
    assert own.exit == OK
    assert own.status() == statuses("ok", "ok", "ok", "ok", "skipped", "skipped", "ok", "ok")
    assert own.facts("greeting")["host"] == [f"mail.{DOMAIN}"]
    assert "PIPELINING" in own.facts("ehlo")["extension"]
    assert own.facts("limits") == {"message_size": ["83886080"]}
    assert own.facts("connect")["address"] == [where]
    assert "takes mail from this sender to these recipients" in own.report["summary"]

    foreign = check(where, "--from", USER, "--to", OUTSIDE)
    assert foreign.exit == REFUSED
    assert foreign.status() == statuses("ok", "ok", "ok", "ok", "skipped", "skipped", "failed", "ok")
    assert foreign.cause("envelope") == "relay-denied"
    assert foreign.facts("envelope")["result"] == ["accepted", "refused"]
    assert "Relay access denied" in foreign.facts("envelope")["reply"][1]
    assert postfix.mailbox().raw() == before


def test_postfix_with_a_login_relays(postfix: Postfix) -> None:
    before = postfix.mailbox().raw()
    where = (f"{LOOPBACK}:{postfix.port('submission')}", "--security", "required", "--ca-file", postfix.pki.ca_file)
    account = dovecot.USER
    envelope = ("--from", USER, "--to", OUTSIDE, "--to", USER)
    login = ("--user", account.user)
    checked = check(*where, *login, *envelope, FREESMTP_PASSWORD=account.password)
    assert checked.exit == OK, checked.report
    assert checked.status() == statuses("ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok")
    assert checked.facts("auth") == {"offered": ["PLAIN LOGIN"], "mechanism": ["PLAIN"]}
    assert checked.facts("tls")["mode"] == ["required"]
    assert checked.facts("envelope")["address"] == ["sender", OUTSIDE, USER]
    assert checked.facts("envelope")["result"] == ["accepted"] * 3

    without = check(*where, *envelope)
    assert without.exit == REFUSED
    assert without.step("auth")["status"] == "skipped"
    assert "AUTH PLAIN LOGIN" in without.step("auth")["summary"]
    assert without.cause("envelope") == "relay-denied"
    assert "PLAIN LOGIN" in without.step("envelope")["diagnosis"]["remedy"].splitlines()[0]

    wrong = check(*where, *login, *envelope, FREESMTP_PASSWORD="not this one")
    assert wrong.exit == REFUSED
    assert wrong.status() == statuses("ok", "ok", "ok", "ok", "ok", "failed", "skipped", "ok")
    assert wrong.cause("auth") == "auth-failed"
    assert account.password not in json.dumps(checked.report)
    assert postfix.mailbox().raw() == before


def test_postfix_that_wants_a_login_says_so_of_every_recipient(postfix: Postfix) -> None:
    checked = check(f"{LOOPBACK}:{postfix.port('auth-required')}", "--from", USER, "--to", USER)
    assert checked.exit == REFUSED
    assert checked.step("envelope")["status"] == "failed"
    assert "AUTH PLAIN LOGIN" in checked.step("envelope")["diagnosis"]["remedy"]


def test_postfix_names_its_limit(postfix: Postfix) -> None:
    checked = check(f"{LOOPBACK}:{postfix.port('small')}")
    assert checked.facts("limits")["message_size"] == [str(SMALL_LIMIT)]
    assert checked.step("envelope")["status"] == "skipped"
    assert checked.exit == OK


def test_postfix_leaves_no_trace_of_a_message(postfix: Postfix) -> None:
    maillog = postfix.folder / "maillog"
    before = len(maillog.read_text())
    check(f"{LOOPBACK}:{postfix.port('plain')}", "--from", USER, "--to", USER)
    said = maillog.read_text()[before:]
    assert " data=" not in said
    assert "cleanup" not in said
    assert "rset=1 quit=1" in said


# -------------------------------------------------------------------------------------------- servers that play a part

GREETING = Say(b"220 mail.test ESMTP\r\n")
EHLO = Hear("EHLO client.test")
PLAIN = Say(b"250 mail.test\r\n")


def test_nothing_but_the_envelope_is_said(serve) -> None:
    server = serve(
        [
            GREETING,
            EHLO,
            Say(b"250-mail.test\r\n250-PIPELINING\r\n250-LIMITS RCPTMAX=2 MAILMAX=5\r\n250 SIZE 1000\r\n"),
            Hear("MAIL FROM:<a@own.test>"),
            Say(b"250 ok\r\n"),
            Hear("RCPT TO:<b@own.test>"),
            Say(b"250 ok\r\n"),
            Hear("RCPT TO:<c@own.test>"),
            Say(b"450 4.2.0 Greylisted, try again in 300 seconds\r\n"),
            Hear("RSET"),
            Say(b"250 ok\r\n"),
        ]
    )
    checked = check(f"{LOOPBACK}:{server.port}", "--from", "a@own.test", "--to", "b@own.test", "--to", "c@own.test")
    server.finish()
    assert server.connections[0].lines[-1] == "QUIT"
    assert checked.exit == TRY_LATER
    assert checked.cause("envelope") == "greylisted"
    assert checked.facts("limits") == {"message_size": ["1000"], "recipients": ["2"], "messages": ["5"]}


def test_a_sender_that_is_refused_ends_the_questions(serve) -> None:
    server = serve(
        [GREETING, EHLO, PLAIN, Hear("MAIL FROM:<a@own.test>"), Say(b"553 5.7.1 not owned by user a@own.test\r\n")]
    )
    checked = check(f"{LOOPBACK}:{server.port}", "--from", "a@own.test", "--to", "b@own.test")
    server.finish()
    assert checked.exit == REFUSED
    assert checked.facts("envelope")["address"] == ["sender"]
    assert checked.cause("envelope") == "sender-not-permitted"


@pytest.mark.parametrize(
    ("script", "step", "cause", "exit_status"),
    [
        ([Say(b"554 5.7.1 Your address is on a block list\r\n"), Close()], "greeting", "ip-blocked", REFUSED),
        ([Close()], "greeting", "connection-lost", TRY_LATER),
        ([GREETING, EHLO, Close()], "ehlo", "connection-lost", TRY_LATER),
        ([GREETING, EHLO, PLAIN, Hear("MAIL FROM:<a@own.test>"), Close()], "envelope", "connection-lost", TRY_LATER),
    ],
)
def test_a_server_that_gives_up(serve, script: list[Step], step: str, cause: str, exit_status: int) -> None:
    server = serve(script)
    checked = check(f"{LOOPBACK}:{server.port}", "--from", "a@own.test", "--to", "b@own.test")
    server.finish()
    assert checked.step(step)["status"] == "failed"
    assert checked.cause(step) == cause
    assert checked.step("connect")["status"] == "ok"
    assert checked.exit == exit_status
    later = SESSION[SESSION.index(step) + 1 :]
    assert all(checked.step(name)["status"] in ("skipped", "ok") for name in later)


def test_a_closed_port_and_an_unknown_host() -> None:
    closed = check(f"{LOOPBACK}:{free_port()}")
    assert closed.exit == TRY_LATER
    assert closed.cause("connect") == "connect-refused"
    assert closed.step("greeting")["status"] == "skipped"


def test_a_silent_port_does_not_hang(serve) -> None:
    server = serve([Silence()])
    checked = check(f"{LOOPBACK}:{server.port}", "--timeout", "1", "--time-limit", "20")
    assert checked.exit == TRY_LATER
    assert checked.step("connect")["status"] == "ok"
    assert checked.cause("greeting") == "greeting-timeout"


def test_the_whole_check_has_a_limit(serve) -> None:
    server = serve([GREETING, EHLO, Silence()])
    checked = check(f"{LOOPBACK}:{server.port}", "--time-limit", "1")
    assert checked.exit == TRY_LATER
    assert checked.step("ehlo")["status"] == "failed"
    assert checked.cause("ehlo") == "connection-lost"


def test_tls_on_a_plain_port_and_the_reverse(serve) -> None:
    plain = serve([Say(b"220 mail.test ESMTP\r\n"), Silence()], may_hang_up=True)
    checked = check(f"{LOOPBACK}:{plain.port}", "--security", "implicit")
    assert checked.exit == REFUSED
    assert checked.cause("tls") == "tls-on-plain-port"
    assert checked.step("greeting")["status"] == "skipped"
    # The second connection is the question whether the port expects TLS.
    encrypted = serve([Silence()], [Tls("good"), Silence()])
    checked = check(f"{LOOPBACK}:{encrypted.port}", "--security", "none")
    assert checked.exit == REFUSED
    assert checked.cause("greeting") == "plain-on-tls-port"


@pytest.mark.parametrize(
    ("certificate", "cause"),
    [
        ("expired", "certificate-expired"),
        ("wrong-name", "certificate-wrong-name"),
        ("self-signed", "certificate-untrusted"),
    ],
)
def test_a_bad_certificate(serve, pki: Pki, certificate: str, cause: str) -> None:
    starttls = [GREETING, EHLO, Say(b"250-mail.test\r\n250 STARTTLS\r\n"), Hear("STARTTLS"), Say(b"220 go\r\n")]
    # The second connection is that which looks at the certificate, to say what is wrong with it.
    server = serve(*[[*starttls, Tls(certificate)]] * 2)
    checked = check(f"{LOOPBACK}:{server.port}", "--security", "required", "--ca-file", pki.ca_file)
    server.finish()
    assert checked.exit == REFUSED
    assert checked.status() == statuses("ok", "ok", "ok", "ok", "failed", "skipped", "skipped", "ok")
    assert checked.cause("tls") == cause
    assert checked.facts("tls")["problem"][0]


# ----------------------------------------------------------------------------------------------------- how it reads


def test_bad_input_is_named_and_nothing_is_opened() -> None:
    for arguments, field in [
        (("127.0.0.1:1", "--from", "nonsense"), "From"),
        (("127.0.0.1:1", "--to", "a@b.test"), "From"),
        (("127.0.0.1:1", "--from", "a@b.test", "--to", "a b@c"), "To[0]"),
        (("127.0.0.1:1", "--from", "a@b.test", "--selector", "a b"), "DkimSelector"),
        (("http://x", "--from", "a@b.test"), "Name"),
    ]:
        done = run(*arguments)
        assert done.returncode == USAGE, done
        assert f"{field}:" in done.stderr
        assert done.stdout == ""


def test_the_text_fits_a_terminal_and_has_no_colours_in_a_pipe(postfix: Postfix) -> None:
    with NameServer(domain(DOMAIN)) as name_server:
        where = f"{LOOPBACK}:{postfix.port('plain')}"
        done = run(where, "--from", USER, "--to", OUTSIDE, "--dns", name_server.address)
    assert done.returncode == REFUSED
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines), done.stdout
    assert lines[0] == f"Check of {LOOPBACK}:{postfix.port('plain')}"
    assert any(line.startswith("FAILED  Envelope") for line in lines)
    assert any(line.startswith("  - ") for line in lines)


def test_a_log_is_written(serve, tmp_path: Path) -> None:
    server = serve([GREETING, EHLO, PLAIN])
    log = tmp_path / "check.log"
    check(f"{LOOPBACK}:{server.port}", "--log", log)
    server.finish()
    assert log.read_text().splitlines() == [
        f"Connect to server. {LOOPBACK} Port: {server.port}",
        "220 mail.test ESMTP",
        "EHLO client.test",
        "250 mail.test",
        "QUIT",
        "221 2.0.0 Bye",
        "Disconnected.",
    ]
