"""The answers, as the contract has them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from freesmtp import BulkResult, CheckReport, CheckStep, Diagnosis, RecipientResult, Report, SMTPError, SpoolStatus


def submitted(at: str, ids: list[str]) -> None:
    """Prints the ids of what the spool has taken."""
    say({"ok": True, "at": at, "sends": 0, "ids": ids})


def tell_message(at: str, status: SpoolStatus) -> None:
    """Tells what became of a message."""
    done = "true" if status.is_done else "false"
    told = [status.id, status.state, done, str(status.recipients_total), str(status.recipients_open)]
    tell(at, told + [f"{one.email} {one.state} {one.reply_code}" for one in status.recipients])


def tell_blast(at: str, status: Any) -> None:
    """Tells how far a blast is."""
    counts = (status.messages, status.recipients, status.open, status.delivered, status.failed, status.cancelled)
    tell(at, [status.name, status.state, "true" if status.is_done else "false", *map(str, counts)])


def tell(at: str, told: list[str]) -> None:
    """Prints what the agent of the spool told."""
    say({"ok": True, "at": at, "sends": 0, "told": told})


def say(answer: dict[str, Any]) -> None:
    """Prints one line of JSON."""
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.flush()


def fields(of: object, names: str) -> dict[str, Any]:
    """What the contract has under the names that Python has."""
    return {name: getattr(of, name) for name in names.split()}


def diagnosis_data(diagnosis: Diagnosis | None) -> dict[str, Any] | None:
    """A diagnosis as the contract has it."""
    return diagnosis and fields(diagnosis, "cause who summary remedy evidence retry_after reference")


def recipient_data(result: RecipientResult) -> dict[str, Any]:
    """The result of one recipient as the contract has it."""
    plain = fields(result, "email status stage reply_code enhanced_code reply_text")
    return {**plain, "diagnosis": diagnosis_data(result.diagnosis)}


def report_data(report: Report) -> dict[str, Any]:
    """A report as the contract has it."""
    return {
        **fields(report, "reply_code reply_text message_id size server auth_mechanism"),
        "recipients": [recipient_data(result) for result in report.recipients],
        "tls": report.tls and fields(report.tls, "version cipher certificate_subject certificate_not_after"),
        "warnings": list(report.warnings),
    }


def step_data(step: CheckStep) -> dict[str, Any]:
    """A step of a check as the contract has it."""
    return {
        **fields(step, "name status summary is_temporary"),
        "facts": [fields(fact, "name value") for fact in step.facts],
        "diagnosis": diagnosis_data(step.diagnosis),
    }


def check_data(report: CheckReport) -> dict[str, Any]:
    """What a check found, as the contract has it."""
    return {
        **fields(report, "server status summary is_temporary"),
        "steps": [step_data(step) for step in report.steps],
        "warnings": list(report.warnings),
        "transcript": list(report.transcript),
        "text": str(report),
    }


def error_data(error: SMTPError) -> dict[str, Any]:
    """An error as the contract has it."""
    plain = "kind number stage field message reply_code enhanced_code reply_text server is_temporary message_id"
    return {
        **fields(error, plain),
        "recipients": [recipient_data(result) for result in error.recipients],
        "diagnosis": diagnosis_data(error.diagnosis),
        "transcript": list(error.transcript),
    }


def told_of(diagnosis: Diagnosis) -> list[str]:
    """What a diagnosis says."""
    return [diagnosis.cause, diagnosis.who, diagnosis.summary, diagnosis.remedy, diagnosis.evidence]


def say_sent(results: Iterable[BulkResult]) -> None:
    """Prints the answers of a bulk in the order of the messages."""
    for sent in sorted(results, key=lambda sent: sent.index):
        answer: dict[str, Any] = {"index": sent.index, "at": "sendbulk"}
        if sent.report is not None:
            say({"ok": True, **answer, "sends": 1, "report": report_data(sent.report)})
        elif isinstance(sent.error, SMTPError):
            say({"ok": False, **answer, "sends": 0, "error": error_data(sent.error)})
        elif sent.error is not None:
            raise sent.error
