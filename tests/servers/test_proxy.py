"""Mail through proxies that really relay: what they are asked for, who logs in, and what their refusals become."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.driver import Answer, Job
from harness.pki import Pki
from harness.process import LOOPBACK, free_port
from harness.proxy import KINDS, Behaviour, Proxy
from harness.scripted import Hear, Message, Say, Step, Tls

# A name that nobody here can resolve: the proxy must be asked for it.
HOST = "mail.behind.test"
GREETING = Say(b"220 mail.test ESMTP\r\n")
EHLO: list[Step] = [Hear("EHLO client.test"), Say(b"250 mail.test\r\n")]
MAIL: list[Step] = [
    Hear("MAIL FROM:<sender@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<recipient@domain.test>"),
    Say(b"250 ok\r\n"),
    Hear("DATA"),
    Say(b"354 go\r\n"),
    Message(),
    Say(b"250 queued\r\n"),
]
SCRIPT: list[Step] = [GREETING, *EHLO, *MAIL]

Start = Callable[..., Proxy]


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of proxy."""
    return str(request.param)


@pytest.fixture
def start(kind: str) -> Iterator[Start]:
    """Starts proxies of that kind."""
    with ExitStack() as stack:
        yield lambda **behaviour: stack.enter_context(KINDS[kind](Behaviour(**behaviour)))


def job_for(host: str, port: int, proxy: str, **settings: object) -> Job:
    job = Job().server(host, port, **{"security": "none", "proxy": proxy, **settings})
    return job.put("smtp.defaultdomain", "client.test").message("recipient@domain.test")


def failure(send, job: Job) -> Answer:
    answer = send(job.send())
    assert not answer["ok"], answer
    error = answer["error"]
    assert (error["kind"], error["stage"]) == ("proxy", "CONNECT"), error
    assert error["diagnosis"]["remedy"], error
    return error


@pytest.mark.parametrize("early", [False, True], ids=["in-turn", "in-one-piece"])
def test_the_proxy_resolves_the_name(early: bool, language: str, serve, send, start: Start) -> None:
    server, proxy = serve(SCRIPT), start(early=early)
    answer = send(job_for(HOST, server.port, proxy.url()).send())
    server.finish()
    assert answer["ok"], answer
    (asked,) = proxy.asked
    assert (asked.host, asked.port, asked.kind, asked.login) == (HOST, server.port, "name", None)
    assert answer["report"]["server"] == f"{HOST}:{server.port}"


@pytest.mark.parametrize(("host", "written", "family"), [(LOOPBACK, LOOPBACK, "ipv4"), ("::1", "::1", "ipv6")])
def test_an_address_stays_one(host: str, written: str, family: str, language: str, serve, send, start: Start) -> None:
    server, proxy = serve(SCRIPT), start()
    assert send(job_for(host, server.port, proxy.url()).send())["ok"]
    server.finish()
    (asked,) = proxy.asked
    assert (asked.host.strip("[]"), asked.kind) == (written, family)


@pytest.mark.parametrize("security", ["required", "implicit"])
def test_tls_ends_at_the_server(security: str, language: str, serve, send, start: Start, pki: Pki) -> None:
    begin: list[Step] = [Tls("good"), GREETING]
    if security == "required":
        offer = Say(b"250-mail.test\r\n250 STARTTLS\r\n")
        begin = [GREETING, EHLO[0], offer, Hear("STARTTLS"), Say(b"220 go\r\n"), Tls("good")]
    server, proxy = serve([*begin, *EHLO, *MAIL]), start()
    job = job_for("localhost", server.port, proxy.url(), security=security, cafile=pki.ca_file)
    answer = send(job.send())
    server.finish()
    assert answer["ok"], answer
    assert answer["report"]["tls"]["certificate_subject"] == "CN=good"


def test_two_messages_share_one_connection(language: str, serve, send, start: Start) -> None:
    server, proxy = serve([*SCRIPT, *MAIL]), start()
    job = job_for(HOST, server.port, proxy.url()).put("repeat", 2)
    assert send(job.send())["sends"] == 2
    server.finish()
    assert len(proxy.asked) == 1


def test_user_and_password(language: str, serve, send, start: Start) -> None:
    server, proxy = serve(SCRIPT), start(login=("us@er", "p:a/s s%"))
    answer = send(job_for(HOST, server.port, proxy.url("us%40er:p%3Aa%2Fs%20s%25")).send())
    server.finish()
    assert answer["ok"], answer
    assert proxy.asked[0].login == ("us@er", "p:a/s s%")


