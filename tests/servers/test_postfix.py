"""Every way in and every refusal of a real server: Postfix with Dovecot SASL."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import dovecot
from harness.dovecot import Account
from harness.driver import Answer, Job
from harness.postfix import DOMAIN, Postfix
from harness.scenario import disguises

USER = f"user@{DOMAIN}"


@dataclass(frozen=True)
class Way:
    """How to reach the server, and how the server itself says it was reached (RFC 3848)."""

    service: str
    security: str
    protocol: str
    mechanism: str | None = None
    authmode: str | None = None


WAYS = {
    "clear": Way("plain", "none", "ESMTP"),
    "opportunistic-clear": Way("plain", "opportunistic", "ESMTP"),
    "opportunistic-tls": Way("relay", "opportunistic", "ESMTPS"),
    "starttls": Way("relay", "required", "ESMTPS"),
    "implicit": Way("smtps", "implicit", "ESMTPS"),
    "clear-plain": Way("plain-auth", "none", "ESMTPA", "PLAIN", "plain"),
    "starttls-plain": Way("submission", "required", "ESMTPSA", "PLAIN", "plain"),
    "starttls-login": Way("submission", "required", "ESMTPSA", "LOGIN", "login"),
    "implicit-plain": Way("smtps", "implicit", "ESMTPSA", "PLAIN", "plain"),
    "implicit-login": Way("smtps", "implicit", "ESMTPSA", "LOGIN", "login"),
    "starttls-chosen": Way("submission", "required", "ESMTPSA", "PLAIN"),
}


def job_for(postfix: Postfix, way: Way, account: Account = dovecot.USER, **more: object) -> Job:
    """A job that begins with the server."""
    settings: dict[str, object] = {"security": way.security, **more}
    if way.security != "none":
        settings["cafile"] = postfix.pki.ca_file
    elif way.mechanism:
        settings["allowplaintextauth"] = True
    if way.mechanism:
        settings |= {"account": account.user, "password": account.password}
    if way.authmode:
        settings["authmode"] = way.authmode
    return Job().server("127.0.0.1", postfix.port(way.service), **settings)


def assert_hidden(secret: str, *places: str) -> None:
    """Neither the secret nor its base64 is in any of the places."""
    for form in disguises(secret):
        assert not any(form in place for place in places), f"{form!r} is shown"


@pytest.mark.parametrize("name", WAYS)
def test_ways_in(name: str, language: str, postfix: Postfix, send, log_file: Path) -> None:
    way = WAYS[name]
    # LogFile before the server: whatever the order, the password is hidden.
    job = Job().put("smtp.logfile", log_file)
    job = job_for(postfix, way) if way.mechanism is None else job_for(postfix, way).put("smtp.logfile", log_file)
    answer = send(job.message(USER, subject=f"{name} {language}").send())
    assert answer["ok"], answer
    report = answer["report"]
    assert report["server"] == f"127.0.0.1:{postfix.port(way.service)}"
    assert report["reply_code"] == 250
    assert "queued as" in report["reply_text"]
    assert [(r["email"], r["status"], r["enhanced_code"]) for r in report["recipients"]] == [
        (USER, "accepted", "2.0.0")
    ]
    assert report["auth_mechanism"] == way.mechanism
    assert (report["tls"] is not None) == way.protocol.startswith("ESMTPS")
    assert report["warnings"] == []

    arrived = postfix.mailbox().wait_for(report["message_id"])
    # The server's own word on how the mail came in.
    received = arrived.message.get_all("Received")[-1]
    assert re.search(rf"\bwith {way.protocol}\b", received), received
    if way.mechanism:
        assert "Authenticated sender: user" in received
        assert_hidden("secret", log_file.read_text(), str(answer))
        assert_hidden("\0user\0secret", log_file.read_text(), str(answer))


@pytest.mark.parametrize("account", dovecot.ACCOUNTS, ids=["simple", "umlaut", "spaced", "quoted", "long"])
@pytest.mark.parametrize("mode", ["plain", "login"])
def test_accounts(mode: str, account: Account, language: str, postfix: Postfix, send, log_file: Path) -> None:
    way = WAYS[f"starttls-{mode}"]
    answer = send(job_for(postfix, way, account).put("smtp.logfile", log_file).message(USER).send())
    assert answer["ok"], answer
    assert answer["report"]["auth_mechanism"] == way.mechanism
    assert_hidden(account.password, log_file.read_text(), str(answer))


@pytest.mark.parametrize("mode", ["plain", "login"])
def test_wrong_password(mode: str, language: str, postfix: Postfix, send, log_file: Path) -> None:
    wrong = Account("user", "not-the-s3cret")
    job = job_for(postfix, WAYS[f"starttls-{mode}"], wrong).put("smtp.logfile", log_file)
    error = failed(send(job.message(USER).send()))
    assert (error["kind"], error["stage"]) == ("authentication", "AUTH")
    assert (error["reply_code"], error["enhanced_code"]) == (535, "5.7.8")
    assert error["diagnosis"]["cause"] == "auth-failed"
    assert not error["is_temporary"]
    assert_hidden(wrong.password, log_file.read_text(), str(error))
    assert_hidden(f"\0user\0{wrong.password}", log_file.read_text(), str(error))


def failed(answer: Answer) -> Answer:
    """The error of an answer that must be one."""
    assert not answer["ok"], answer
    return answer["error"]


def test_relay_denied_and_no_login_offered(language: str, postfix: Postfix, send) -> None:
    error = failed(send(job_for(postfix, WAYS["clear"]).message("someone@foreign.test").send()))
    assert (error["kind"], error["stage"]) == ("recipients-refused", "RCPT")
    assert (error["reply_code"], error["enhanced_code"]) == (554, "5.7.1")
    assert error["reply_text"].endswith("Relay access denied")
    assert error["recipients"][0]["email"] == "someone@foreign.test"
    assert error["recipients"][0]["status"] == "refused"
    assert error["diagnosis"]["cause"] == "relay-denied"
    assert "administrator" in error["diagnosis"]["remedy"].lower()
    # Logging in is no remedy where it is not offered.
    assert not re.search(r"\b(PLAIN|LOGIN)\b", error["diagnosis"]["remedy"])


def test_relay_denied_where_login_would_help(language: str, postfix: Postfix, send) -> None:
    job = Job().server("127.0.0.1", postfix.port("submission"), security="required", cafile=postfix.pki.ca_file)
    error = failed(send(job.message("someone@foreign.test").send()))
    assert (error["reply_code"], error["enhanced_code"]) == (554, "5.7.1")
    assert error["diagnosis"]["cause"] in ("relay-denied", "auth-required")
    assert re.search(r"PLAIN.*LOGIN|LOGIN.*PLAIN", error["diagnosis"]["remedy"], re.DOTALL), "names what is offered"


def test_relay_allowed_after_login(language: str, postfix: Postfix, send) -> None:
    answer = send(job_for(postfix, WAYS["starttls-plain"]).message("someone@foreign.test").send())
    assert answer["ok"], answer


def test_unknown_user(language: str, postfix: Postfix, send) -> None:
    nobody = f"nobody@{DOMAIN}"
    error = failed(send(job_for(postfix, WAYS["clear"]).message(nobody).send()))
    assert (error["kind"], error["stage"]) == ("recipients-refused", "RCPT")
    assert (error["reply_code"], error["enhanced_code"]) == (550, "5.1.1")
    assert error["diagnosis"]["cause"] == "recipient-unknown"
    assert not error["is_temporary"]


def test_partial_delivery(language: str, postfix: Postfix, send) -> None:
    recipients = [USER, f"nobody@{DOMAIN}", "someone@foreign.test", f"other@{DOMAIN}"]
    answer = send(job_for(postfix, WAYS["clear"]).message(*recipients).send())
    assert answer["ok"], answer
    found = answer["report"]["recipients"]
    assert [r["email"] for r in found] == recipients
    assert [r["status"] for r in found] == ["accepted", "refused", "refused", "accepted"]
    assert [r["enhanced_code"] for r in found] == ["2.0.0", "5.1.1", "5.7.1", "2.0.0"]
    causes = [r["diagnosis"] and r["diagnosis"]["cause"] for r in found]
    assert causes == [None, "recipient-unknown", "relay-denied", None]
    for user in ("user", "other"):
        postfix.mailbox(user).wait_for(answer["report"]["message_id"])


def test_oversized(language: str, postfix: Postfix, send) -> None:
    job = Job().server("127.0.0.1", postfix.port("small"), security="none").message(USER, subject="too large")
    error = failed(send(job.attach("big.bin", bytes(200_000)).send()))
    assert error["diagnosis"]["cause"] == "message-too-large"
    assert not error["is_temporary"]
    # The limit did not break anything else.
    job = Job().server("127.0.0.1", postfix.port("small"), security="none").message(USER)
    assert send(job.attach("small.bin", bytes(20_000)).send())["ok"]


def test_server_that_insists_on_tls(language: str, postfix: Postfix, send) -> None:
    job = Job().server("127.0.0.1", postfix.port("submission"), security="none")
    error = failed(send(job.message(USER).send()))
    assert error["reply_code"] == 530
    assert error["diagnosis"]["cause"] == "tls-required"


def test_client_that_insists_on_tls(language: str, postfix: Postfix, send) -> None:
    job = Job().server("127.0.0.1", postfix.port("plain"), security="required", cafile=postfix.pki.ca_file)
    error = failed(send(job.message(USER).send()))
    assert (error["kind"], error["stage"]) == ("tls", "STARTTLS")


def test_many_over_one_connection(language: str, postfix: Postfix, send) -> None:
    subject = f"one of twenty, {language}"
    job = job_for(postfix, WAYS["implicit"]).message(f"third@{DOMAIN}", subject=subject)
    answer = send(job.put("repeat", 20).send())
    assert answer["ok"], answer
    assert answer["sends"] == 20
    arrived = postfix.mailbox("third").wait_for_all(subject, 20)
    # Postfix names the TLS session of each message; one connection has one client port in its log.
    assert len(arrived) == 20
