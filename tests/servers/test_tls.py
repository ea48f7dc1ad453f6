"""Certificates, good and bad, under STARTTLS and implicit TLS: each error says which check failed."""

import pytest

from harness.driver import Job
from harness.pki import Pki
from harness.scripted import Hear, Message, Say, Step, Tls

CAUSES = {
    "expired": "certificate-expired",
    "wrong-name": "certificate-wrong-name",
    "self-signed": "certificate-untrusted",
    "other-issuer": "certificate-untrusted",
}
STARTTLS: list[Step] = [
    Say(b"220 mail.test ESMTP\r\n"),
    Hear("EHLO client.test"),
    Say(b"250-mail.test\r\n250 STARTTLS\r\n"),
    Hear("STARTTLS"),
    Say(b"220 go\r\n"),
]
TRANSACTION: list[Step] = [
    Hear("EHLO client.test"),
    Say(b"250 mail.test\r\n"),
    Hear("MAIL FROM:<sender@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<recipient@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go\r\n"),
    Message(),
    Say(b"250 queued\r\n"),
]


def job_for(port: int, security: str, **settings: object) -> Job:
    job = Job().server("127.0.0.1", port, security=security, **settings)
    return job.put("smtp.defaultdomain", "client.test").message("recipient@domain.test").send()


def script(security: str, certificate: str, *, verified: bool) -> list[Step]:
    """What the server does; a client that does not trust it must say nothing after the handshake."""
    begin = [*STARTTLS, Tls(certificate)] if security == "required" else [Tls(certificate)]
    greeting: list[Step] = [Say(b"220 mail.test ESMTP\r\n")] if security == "implicit" else []
    return [*begin, *greeting, *TRANSACTION] if verified else begin


@pytest.mark.parametrize("security", ["required", "implicit"])
@pytest.mark.parametrize("certificate", CAUSES)
def test_bad_certificate(certificate: str, security: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script(security, certificate, verified=False))
    answer = send(job_for(server.port, security, cafile=pki.ca_file))
    server.finish()
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["stage"]) == ("tls", "STARTTLS")
    assert error["diagnosis"]["cause"] == CAUSES[certificate]
    assert error["diagnosis"]["remedy"]
    assert not any(b"MAIL" in connection.received for connection in server.connections)


@pytest.mark.parametrize("security", ["required", "implicit"])
def test_good_certificate(security: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script(security, "good", verified=True))
    answer = send(job_for(server.port, security, cafile=pki.ca_file))
    server.finish()
    assert answer["ok"], answer
    assert answer["report"]["tls"] is not None
    assert server.connections[0].tls_version in ("TLSv1.2", "TLSv1.3")


def test_own_ca_is_needed(language: str, serve, send) -> None:
    server = serve(script("implicit", "good", verified=False))
    answer = send(job_for(server.port, "implicit"))
    server.finish()
    assert not answer["ok"], answer
    assert answer["error"]["diagnosis"]["cause"] == "certificate-untrusted"


def test_verification_off_by_a_name_that_says_so(language: str, serve, send) -> None:
    server = serve(script("implicit", "self-signed", verified=True))
    answer = send(job_for(server.port, "implicit", dangeracceptinvalidcerts=True))
    server.finish()
    assert answer["ok"], answer


def test_the_name_to_expect_can_be_given(language: str, serve, send, pki: Pki) -> None:
    server = serve(script("implicit", "wrong-name", verified=True))
    answer = send(job_for(server.port, "implicit", cafile=pki.ca_file, tlsservername="mail.elsewhere.test"))
    server.finish()
    assert answer["ok"], answer
