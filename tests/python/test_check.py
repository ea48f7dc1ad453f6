"""`SMTP.check`: what is Python's own about it; what it says of servers is tested with the other languages."""

import ipaddress
import pickle
from typing import Any

import pytest
from freesmtp import SMTP, CheckFact, CheckReport, CheckStep, MessageError


def test_a_report_reads_compares_and_pickles(smtp: SMTP) -> None:
    report = smtp.Check(timeout=30)
    assert isinstance(report, CheckReport)
    assert report.status == "ok"
    assert str(report).startswith(f"Check of {report.server}\n")
    step = report.step("ehlo")
    assert isinstance(step, CheckStep)
    assert step.values("extension") == ("8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
    assert step.facts[0] == CheckFact("extension", "8BITMIME")
    assert pickle.loads(pickle.dumps(report)) == report
    with pytest.raises(KeyError):
        report.step("none")
    assert not smtp.connected


def test_addresses_of_the_standard_library_are_taken(smtp: SMTP) -> None:
    smtp.check(outgoing_ip=ipaddress.ip_address("192.0.2.1"))
    with pytest.raises(MessageError, match="OutgoingIp"):
        smtp.check(outgoing_ip="192.0.2")


@pytest.mark.parametrize(
    "options", [{"from_": b"a@b.test"}, {"to": "a@b.test"}, {"to": [1]}, {"dns": 53}, {"timeout": "1"}, {"server": "0"}]
)
def test_wrong_types_are_type_errors(smtp: SMTP, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        smtp.check(**options)


def test_a_time_of_zero_is_refused(smtp: SMTP) -> None:
    with pytest.raises(MessageError, match="Timeout"):
        smtp.check(timeout=0)
