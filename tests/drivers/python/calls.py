"""Calls whose texts are arguments: `QuickSend`, those of a merge, `Diagnose` and `Explain`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from answers import report_data, say, say_sent, submitted, tell, told_of
from freesmtp import SMTP, EmailMessage, diagnose, explain
from operations import Awaited, Blocking


class Calls:
    """Their keys, and the texts that wait for the line that makes the call."""

    def __init__(self, operations: Blocking | Awaited, smtp: SMTP, message: Callable[[], EmailMessage]) -> None:
        self._kept: dict[str, str] = {}
        self._row: dict[str, str] = {}
        texts = ["quick.server", "quick.from", "quick.subject", "quick.body", "row.name"]
        texts += [f"diagnose.{name}" for name in ("stage", "host", "offered", "account", "sender", "recipient")]
        self.keys: dict[str, Callable[[str], object]] = {
            **{key: self._keep(key) for key in texts},
            "row.value": lambda v: self._row.update({self._kept.pop("row.name"): v}),
            "quicksend": self._quick_send,
            "sendmerge": lambda _: say_sent(operations.send_bulk_merge(smtp, message(), [self._taken_row()])),
            "submitmerge": lambda _: submitted("submitmerge", smtp.submit_bulk_merge(message(), [self._taken_row()])),
            "diagnose": self._diagnose,
            "explain": lambda v: tell("explain", [text for found in explain(v) for text in told_of(found.diagnosis)]),
        }

    def _keep(self, key: str) -> Callable[[str], object]:
        return lambda value: self._kept.update({key: value})

    def _taken_row(self) -> dict[str, str]:
        row, self._row = self._row, {}
        return row

    def _quick_send(self, recipient: str) -> None:
        server, *texts = (self._kept.pop(f"quick.{name}", "") for name in ("server", "from", "subject", "body"))
        report = SMTP.quick_send(server, recipient, *texts)
        say({"ok": True, "at": "send", "sends": 1, "report": report_data(report)})

    def _diagnose(self, reply: str) -> None:
        names = ("stage", "host", "account", "sender", "recipient")
        known: dict[str, Any] = {
            name: self._kept.pop(f"diagnose.{name}") for name in names if f"diagnose.{name}" in self._kept
        }
        if "diagnose.offered" in self._kept:
            known["offered"] = [self._kept.pop("diagnose.offered")]
        tell("diagnose", told_of(diagnose(reply, **known)))
