"""`freesmtp check --from`: the records of the sender's domain, judged for the outgoing address."""

import base64
import subprocess
from collections.abc import Callable

import pytest

from command.test_check import EHLO, GREETING, OK, PLAIN, REFUSED, Checked, check, run
from harness.nameserver import Fault, NameServer, Zone
from harness.process import LOOPBACK
from harness.scripted import Hear, Say

FROM = "me@own.test"
MX: Zone = {("own.test", "MX"): ["10 mail.own.test.", "5 first.own.test."], ("mail.own.test", "A"): ["192.0.2.1"]}
FIRST: Zone = {("first.own.test", "AAAA"): ["2001:db8::1"]}
DMARC: Zone = {("_dmarc.own.test", "TXT"): ['"v=DMARC1; p=reject"']}


def txt(text: str) -> str:
    """A TXT record; a long text in several strings."""
    return " ".join(f'"{text[i : i + 200]}"' for i in range(0, len(text), 200))


def spf(text: str) -> Zone:
    """A domain that is all well but for this record."""
    return {**MX, **FIRST, **DMARC, ("own.test", "TXT"): [txt("some-verification=1"), txt(text)]}


def rsa_key(bits: int) -> str:
    """The public half of a new key, as it goes into p=."""
    key = subprocess.run(["openssl", "genrsa", str(bits)], capture_output=True, check=True).stdout
    public = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    return base64.b64encode(subprocess.run(public, input=key, capture_output=True, check=True).stdout).decode()


Judge = Callable[..., Checked]


@pytest.fixture
def judge(serve) -> Judge:
    """Checks a domain with a server that takes everything."""

    def against(zone: Zone, *arguments: object, sender: str = FROM) -> Checked:
        server = serve(
            [GREETING, EHLO, PLAIN, Hear(f"MAIL FROM:<{sender}>"), Say(b"250 ok\r\n"), Hear("RSET"), Say(b"250 ok\r\n")]
        )
        checked = check(f"{LOOPBACK}:{server.port}", "--from", sender, *arguments, zone=zone)
        server.finish()
        return checked

    return against


# ------------------------------------------------------------------------------------------------------------- SPF


@pytest.mark.parametrize(
    ("record", "address", "result", "status", "term"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.7", "pass", "ok", "ip4:192.0.2.0/24"),
        ("v=spf1 mx -all", "2001:db8::1", "pass", "ok", "mx"),
        ("v=spf1 mx -all", "192.0.2.2", "fail", "failed", "-all"),
        ("v=spf1 mx ~all", "192.0.2.2", "softfail", "warning", "~all"),
        ("v=spf1 mx ?all", "192.0.2.2", "neutral", "warning", "?all"),
        ("v=spf1 mx", "192.0.2.2", "neutral", "warning", None),
        ("v=spf1 foo -all", "192.0.2.2", "permerror", "failed", None),
        ("v=spf2 -all", "192.0.2.2", "none", "warning", None),
        ("v=spf1 include:gone.test -all", "192.0.2.2", "permerror", "failed", "include:gone.test"),
    ],
)
def test_spf(judge: Judge, record: str, address: str, result: str, status: str, term: str | None) -> None:
    checked = judge(spf(record), "--outgoing-ip", address)
    step = checked.step("spf")
    assert (checked.facts("spf")["result"], step["status"]) == ([result], status)
    assert checked.facts("spf").get("term", [None]) == [term]
    assert checked.exit == (REFUSED if status == "failed" else OK)
    assert (step["diagnosis"] is None) == (status == "ok")
    if result == "fail":
        assert checked.cause("spf") == "domain-auth-failed"
        assert f"v=spf1 mx ip4:{address} -all" in step["diagnosis"]["remedy"]


def test_a_private_address_is_not_judged_but_the_record_is_read(judge: Judge) -> None:
    checked = judge(spf("v=spf1 mx -all"))
    assert checked.facts("spf")["result"] == ["unknown"]
    assert checked.step("spf")["status"] == "ok"
    assert "127.0.0.1 is private" in checked.step("spf")["summary"]
    broken = judge(spf("v=spf1 mx ip4:1.2.3.400 -all"))
    assert broken.facts("spf")["result"] == ["permerror"]


