"""Trouble before the first reply: each has its own cause, and nothing hangs."""

from harness.driver import Answer, Job
from harness.postfix import Postfix
from harness.process import free_port
from harness.scripted import Silence


def error_of(send, host: str, port: int, **settings: object) -> Answer:
    answer = send(Job().server(host, port, **settings).message("recipient@domain.test").send())
    assert not answer["ok"], answer
    return answer["error"]


def test_closed_port(language: str, send) -> None:
    port = free_port()
    error = error_of(send, "127.0.0.1", port, security="none")
    assert (error["kind"], error["stage"]) == ("connect", "CONNECT")
    assert error["diagnosis"]["cause"] == "connect-refused"
    assert error["is_temporary"]
    assert error["server"] == f"127.0.0.1:{port}"


def test_a_port_that_takes_connections_and_never_greets(language: str, serve, send) -> None:
    server = serve([Silence()])
    error = error_of(send, "127.0.0.1", server.port, security="none", timeout=1)
    assert (error["kind"], error["stage"]) == ("timeout", "CONNECT")
    assert error["diagnosis"]["cause"] == "greeting-timeout"
    assert error["is_temporary"]


def test_unresolvable_name(language: str, send) -> None:
    error = error_of(send, "nonexistent.invalid", 25, security="none")
    assert (error["kind"], error["stage"]) == ("dns", "RESOLVE")
    assert error["diagnosis"]["cause"] == "dns-failed"
    assert "nonexistent.invalid" in error["message"] + error["diagnosis"]["summary"]


def test_tls_on_a_plain_port(language: str, postfix: Postfix, send) -> None:
    error = error_of(send, "127.0.0.1", postfix.port("plain"), security="implicit", cafile=postfix.pki.ca_file)
    assert (error["kind"], error["stage"]) == ("tls", "STARTTLS")
    assert error["diagnosis"]["cause"] == "tls-on-plain-port"


def test_plain_text_on_a_tls_port(language: str, postfix: Postfix, send) -> None:
    # The server waits for the client's handshake, the client for the greeting: the timeout must end it.
    error = error_of(send, "127.0.0.1", postfix.port("smtps"), security="none", timeout=2)
    assert error["stage"] == "CONNECT"
    assert error["diagnosis"]["cause"] in ("plain-on-tls-port", "greeting-timeout")
