"""The servers that know how to log in, proven with clients that are none of ours: a login that fails is our fault."""

import os
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.dovecot import ACCOUNTS, QUOTED, TOKEN_MECHANISMS, UMLAUT, USER, Account, token
from harness.pki import Pki
from harness.postfix import DOMAIN, Postfix
from harness.sasl import ScramServer, encode, scram_login
from harness.scripted import Hear, Say, ScriptedServer, Tls
from harness.submission import Submission

# What gsasl and libntlm cannot: escape quotes in DIGEST-MD5, and other than short ASCII names in NTLM.
SKIPPED = {("DIGEST-MD5", QUOTED), ("DIGEST-MD5", UMLAUT), ("NTLM", UMLAUT), ("NTLM", ACCOUNTS[-1])}
COMMON = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
CASES = [
    (service, mechanism, account)
    for service, mechanisms in (("auth", (*COMMON, "ANONYMOUS")), ("cyrus", (*COMMON, "NTLM")))
    for mechanism in mechanisms
    for account in ACCOUNTS
    if (mechanism, account) not in SKIPPED
]


@contextmanager
def session(port: int) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Says lines and hears replies, in clear text."""
    smtp = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20)
    smtp.ehlo()

    def say(line: str) -> tuple[int, str]:
        code, text = smtp.docmd(line)
        return code, text.decode()

    yield say
    smtp.close()


def gsasl(port: int, mechanism: str, account: Account, realm: str) -> str:
    """The conversation of GNU SASL's client."""
    if shutil.which("gsasl") is None:
        pytest.skip("gsasl is not installed")
    credentials = ["-a", account.user, "-z", account.user, "-p", account.password, "-n", "trace", "-r", realm]
    where = ["--smtp", "--no-starttls", "--no-cb", "--quiet", f"--connect=127.0.0.1:{port}"]
    done = subprocess.run(
        ["gsasl", "-m", mechanism, *credentials, *where],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(("service", "mechanism", "account"), CASES)
def test_gsasl_logs_in(service: str, mechanism: str, account: Account, postfix: Postfix) -> None:
    realm = "cyrus.test" if service == "cyrus" else ""
    said = gsasl(postfix.port(service), mechanism, account, realm)
    assert "\n235 " in said, said
    if mechanism != "ANONYMOUS":
        assert "\n535 " in gsasl(postfix.port(service), mechanism, Account(account.user, "wrong"), realm)


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"])
def test_scram_logs_in(mechanism: str, account: Account, postfix: Postfix) -> None:
    with session(postfix.port("cyrus")) as say:
        assert scram_login(say, mechanism, account) == 235
    with session(postfix.port("cyrus")) as say:
        assert scram_login(say, mechanism, Account(account.user, "wrong")) == 535


@pytest.mark.parametrize("mechanism", ["SCRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_server_knows_right_from_wrong(mechanism: str, serve: Callable[..., ScriptedServer]) -> None:
    for account, code in ((USER, 235), (Account("user", "wrong"), 535)):
        scram = ScramServer(mechanism, USER)
        steps = scram.steps() if code == 235 else scram.steps()[:2]
        server = serve([Say(b"220 x\r\n"), Hear("ehlo client.test"), Say(b"250 x\r\n"), *steps])
        with session(server.port) as say:
            assert scram_login(say, mechanism, account) == code
        server.finish()
        assert scram.accepted == (code == 235)


@pytest.mark.parametrize("length", [0, 3000])
@pytest.mark.parametrize("mechanism", TOKEN_MECHANISMS)
def test_token_logs_in(mechanism: str, length: int, postfix: Postfix) -> None:
    for key, code in ((token("user", length=length), 235), (token("user", key=b"another", length=length), 334)):
        start = "user=user\1" if mechanism == "XOAUTH2" else "n,a=user,\1"
        with session(postfix.port("auth")) as say:
            assert say(f"AUTH {mechanism}")[0] == 334
            assert say(encode(f"{start}auth=Bearer {key}\1\1"))[0] == code
    if length:
        # What a client that does not wait for the challenge would see.
        with session(postfix.port("auth")) as say:
            assert say(f"AUTH {mechanism} {encode('x' * length)}")[0] == 535


@pytest.mark.parametrize(("name", "code"), [("client", 235), ("client-other-issuer", 535), (None, 535)])
def test_certificate_logs_in(name: str | None, code: int, submission: Submission, postfix: Postfix, pki: Pki) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca_file))
    if name:
        context.load_cert_chain(pki[name].chain, pki[name].key)
    with smtplib.SMTP("127.0.0.1", submission.port, local_hostname="client.test", timeout=20) as smtp:
        smtp.starttls(context=context)
        smtp.ehlo()
        assert smtp.docmd("AUTH", "EXTERNAL =")[0] == code
        if code == 235:
            message_id = "<external@harness.test>"
            smtp.sendmail("a@b.test", [f"user@{DOMAIN}"], f"Message-ID: {message_id}\r\n\r\nText\r\n")
            assert postfix.mailbox().wait_for(message_id).text == "Text\n"


def test_certificate_is_what_the_server_shows(pki: Pki, serve: Callable[..., ScriptedServer]) -> None:
    for name in ("good", "sha384"):
        server = serve([Tls(name)])
        shown = ssl.get_server_certificate(("127.0.0.1", server.port))
        server.finish()
        assert ssl.PEM_cert_to_DER_cert(shown) == pki[name].der()
        # The OID of ecdsa-with-SHA256 or -SHA384 (RFC 5758).
        oid = {"good": "2a8648ce3d040302", "sha384": "2a8648ce3d040303"}[name]
        assert bytes.fromhex(oid) in pki[name].der()