def test_a_private_address_is_named_in_the_text_with_what_to_compare(serve) -> None:
    server = serve([GREETING, EHLO, PLAIN, Hear(f"MAIL FROM:<{FROM}>"), Say(b"250 ok\r\n"), Hear("RSET"), PLAIN])
    with NameServer(spf("v=spf1 mx -all")) as name_server:
        done = run(f"{LOOPBACK}:{server.port}", "--from", FROM, "--dns", name_server.address, "--ehlo", "client.test")
    server.finish()
    assert "record: v=spf1 mx -all" in done.stdout
    assert "OutgoingIp" in done.stdout


@pytest.mark.parametrize(
    ("fault", "transport"),
    [("truncated", "tcp"), ("formerr", "udp"), ("forged", "udp")],
)
def test_answers_that_come_the_hard_way(judge: Judge, fault: str, transport: str) -> None:
    others = range(250) if transport == "tcp" else range(3)
    record = txt("v=spf1 " + " ".join(f"ip4:198.51.100.{i}" for i in others) + " ip4:192.0.2.7 -all")
    zone = {**spf(""), ("own.test", "TXT"): Fault(fault, (record,))}
    assert judge(zone, "--outgoing-ip", "192.0.2.7").facts("spf")["result"] == ["pass"]


@pytest.mark.parametrize("fault", ["servfail", "refused", "silent"])
def test_a_name_server_that_does_not_answer(judge: Judge, fault: str) -> None:
    checked = judge({**MX, **FIRST, **DMARC, ("own.test", "TXT"): Fault(fault)}, "--outgoing-ip", "192.0.2.7")
    assert checked.facts("spf")["result"] == ["temperror"]
    assert (checked.step("spf")["status"], checked.cause("spf")) == ("warning", "dns-failed")
    assert checked.exit == OK


def test_an_alias_is_followed(judge: Judge) -> None:
    zone = {**spf("v=spf1 include:alias.test -all"), ("alias.test", "CNAME"): ["real.test"]}
    zone[("real.test", "TXT")] = [txt("v=spf1 ip4:192.0.2.7 -all")]
    assert judge(zone, "--outgoing-ip", "192.0.2.7").facts("spf")["result"] == ["pass"]


# -------------------------------------------------------------------------------------------------------------- MX


@pytest.mark.parametrize(
    ("zone", "status", "cause"),
    [
        ({**MX, **FIRST}, "ok", None),
        ({("own.test", "MX"): ["0 ."]}, "failed", "sender-domain-invalid"),
        ({("own.test", "A"): ["192.0.2.1"]}, "ok", None),
        ({("own.test", "TXT"): ['"x"']}, "failed", "sender-domain-invalid"),
        ({("own.test", "MX"): ["10 gone.test."]}, "failed", "sender-domain-invalid"),
        ({}, "failed", "sender-domain-invalid"),
        ({("own.test", "MX"): Fault("servfail")}, "warning", "dns-failed"),
    ],
)
def test_mx(judge: Judge, zone: Zone, status: str, cause: str | None) -> None:
    checked = judge(zone)
    assert (checked.step("mx")["status"], checked.cause("mx")) == (status, cause)
    if zone.get(("own.test", "MX")) == MX[("own.test", "MX")]:
        assert checked.facts("mx") == {"host": ["first.own.test", "mail.own.test"], "preference": ["5", "10"]}


# ------------------------------------------------------------------------------------------------------------ DKIM


