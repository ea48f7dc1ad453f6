"""What the native part makes of dataclasses, without their `__init__`: instances as if that had made them."""

import copy
import dataclasses
import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from freesmtp import SMTP, EmailMessage, RecipientResult, Report

SOURCES = Path(__file__).parents[2] / "py/src"
MADE = re.compile(r'data!\(\s*py,\s*(MODULE|"[\w.]+"),\s*"(\w+)",\s*\{(.*?)\}\s*\)', re.DOTALL)


def made() -> Iterator[tuple[str, str, list[str]]]:
    """The module, the class and the fields of each place where an instance is made."""
    for source in sorted(SOURCES.rglob("*.rs")):
        text = source.read_text(encoding="utf-8")
        own = re.search(r'const MODULE: &str = "([\w.]+)"', text)
        for module, name, body in MADE.findall(text):
            fields = re.findall(r"(?:^|,)\s*(\w+): ", body)
            yield (own[1] if own and module == "MODULE" else module.strip('"')), name, fields


def test_every_field_is_set_and_no_other() -> None:
    names = set()
    for module, name, given in made():
        made_of = getattr(importlib.import_module(module), name)
        assert given == [field.name for field in dataclasses.fields(made_of)], name
        assert not hasattr(made_of, "__post_init__"), f"{name}: nobody calls it"
        assert not hasattr(made_of, "__slots__"), f"{name}: its fields are its dictionary"
        names.add(name)
    assert {"Report", "RecipientResult", "Diagnosis", "BulkResult", "CheckReport", "SpoolEvent"} <= names


def test_an_instance_is_as_any_other(smtp: SMTP, message: EmailMessage) -> None:
    report = smtp.send(message)
    again = Report(**{field.name: getattr(report, field.name) for field in dataclasses.fields(Report)})
    assert vars(report) == vars(again)
    assert (report, repr(report), hash(report)) == (again, repr(again), hash(again))
    for other in (copy.copy(report), copy.deepcopy(report), pickle.loads(pickle.dumps(report))):
        assert other == report
    changed = dataclasses.replace(report, size=0)
    assert (changed.size, changed.recipients) == (0, report.recipients)
    assert isinstance(report.recipients[0], RecipientResult)
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.size = 1  # type: ignore[misc]


def test_two_reports_share_nothing_that_changes(smtp: SMTP, message: EmailMessage) -> None:
    first, second = smtp.send(message), smtp.send(message)
    assert vars(first) is not vars(second)
    assert (first.message_id, first.elapsed) != (second.message_id, second.elapsed)
