"""`Check` in every language: the same report of the same server."""

import re
from typing import Any

import pytest

from harness import driver
from harness.driver import Answer, Job
from harness.nameserver import NameServer, Zone
from harness.postfix import DOMAIN, Postfix
from harness.proxy import Socks5
from harness.scripted import Hear, Say, Step

ZONE: Zone = {
    ("own.test", "MX"): ["10 mail.own.test."],
    ("mail.own.test", "A"): ["192.0.2.1"],
    ("own.test", "TXT"): ['"v=spf1 mx include:gone.test -all"'],
    ("_dmarc.own.test", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("s1._domainkey.own.test", "TXT"): ['"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'],
    ("same.machine.test", "A"): ["127.0.0.1"],
    (DOMAIN, "MX"): [f"1 mail.{DOMAIN}."],
    (f"mail.{DOMAIN}", "A"): ["192.0.2.1"],
}
OPENING: list[Step] = [
    Say(b"220 mx.isp.test ESMTP gr\xc3\xbc\xc3\x9fe\r\n"),
    Hear("EHLO client.test"),
    Say(b"250-mx.isp.test\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 1000000\r\n"),
]
ENVELOPE: list[Step] = [
    Hear("MAIL FROM:<me@own.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<a@own.test>"),
    Say(b"250 ok\r\n"),
    Hear("RCPT TO:<b@other.test>"),
    Say(b"554 5.7.1 <b@other.test>: Relay access denied\r\n"),
    Hear("RSET"),
    Say(b"250 ok\r\n"),
]


def job_for(port: int, name_server: NameServer, **server: object) -> Job:
    """A check with nothing but the server."""
    job = Job().server("127.0.0.1", port, **server).put("smtp.defaultdomain", "client.test")
    return job.put("check.dns", name_server.address)


def comparable(answer: Answer, port: int) -> dict[str, Any]:
    """A report without what differs from run to run."""
    assert answer["ok"], answer
    check = answer["check"]
    for step in check["steps"]:
        step["facts"] = [fact for fact in step["facts"] if fact["name"] != "milliseconds"]
    check["text"] = re.sub(r"\d+ ms", "N ms", check["text"])

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.replace(str(port), "PORT") if isinstance(value, str) else value

    result: dict[str, Any] = plain(check)
    # The number of digits of a port decides where its line ends.
    result["text"] = " ".join(result["text"].split())
    return result


def checked(language: str, serve) -> dict[str, Any]:
    """What this language says of a server that refuses a recipient, and of a domain with faults."""
    server = serve([*OPENING, *ENVELOPE])
    with NameServer(ZONE) as name_server:
        job = job_for(server.port, name_server)
        for key, value in {
            "from": "me@own.test",
            "to": "a@own.test",
            "dkimselector": "s1",
            "outgoingip": "203.0.113.9",
            "timeout": 60,
        }.items():
            job.put(f"check.{key}", value)
        answer = driver.run_one(language, job.put("check.to", "b@other.test").put("check"))
    server.finish()
    return comparable(answer, server.port)


def test_every_language_gives_the_same_report(language: str, serve) -> None:
    expected, found = checked("rust", serve), checked(language, serve)
    assert found == expected
    statuses = {step["name"]: step["status"] for step in found["steps"]}
    assert list(statuses.items()) == [
        ("dns", "ok"),
        ("connect", "ok"),
        ("greeting", "ok"),
        ("ehlo", "ok"),
        ("tls", "skipped"),
        ("auth", "skipped"),
        ("envelope", "failed"),
        ("limits", "ok"),
        ("mx", "ok"),
        ("spf", "failed"),
        ("dkim", "ok"),
        ("dmarc", "ok"),
    ]
    assert found["status"] == "failed"
    assert {"name": "address", "value": "b@other.test"} in found["steps"][6]["facts"]
    assert "FAILED Envelope" in found["text"]


@pytest.mark.parametrize(
    ("greeting", "status", "cause"),
    [
        ("mx.isp.test", "warning", "redirected-port"),
        ("mx7.own.test", "ok", None),
        ("same.machine.test", "ok", None),
    ],
)
def test_the_greeting_of_another_host(language: str, serve, greeting: str, status: str, cause: str | None) -> None:
    server = serve(
        [Say(f"220 {greeting} ESMTP\r\n".encode()), Hear("EHLO client.test"), Say(f"250 {greeting}\r\n".encode())]
    )
    with NameServer(ZONE) as name_server:
        job = job_for(server.port, name_server, tlsservername="mail.own.test").put("check")
        answer = driver.run_one(language, job)
    server.finish()
    step = next(step for step in answer["check"]["steps"] if step["name"] == "greeting")
    assert step["status"] == status
    assert (step["diagnosis"] and step["diagnosis"]["cause"]) == cause
    if cause:
        assert step["diagnosis"]["who"] == "network"
        assert greeting in step["summary"]


def test_a_certificate_proves_who_answers(language: str, postfix: Postfix) -> None:
    """Postfix calls itself `mail.example.test`, and its certificate is for this host."""
    with NameServer(ZONE) as name_server:
        job = job_for(postfix.port("relay"), name_server, security="required", cafile=postfix.pki.ca_file)
        answer = driver.run_one(language, job.put("check.from", f"user@{DOMAIN}").put("check"))
    steps = {step["name"]: step for step in answer["check"]["steps"]}
    assert steps["greeting"]["status"] == "ok"
    assert steps["tls"]["status"] == "ok"
    assert {"name": "verified", "value": "yes"} in steps["tls"]["facts"]


def test_behind_a_proxy_nothing_is_looked_up_or_reached_from_here(language: str, serve) -> None:
    server = serve([Say(b"220 mail.own.test ESMTP\r\n"), Hear("EHLO client.test"), Say(b"250 mail.own.test\r\n")])
    with NameServer(ZONE) as name_server, Socks5() as proxy:
        job = job_for(server.port, name_server, proxy=proxy.url(), security="opportunistic")
        answer = driver.run_one(language, job.put("check"))
    server.finish()
    steps = {step["name"]: step for step in answer["check"]["steps"]}
    assert steps["dns"]["status"] == "skipped"
    assert (steps["connect"]["status"], steps["connect"]["facts"]) == ("ok", [])
    assert steps["greeting"]["status"] == "ok"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"from": "nonsense"}, "From"),
        ({"to": "a@b.test"}, "From"),
        ({"outgoingip": "localhost"}, "OutgoingIp"),
        ({"dns": "ns.own.test"}, "Dns"),
        ({"from": "a@b.test", "dkimselector": "a b"}, "DkimSelector"),
        ({"server": 1}, "Server"),
    ],
)
def test_bad_options_are_named(language: str, options: dict[str, object], field: str) -> None:
    job = Job().server("127.0.0.1", 1)
    for key, value in options.items():
        job.put(f"check.{key}", value)
    answer = driver.run_one(language, job.put("check"))
    assert not answer["ok"], answer
    assert (answer["error"]["kind"], answer["error"]["field"]) == ("message", field)
