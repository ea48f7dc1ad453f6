"""Merge: one message for each row of a template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ._freesmtp import EmailMessage, MergeTemplate


def merge(template: MergeTemplate | EmailMessage, rows: Iterable[Mapping[str, object]]) -> Iterator[EmailMessage]:
    """The message of each row, made when it is asked for: `smtp.send_bulk(merge(message, rows))`.

    `template` is a message whose texts have `{{ fields }}`, or a `MergeTemplate` of one. A row that lacks a field
    raises when its turn comes.
    """
    compiled = template if isinstance(template, MergeTemplate) else MergeTemplate(template)
    return map(compiled.render, iter(rows))