def test_a_wrong_password_is_named_and_never_shown(
    language: str, send, start: Start, log_file: Path, kind: str
) -> None:
    proxy = start(login=("user", "right"))
    job = job_for(HOST, 25, proxy.url("user:hunter22"), security="none").put("smtp.logfile", log_file)
    error = failure(send, job)
    assert error["diagnosis"]["cause"] == "proxy-auth-failed"
    assert "refused the login" in error["message"]
    assert "in Proxy" in error["message"]
    assert not error["is_temporary"]
    assert proxy.asked[0].login == ("user", "hunter22")
    log = log_file.read_text()
    assert "hunter22" not in json.dumps(error) + log
    assert f"Connect through proxy. {LOOPBACK}:{proxy.port}" in log.splitlines()
    if kind == "http":
        assert "407 Proxy Authentication Required" in error["message"]


def test_a_login_that_is_missing_is_asked_for(language: str, send, start: Start) -> None:
    error = failure(send, job_for(HOST, 25, start(login=("user", "right")).url()))
    assert error["diagnosis"]["cause"] == "proxy-auth-failed"
    assert "asks for a login" in error["message"]


REFUSALS = {
    ("socks5", 1): ("general failure", True),
    ("socks5", 2): ("rules do not allow", False),
    ("socks5", 4): ("server unreachable", True),
    ("socks5", 5): ("server refused the proxy's connection", True),
    ("socks5", 8): ("kind of address", False),
    ("http", 403): ("403 No Way", False),
    ("http", 503): ("503 No Way", True),
}


@pytest.mark.parametrize(("proxy_kind", "code"), list(REFUSALS))
def test_each_refusal_has_its_sentence(proxy_kind: str, code: int, language: str, send) -> None:
    words, temporary = REFUSALS[proxy_kind, code]
    with KINDS[proxy_kind](Behaviour(refusal=code)) as proxy:
        error = failure(send, job_for(HOST, 25, proxy.url()))
    assert error["diagnosis"]["cause"] == "proxy-refused"
    assert words in error["message"]
    assert error["is_temporary"] is temporary


def test_a_proxy_that_hangs_or_closes(language: str, send, start: Start) -> None:
    error = failure(send, job_for(HOST, 25, start(hang=True).url(), timeout=1))
    assert (error["diagnosis"]["cause"], "did not answer in time" in error["message"]) == ("proxy-failed", True)
    error = failure(send, job_for(HOST, 25, start(close=True).url()))
    assert (error["diagnosis"]["cause"], "closed the connection" in error["message"]) == ("proxy-failed", True)


def test_a_proxy_of_the_other_kind_and_none(language: str, send, start: Start, kind: str) -> None:
    proxy = start()
    other = "http" if kind == "socks5" else "socks5"
    error = failure(send, job_for(HOST, 25, f"{other}://{LOOPBACK}:{proxy.port}"))
    assert error["diagnosis"]["cause"] == "proxy-failed"
    closed = free_port()
    error = failure(send, job_for(HOST, 25, f"{kind}://{LOOPBACK}:{closed}"))
    assert error["diagnosis"]["cause"] == "proxy-failed"
    assert "the proxy can't be reached" in error["message"]
    assert str(closed) in error["message"]


def test_the_next_server_is_tried(language: str, serve, send, start: Start) -> None:
    server = serve(SCRIPT)
    first = job_for(HOST, 25, start(close=True).url())
    answer = send(first.server(LOOPBACK, server.port, security="none").send())
    server.finish()
    assert answer["ok"], answer
    assert any("proxy" in warning for warning in answer["report"]["warnings"])


def test_the_local_address_is_that_of_the_way_to_the_proxy(language: str, serve, send, start: Start) -> None:
    server, proxy = serve(SCRIPT), start()
    assert send(job_for(HOST, server.port, proxy.url(), localendpoint="127.0.0.2").send())["ok"]
    server.finish()
    assert proxy.asked[0].peer == "127.0.0.2"


def test_behind_a_proxy_no_server_counts_as_this_machine(language: str, serve, send, start: Start) -> None:
    offer = Say(b"250-mail.test\r\n250 AUTH CRAM-MD5\r\n")
    server, proxy = serve([GREETING, EHLO[0], offer]), start()
    job = job_for("localhost", server.port, proxy.url(), account="user", password="hunter22")
    answer = send(job.send())
    server.finish()
    assert answer["error"]["kind"] == "authentication", answer
    assert answer["error"]["diagnosis"]["cause"] == "tls-required"
    assert b"AUTH" not in server.received


@pytest.mark.parametrize(
    "url", ["proxy.test:1080", "https://hunter22@p", "socks5://u:hunter22@", "http://a:0", "http://a b"]
)
def test_what_is_no_proxy_is_bad_input(url: str, language: str, send) -> None:
    answer = send(job_for(HOST, 25, url).send())
    error = answer["error"]
    assert (error["kind"], error["field"].split(".")[-1]) == ("message", "Proxy")
    assert "hunter22" not in json.dumps(answer)
