"""Logging in to real servers: Postfix with Dovecot and with Cyrus SASL, and Dovecot's submission service."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import cyrus, dovecot
from harness.dovecot import LONG, QUOTED, SPACED, UMLAUT, USER, Account, token
from harness.driver import Answer, Job
from harness.postfix import DOMAIN, Postfix
from harness.process import wait_until
from harness.scenario import disguises
from harness.submission import Submission

RECIPIENT = f"user@{DOMAIN}"
CYRUS = [m for m in cyrus.MECHANISMS if m not in ("PLAIN", "LOGIN")]
DOVECOT = [m for m in dovecot.MECHANISMS if m not in (*dovecot.TOKEN_MECHANISMS, "ANONYMOUS")]
IDS = {USER: "simple", UMLAUT: "umlaut", SPACED: "spaced", QUOTED: "quoted", LONG: "long"}
# Dovecot hashes the UTF-8 of DIGEST-MD5's user and password as it is; Cyrus takes that, and ISO 8859-1 too.
# Cyrus reads the user name of NTLM, which is UTF-16, as if each character were one byte.
UNABLE = {("cyrus", "NTLM", UMLAUT)}
CASES = [
    pytest.param(service, mechanism, account, id=f"{service}-{mechanism}-{IDS[account]}")
    for service, mechanisms in (("auth", DOVECOT), ("cyrus", CYRUS))
    for mechanism in mechanisms
    for account in IDS
    if (service, mechanism, account) not in UNABLE
]


def job_for(postfix: Postfix, service: str, log_file: Path, **settings: object) -> Job:
    """A job that sends one message over TLS."""
    job = Job().put("smtp.logfile", log_file)
    job.server("127.0.0.1", postfix.port(service), security="required", cafile=postfix.pki.ca_file, **settings)
    return job.message(RECIPIENT).send()


def sent(answer: Answer, mechanism: str, postfix: Postfix, sender: str = "") -> None:
    """The message went out after that login, and the receiving server says so too."""
    assert answer["ok"], answer
    assert answer["report"]["auth_mechanism"] == mechanism
    received = postfix.mailbox().wait_for(answer["report"]["message_id"]).message.get_all("Received")[-1]
    assert re.search(r"\bwith ESMTPSA\b", received), received
    assert f"Authenticated sender: {sender}" in received


def failed(answer: Answer) -> Answer:
    """The error of an answer that must be one, of the login."""
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["stage"]) == ("authentication", "AUTH"), error
    return error


def assert_hidden(answer: Answer, log_file: Path, *secrets: str) -> None:
    """Neither LogFile nor answer (report, error, transcript) shows a secret or its base64."""
    for place in (log_file.read_text(encoding="utf-8"), str(answer)):
        for secret in secrets:
            assert not any(form in place for form in disguises(secret)), f"{secret!r} is shown"


class Tries:
    """Counts what a server noted about logins, from the moment this is made."""

    def __init__(self, postfix: Postfix) -> None:
        self._log = postfix.folder / "maillog"
        self._begin = len(self._log.read_bytes())

    def refused(self) -> tuple[int, int]:
        """Logins that succeeded, and all that were tried, on the one connection that tried any; waits for its end."""
        found: list[re.Match[str]] = []

        def ended() -> bool:
            new = self._log.read_bytes()[self._begin :].decode(errors="replace")
            found[:] = re.finditer(r"disconnect from .* auth=(?:(\d+)/)?(\d+)", new)
            return bool(found)

        wait_until(ended, "the end of the session in Postfix's log", lambda: True)
        assert len(found) == 1, "only one connection may try"
        return int(found[0][1] or found[0][2]), int(found[0][2])


@pytest.mark.parametrize(("service", "mechanism", "account"), CASES)
def test_named_mechanism(
    service: str, mechanism: str, account: Account, language: str, postfix: Postfix, send: Callable, log_file: Path
) -> None:
    login = {"account": account.user, "password": account.password, "authmode": mechanism.lower()}
    answer = send(job_for(postfix, service, log_file, **login))
    sent(answer, mechanism, postfix)
    assert_hidden(answer, log_file, account.password, f"\0{account.user}\0{account.password}")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "CRAM-MD5", "LOGIN"])
def test_mechanism_named_in_sasl(
    mechanism: str, language: str, postfix: Postfix, send: Callable, log_file: Path
) -> None:
    login = {"account": "user", "password": "secret", "authmode": "sasl", "sasl": mechanism}
    sent(send(job_for(postfix, "auth", log_file, **login)), mechanism, postfix, "user")


@pytest.mark.parametrize("mode", [None, "auto", "sasl"])
@pytest.mark.parametrize(
    ("service", "strongest"), [("auth", "SCRAM-SHA-256"), ("cyrus", "SCRAM-SHA-512"), ("submission", "PLAIN")]
)
def test_the_strongest_is_chosen(
    service: str, strongest: str, mode: str | None, language: str, postfix: Postfix, send: Callable, log_file: Path
) -> None:
    login = {"account": "user", "password": "secret", **({"authmode": mode} if mode else {})}
    sent(send(job_for(postfix, service, log_file, **login)), strongest, postfix, "user")


@pytest.mark.parametrize("length", [0, 3000])
@pytest.mark.parametrize("mechanism", dovecot.TOKEN_MECHANISMS)
def test_token(mechanism: str, length: int, language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    # A command line of Postfix ends at 2,048 bytes: a long token must wait for the empty challenge (RFC 4954).
    key = token("user", length=length)
    assert len(key) >= length
    answer = send(job_for(postfix, "auth", log_file, account="user", token=key, authmode=mechanism.lower()))
    sent(answer, mechanism, postfix, "user")
    assert_hidden(answer, log_file, key, f"user=user\1auth=Bearer {key}\1\1")


def test_token_chooses_a_token_mechanism(language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    answer = send(job_for(postfix, "auth", log_file, account="user", token=token("user")))
    assert answer["ok"], answer
    assert answer["report"]["auth_mechanism"] in dovecot.TOKEN_MECHANISMS


@pytest.mark.parametrize("mechanism", dovecot.TOKEN_MECHANISMS)
def test_token_is_renewed(mechanism: str, language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    stale, fresh = token("user", key=b"of another server"), token("user")
    job = job_for(postfix, "auth", log_file, account="user", tokens=f"{stale},{fresh}", authmode=mechanism.lower())
    answer = send(job)
    sent(answer, mechanism, postfix, "user")
    assert_hidden(answer, log_file, stale, fresh)


@pytest.mark.parametrize("mechanism", dovecot.TOKEN_MECHANISMS)
def test_token_refused(mechanism: str, language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    stale = token("user", key=b"of another server")
    tries = Tries(postfix)
    answer = send(job_for(postfix, "auth", log_file, account="user", token=stale, authmode=mechanism.lower()))
    error = failed(answer)
    assert error["reply_code"] == 535
    assert error["diagnosis"]["cause"] == "auth-failed"
    # What the server said in its challenge (RFC 7628 section 3.2.2), decoded.
    assert re.search("401|invalid_token", error["message"] + error["diagnosis"]["evidence"]), error
    assert tries.refused() == (0, 1)
    assert_hidden(answer, log_file, stale)


def test_anonymous(language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    answer = send(job_for(postfix, "auth", log_file, account="someone@domain.test", authmode="anonymous"))
    sent(answer, "ANONYMOUS", postfix)


@pytest.mark.parametrize("account", [Account("user", "not-the-s3cret"), Account("no-such-user", "s3cret-of-none")])
@pytest.mark.parametrize("service", ["auth", "cyrus"])
@pytest.mark.parametrize(
    "mode",
    ["auto", "plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256", "scram-sha-512", "ntlm"],
)
def test_bad_credentials(
    mode: str, service: str, account: Account, language: str, postfix: Postfix, send: Callable, log_file: Path
) -> None:
    if service == "auth" and mode.upper() in ("SCRAM-SHA-512", "NTLM"):
        pytest.skip("Dovecot does not have it")
    tries = Tries(postfix)
    login = {"account": account.user, "password": account.password, "authmode": mode}
    answer = send(job_for(postfix, service, log_file, **login))
    error = failed(answer)
    assert (error["reply_code"], error["enhanced_code"]) == (535, "5.7.8")
    assert error["diagnosis"]["cause"] == "auth-failed"
    assert error["diagnosis"]["who"] == "sender-account"
    assert not error["is_temporary"]
    assert error["recipients"] == [] or all(r["status"] != "accepted" for r in error["recipients"])
    # One try, whatever else is offered: the next would bring the account nearer to being locked.
    assert tries.refused() == (0, 1)
    assert_hidden(answer, log_file, account.password, f"\0{account.user}\0{account.password}")


@pytest.mark.parametrize("mode", ["cram-md5", "scram-sha-256", "ntlm", "xoauth2", "external", "anonymous"])
def test_mechanism_switched_off(mode: str, language: str, postfix: Postfix, send: Callable, log_file: Path) -> None:
    secret = {"token": "the.t0ken.of.user"} if mode == "xoauth2" else {"password": "s3cret-word"}
    answer = send(job_for(postfix, "submission", log_file, account="user", authmode=mode, **secret))
    error = failed(answer)
    assert error["diagnosis"]["cause"] == "auth-mechanism-unavailable"
    assert mode.upper() in error["message"]
    assert "PLAIN" in error["message"] + error["diagnosis"]["evidence"], "names what is offered"
    assert_hidden(answer, log_file, *secret.values())


class TestCertificate:
    """EXTERNAL (RFC 4422 appendix A): the client's certificate is the proof."""

    def job(self, submission: Submission, postfix: Postfix, log_file: Path, **settings: object) -> Job:
        job = Job().put("smtp.logfile", log_file)
        job.server("127.0.0.1", submission.port, security="required", cafile=postfix.pki.ca_file, **settings)
        return job.message(RECIPIENT).send()

    @pytest.mark.parametrize("account", [{}, {"account": "user"}], ids=["no account", "account"])
    @pytest.mark.parametrize("mode", [{"authmode": "external"}, {"authmode": "sasl", "sasl": "EXTERNAL"}], ids=str)
    def test_logs_in(
        self, mode: dict, account: dict, language: str, submission: Submission, postfix: Postfix, send, log_file: Path
    ) -> None:
        client = postfix.pki["client"]
        login = {**mode, **account, "clientcertificate": client.chain, "clientkey": client.key}
        answer = send(self.job(submission, postfix, log_file, **login))
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == "EXTERNAL"
        assert postfix.mailbox().wait_for(answer["report"]["message_id"]).text == "Hello\n"

    def test_key_in_the_same_file(
        self, language: str, submission: Submission, postfix: Postfix, send, log_file: Path, tmp_path: Path
    ) -> None:
        client, both = postfix.pki["client"], tmp_path / "both.pem"
        both.write_bytes(client.chain.read_bytes() + client.key.read_bytes())
        answer = send(self.job(submission, postfix, log_file, authmode="external", clientcertificate=both))
        assert answer["ok"], answer
        assert answer["report"]["auth_mechanism"] == "EXTERNAL"

    @pytest.mark.parametrize("name", ["client-other-issuer", None])
    def test_unknown_certificate(
        self, name: str | None, language: str, submission: Submission, postfix: Postfix, send, log_file: Path
    ) -> None:
        client = postfix.pki[name] if name else None
        login = {"clientcertificate": client.chain, "clientkey": client.key} if client else {}
        error = failed(send(self.job(submission, postfix, log_file, authmode="external", account="user", **login)))
        assert error["reply_code"] == 535
        assert error["diagnosis"]["cause"] == "auth-failed"

    @pytest.mark.parametrize("missing", ["clientcertificate", "clientkey"])
    def test_missing_file(
        self, missing: str, language: str, submission: Submission, postfix: Postfix, send, log_file: Path
    ) -> None:
        client = postfix.pki["client"]
        login = {"clientcertificate": client.chain, "clientkey": client.key, missing: "/no/such/file.pem"}
        answer = send(self.job(submission, postfix, log_file, authmode="external", **login))
        assert not answer["ok"], answer
        assert answer["error"]["kind"] == "file-io"
        assert missing in answer["error"]["field"].lower()
