"""Merge: one message for each row of a template."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ._bulk import send_bulk, send_bulk_async
from ._freesmtp import EmailMessage, MergeTemplate

if TYPE_CHECKING:
    from os import PathLike

    from ._freesmtp import SMTP
    from ._report import BulkResult

    _Row = Mapping[str, object]


def merge(template: MergeTemplate | EmailMessage, rows: Iterable[_Row]) -> Iterator[EmailMessage]:
    """The message of each row, made when it is asked for: `smtp.send_bulk(merge(message, rows))`.

    `template` is a message whose texts have `{{ fields }}`, or a `MergeTemplate` of one. A row that lacks a field
    raises when its turn comes.
    """
    return map(_compiled(template).render, iter(rows))


def _compiled(template: MergeTemplate | EmailMessage) -> MergeTemplate:
    return template if isinstance(template, MergeTemplate) else MergeTemplate(template)


def send_bulk_merge(
    smtp: SMTP, template: MergeTemplate | EmailMessage, rows: Iterable[_Row]
) -> Generator[BulkResult, None, None]:
    """The generator of `SMTP.send_bulk_merge`."""
    compiled = _compiled(template)
    return send_bulk(smtp, (_made(compiled, row) for row in rows))


def submit_bulk_merge(
    smtp: SMTP, template: MergeTemplate | EmailMessage, rows: Iterable[_Row], path: str | PathLike[str] | None
) -> list[str]:
    """The ids of `SMTP.submit_bulk_merge`."""
    return smtp.submit_bulk(merge(template, rows), path)


def send_bulk_merge_async(
    smtp: SMTP, template: MergeTemplate | EmailMessage, rows: Iterable[_Row] | AsyncIterable[_Row]
) -> AsyncGenerator[BulkResult, None]:
    """The asynchronous generator of `SMTP.send_bulk_merge_async`."""
    compiled = _compiled(template)
    if isinstance(rows, AsyncIterable):
        return send_bulk_async(smtp, _each(compiled, rows))
    return send_bulk_async(smtp, (_made(compiled, row) for row in rows))


async def _each(template: MergeTemplate, rows: AsyncIterable[_Row]) -> AsyncIterator[EmailMessage | Exception]:
    async for row in rows:
        yield _made(template, row)


def _made(template: MergeTemplate, row: _Row) -> EmailMessage | Exception:
    """The message, or why there is none: a bulk takes both."""
    try:
        return template.render(row)
    except Exception as error:
        return error
