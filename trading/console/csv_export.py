"""Lines of a page as a streamed CSV file."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse

from accounts.audit import record
from accounts.models import User

BYTE_ORDER_MARK = "\ufeff"
"""Without it a spreadsheet does not take the file for UTF-8."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """Gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def export(  # noqa: PLR0917 - what an entry says, and what a file has
    user: User, verb: str, asked: Mapping[str, Any], name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """As :func:`csv_answer`, and an audit entry of who took what out."""
    with transaction.atomic():
        record(user, verb, name, after=asked)
    return csv_answer(name, head, rows)


def csv_answer(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """The file; rows are read while they are sent."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(head, rows), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([_safe(value) for value in row])


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would compute is marked as text; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
