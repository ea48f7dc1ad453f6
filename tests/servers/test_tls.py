"""Certificates, good and bad, under STARTTLS and implicit TLS: each error says which check failed."""

import ssl
import subprocess

import pytest

from harness.driver import Job
from harness.pki import Pki
from harness.scripted import Hear, Message, Part, Say, Silence, Step, Tls

# What is wrong with each: the cause, and the facts that the error must tell.
FAULTS = {
    "expired": ("certificate-expired", "expired on 2020-02-01"),
    "not-yet-valid": ("certificate-expired", "is not valid before 2090-01-01"),
    "wrong-name": ("certificate-wrong-name", "is issued for mail.elsewhere.test, not for 127.0.0.1"),
    "self-signed": ("certificate-untrusted", "is self-signed: CN=self-signed"),
    "other-issuer": ("certificate-untrusted", "is signed by an issuer that this computer does not trust: CN=other-ca"),
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
@pytest.mark.parametrize("certificate", FAULTS)
def test_bad_certificate(certificate: str, security: str, language: str, serve, send, pki: Pki) -> None:
    once = script(security, certificate, verified=False)
    # The second connection looks at the certificate.
    server = serve(once, once)
    answer = send(job_for(server.port, security, cafile=pki.ca_file, account="user", password="secret"))
    server.finish()
    assert not answer["ok"], answer
    error = answer["error"]
    cause, facts = FAULTS[certificate]
    assert (error["kind"], error["stage"]) == ("tls", "STARTTLS")
    assert error["diagnosis"]["cause"] == cause
    assert facts in error["message"]
    assert error["diagnosis"]["remedy"]
    assert server.connections[0].tls_failure is not None
    if security == "implicit":
        assert not server.connections[1].received
    else:
        assert server.connections[1].lines == ["EHLO client.test", "STARTTLS"]
    assert not any(b"MAIL" in connection.received for connection in server.connections)


@pytest.mark.parametrize("security", ["required", "implicit"])
def test_good_certificate(security: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script(security, "good", verified=True))
    answer = send(job_for(server.port, security, cafile=pki.ca_file))
    server.finish()
    assert answer["ok"], answer
    tls = answer["report"]["tls"]
    assert tls["version"] == server.connections[0].tls_version
    assert tls["cipher"].startswith("TLS_")
    assert tls["certificate_subject"] == "CN=good"
    assert tls["certificate_not_after"] == not_after(pki)


def not_after(pki: Pki) -> int:
    asked = ("openssl", "x509", "-in", str(pki["good"].chain), "-noout", "-enddate")
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return int(ssl.cert_time_to_seconds(said.removeprefix("notAfter=")))


def test_a_ca_may_be_given_as_text(language: str, serve, send, pki: Pki) -> None:
    server = serve(script("implicit", "good", verified=True))
    answer = send(job_for(server.port, "implicit", capem=pki.ca_file.read_text()))
    server.finish()
    assert answer["ok"], answer
    answer = send(job_for(server.port, "implicit", capem="no certificate"))
    assert answer["error"]["field"].split(".")[-1] == "CaPem"


def test_several_faults_are_told_at_once(language: str, serve, send) -> None:
    server = serve(*[script("implicit", "expired", verified=False)] * 2)
    answer = send(job_for(server.port, "implicit", tlsservername="mail.other.test"))
    server.finish()
    message = answer["error"]["message"]
    assert "does not trust: CN=ca" in message
    assert "it also expired on 2020-02-01" in message
    assert "it also is issued for localhost, 127.0.0.1, ::1, not for mail.other.test" in message


def test_own_ca_is_needed(language: str, serve, send) -> None:
    server = serve(*[script("implicit", "good", verified=False)] * 2)
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


@pytest.mark.parametrize("form", ["hex", "colons", "cert", "key", "curl", "one-of-two"])
def test_a_pin_that_fits(form: str, language: str, serve, send, pki: Pki) -> None:
    certificate, key = pki["good"].pins()
    pins = {
        "hex": certificate,
        "colons": ":".join(certificate[at : at + 2] for at in range(0, 64, 2)).upper(),
        "cert": f"cert-sha256:{certificate}",
        "key": f"sha256/{key}",
        "curl": f"sha256//{key}",
        "one-of-two": f"{'00' * 32},{key}",
    }[form]
    server = serve(script("required", "good", verified=True))
    answer = send(job_for(server.port, "required", cafile=pki.ca_file, certificatepins=pins))
    server.finish()
    assert answer["ok"], answer


@pytest.mark.parametrize("of", ["neither", "key-as-certificate", "certificate-as-key"])
def test_a_pin_that_does_not_fit(of: str, language: str, serve, send, pki: Pki) -> None:
    certificate, key = pki["good"].pins()
    pin = {
        "neither": "00" * 32,
        "key-as-certificate": f"cert-sha256:{key}",
        "certificate-as-key": f"sha256/{certificate}",
    }[of]
    server = serve(script("implicit", "good", verified=False))
    answer = send(job_for(server.port, "implicit", cafile=pki.ca_file, certificatepins=pin))
    server.finish()
    error = answer["error"]
    assert (error["kind"], error["diagnosis"]["cause"]) == ("tls", "certificate-not-pinned")
    assert f"sha256/{key}" in error["message"]
    assert f"cert-sha256:{certificate}" in error["message"]
    assert not server.received


def test_a_pin_replaces_no_other_check(language: str, serve, send, pki: Pki) -> None:
    pin, _ = pki["expired"].pins()
    server = serve(*[script("implicit", "expired", verified=False)] * 2)
    answer = send(job_for(server.port, "implicit", cafile=pki.ca_file, certificatepins=pin))
    server.finish()
    assert answer["error"]["diagnosis"]["cause"] == "certificate-expired"


@pytest.mark.parametrize("right", [True, False])
def test_a_pin_is_the_check_when_all_others_are_off(right: bool, language: str, serve, send, pki: Pki) -> None:
    pin = pki["self-signed"].pins()[1] if right else "00" * 32
    server = serve(script("implicit", "self-signed", verified=right))
    answer = send(job_for(server.port, "implicit", dangeracceptinvalidcerts=True, certificatepins=pin))
    server.finish()
    assert answer["ok"] is right, answer
    if not right:
        assert answer["error"]["diagnosis"]["cause"] == "certificate-not-pinned"


def test_what_is_no_pin_is_bad_input(language: str, send) -> None:
    answer = send(job_for(25, "implicit", certificatepins="sha256/short"))
    assert (answer["error"]["kind"], answer["error"]["field"].split(".")[-1]) == ("message", "CertificatePins")


@pytest.mark.parametrize("asking", ["asking", "asking-tls12"])
@pytest.mark.parametrize("security", ["required", "implicit"])
def test_a_client_certificate_that_is_missing(security: str, asking: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script(security, asking, verified=False))
    error = send(job_for(server.port, security, cafile=pki.ca_file))["error"]
    server.finish()
    assert (error["kind"], error["stage"]) == ("tls", "STARTTLS"), error
    assert error["diagnosis"]["cause"] == "client-certificate-refused"
    assert "the server asks for a client certificate" in error["message"]
    assert "ClientCertificate" in error["message"]


@pytest.mark.parametrize("asking", ["asking", "asking-tls12"])
def test_a_client_certificate_of_an_unknown_issuer(asking: str, language: str, serve, send, pki: Pki) -> None:
    client = pki["client-other-issuer"]
    server = serve(script("implicit", asking, verified=False))
    settings = {"clientcertificate": client.chain, "clientkey": client.key, "authmode": "none"}
    error = send(job_for(server.port, "implicit", cafile=pki.ca_file, **settings))["error"]
    server.finish()
    assert (error["kind"], error["diagnosis"]["cause"]) == ("tls", "client-certificate-refused"), error
    assert "the server refused the client certificate" in error["message"]


@pytest.mark.parametrize("password", ["", "p4ss wörd"])
def test_a_client_certificate_in_pkcs12(password: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script("implicit", "asking", verified=True))
    settings = {"clientcertificate": pki["client"].pkcs12(password), "authmode": "none"}
    if password:
        settings["clientcertificatepassword"] = password
    answer = send(job_for(server.port, "implicit", cafile=pki.ca_file, **settings))
    server.finish()
    assert answer["ok"], answer


@pytest.mark.parametrize("password", ["", "wrong"])
def test_the_password_of_pkcs12_is_asked_for(password: str, language: str, serve, send, pki: Pki) -> None:
    settings = {"clientcertificate": pki["client"].pkcs12("p4ss wörd"), "cafile": pki.ca_file}
    if password:
        settings["clientcertificatepassword"] = password
    server = serve()
    error = send(job_for(server.port, "implicit", **settings))["error"]
    server.finish()
    assert (error["kind"], error["field"].split(".")[-1]) == ("file-io", "ClientCertificatePassword")
    assert ("another password" if password else "set it too") in error["message"]


@pytest.mark.parametrize("security", ["required", "implicit"])
def test_a_server_that_knows_only_old_tls(security: str, language: str, serve, send, pki: Pki) -> None:
    server = serve(script(security, "tls11", verified=False))
    error = send(job_for(server.port, security, cafile=pki.ca_file))["error"]
    server.finish()
    assert (error["kind"], error["stage"], error["diagnosis"]["cause"]) == ("tls", "STARTTLS", "tls-failed")
    assert "the server offers no TLS version from 1.2 on" in error["message"]
    assert "MinTlsVersion" in error["message"]
    assert "TLS 1.2" in error["diagnosis"]["remedy"]


def test_an_alert_is_named(language: str, serve, send, pki: Pki, tls_contexts: dict[str, ssl.SSLContext]) -> None:
    # The only cipher suite is one that no client offers.
    odd = pki["good"].context()
    odd.maximum_version = ssl.TLSVersion.TLSv1_2
    odd.set_ciphers("ECDHE-RSA-AES128-SHA")
    tls_contexts["no-common-cipher"] = odd
    server = serve(script("implicit", "no-common-cipher", verified=False))
    error = send(job_for(server.port, "implicit", cafile=pki.ca_file))["error"]
    server.finish()
    assert (error["kind"], error["diagnosis"]["cause"]) == ("tls", "tls-failed")
    assert "alert handshake_failure, 40" in error["message"]


def test_tls_to_a_plain_port_shows_what_was_said(language: str, serve, send) -> None:
    server = serve([Say(b"220 mail.test ESMTP plain\r\n"), Silence()])
    error = send(job_for(server.port, "implicit"))["error"]
    server.finish()
    assert error["diagnosis"]["cause"] == "tls-on-plain-port"
    assert "220 mail.test ESMTP plain" in error["message"]


def test_plain_text_in_place_of_the_tls_that_was_offered(language: str, serve, send) -> None:
    """The port is the right one: whoever runs the server has to mend what it offers."""
    server = serve([*STARTTLS, Part(11), Say(b"454 4.7.0 TLS is not to be had after all\r\n"), Silence()])
    error = send(job_for(server.port, "required"))["error"]
    server.finish()
    assert (error["kind"], error["stage"], error["diagnosis"]["cause"]) == ("tls", "STARTTLS", "tls-failed")
    assert "454 4.7.0 TLS is not to be had" in error["message"]