def test_a_key_is_measured(judge: Judge) -> None:
    zone = {**spf("v=spf1 mx -all"), ("s1._domainkey.own.test", "TXT"): [txt(f"v=DKIM1; k=rsa; p={rsa_key(2048)}")]}
    checked = judge(zone, "--selector", "s1")
    assert checked.step("dkim")["status"] == "ok"
    assert checked.facts("dkim")["key_bits"] == ["2048"]
    assert checked.facts("dkim")["key_type"] == ["rsa"]
    short = {**zone, ("s1._domainkey.own.test", "TXT"): [txt(f"v=DKIM1; p={rsa_key(1024)}")]}
    assert judge(short, "--selector", "s1").step("dkim")["status"] == "warning"


@pytest.mark.parametrize("records", [["v=DKIM1; p="], ["v=DKIM1; p=AAAA"], [], ["v=DKIM1; p=", "other"]])
def test_a_key_that_verifies_nothing(judge: Judge, records: list[str]) -> None:
    zone = {**spf("v=spf1 mx -all")}
    if records:
        zone[("s1._domainkey.own.test", "TXT")] = [txt(record) for record in records]
    checked = judge(zone, "--selector", "s1")
    assert (checked.step("dkim")["status"], checked.cause("dkim")) == ("failed", "domain-auth-failed")
    assert checked.exit == REFUSED


# ----------------------------------------------------------------------------------------------------------- DMARC


@pytest.mark.parametrize(
    ("above", "own", "policy", "name"),
    [
        ("v=DMARC1; p=reject; sp=quarantine", None, "quarantine", "_dmarc.own.test"),
        ("v=DMARC1; p=reject", None, "reject", "_dmarc.own.test"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=none", "none", "_dmarc.a.b.own.test"),
        ("v=DMARC1; p=reject", "v=spf1 -all", "reject", "_dmarc.own.test"),
    ],
)
def test_the_policy_of_a_domain_below(judge: Judge, above: str, own: str | None, policy: str, name: str) -> None:
    zone = {
        ("_dmarc.own.test", "TXT"): [txt(above)],
        ("a.b.own.test", "MX"): ["1 mail.own.test."],
        ("mail.own.test", "A"): ["192.0.2.1"],
        ("a.b.own.test", "TXT"): [txt("v=spf1 mx -all")],
    }
    if own:
        zone[("_dmarc.a.b.own.test", "TXT")] = [txt(own)]
    checked = judge(zone, "--outgoing-ip", "192.0.2.1", sender="me@a.b.own.test")
    assert checked.step("dmarc")["status"] == "ok"
    assert checked.facts("dmarc")["policy"] == [policy]
    assert checked.facts("dmarc")["name"] == [name]


def test_a_policy_that_nothing_vouches_against(judge: Judge) -> None:
    zone = spf("v=spf1 mx ~all")
    assert judge(zone, "--outgoing-ip", "192.0.2.1").step("dmarc")["status"] == "ok"
    # Whether the mail will be signed is not known; with a selector it is.
    assert judge(zone, "--outgoing-ip", "192.0.2.2").step("dmarc")["status"] == "warning"
    gone = judge(zone, "--outgoing-ip", "192.0.2.2", "--selector", "s1")
    assert (gone.step("dmarc")["status"], gone.cause("dmarc")) == ("failed", "domain-auth-failed")
    zone = {**zone, ("s1._domainkey.own.test", "TXT"): [txt(f"v=DKIM1; p={rsa_key(2048)}")]}
    signed = judge(zone, "--outgoing-ip", "192.0.2.2", "--selector", "s1")
    assert signed.step("dmarc")["status"] == "ok"
    assert "s1" in signed.step("dmarc")["summary"]


def test_no_policy_is_worth_a_word(judge: Judge) -> None:
    checked = judge({**MX, **FIRST, ("own.test", "TXT"): [txt("v=spf1 mx -all")]}, "--outgoing-ip", "192.0.2.1")
    assert checked.step("dmarc")["status"] == "warning"
    assert "v=DMARC1; p=none" in checked.step("dmarc")["diagnosis"]["remedy"]


def test_an_address_literal_has_no_records(judge: Judge) -> None:
    checked = judge({}, sender="me@[192.0.2.1]")
    assert {checked.step(name)["status"] for name in ("mx", "spf", "dkim", "dmarc")} == {"skipped"}
