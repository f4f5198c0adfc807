"""Bars out of the database as numpy columns, without an object a row.

PostgreSQL packs the rows of a year into three binary values (unknown numbers become NaN there, so that every row has
one width) and sends them by ``COPY ... (FORMAT BINARY)``; numpy reads them as they stand. One COPY row a bar takes
twice the time: the client handles a million messages. One for all years takes longer as well: every copy of it on the
way fills new memory, and the server's workers cannot share the years out among them. SQLite hands out tuples.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.db import connections, models

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.partitions import FIRST_YEAR, LAST_YEAR
from quantsite.common.times import NS_PER_SECOND

if TYPE_CHECKING:
    from marketdata.models import Instrument

Boundary = date | datetime | None

PG_EPOCH_DAYS = 10_957
"""PostgreSQL counts from 2000-01-01."""
PG_EPOCH_MICROSECONDS = PG_EPOCH_DAYS * 86_400_000_000

LONGEST_CLOSURE = timedelta(days=31)
"""A night bar's trading day is at most this long after its start (Spring Festival closes for eleven days)."""

# A line segment is four float8 and goes out in one call: half the time of four float8send and the || between them.
_PACKED = """string_agg(timestamptz_send(start), ''),
 string_agg(lseg_send(lseg(point(open, high), point(low, close))), ''),
 string_agg(lseg_send(lseg(point(volume, COALESCE(turnover, 'NaN')),
                           point(COALESCE(open_interest, 'NaN'), trading_day - DATE '2000-01-01'))), '')"""
_PACKED_TYPES = [np.dtype((kind, (width,))) for kind, width in ((">i8", 1), (">f8", 4), (">f8", 4))]
"""What each value holds of a bar: the start; the prices; volume, turnover, open interest and trading day."""
_BAR_BYTES = sum(kind.itemsize for kind in _PACKED_TYPES)

_COPY_HEADER_BYTES = 19
_COUNT_BYTES, _LENGTH_BYTES = 2, 4
"""A row begins with the number of its values, a value with its length."""
_ROW_BYTES = _COUNT_BYTES + _LENGTH_BYTES * len(_PACKED_TYPES)
"""Of a row without bars: its values are null."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A WHERE clause with its values, and the trading days that it leaves; None where a side is open."""

    where: str
    values: list[Any]
    first: date | None
    last: date | None


class BarQuerySet(models.QuerySet[Any]):
    """Reads of bars."""

    def series(
        self, instrument: "Instrument", interval: str, start: Boundary = None, end: Boundary = None
    ) -> BarSeries:
        """The stored bars of an instrument in ascending order.

        A ``date`` is a trading day, and both ends are included; an aware ``datetime`` is compared with the starts
        of the bars, ``start`` included and ``end`` not. ``interval`` is a name as ``interval_name`` gives it.
        """
        return self._read(instrument, interval, _question(instrument.pk, interval, start, end), "")

    def newest(
        self, instrument: "Instrument", interval: str, limit: int, start: Boundary = None, end: Boundary = None
    ) -> BarSeries:
        """The last ``limit`` bars of what :meth:`series` would give, in ascending order."""
        newest_first = f"ORDER BY trading_day DESC, start DESC LIMIT {limit:d}"
        return self._read(instrument, interval, _question(instrument.pk, interval, start, end), newest_first)

    def _read(self, instrument: "Instrument", interval: str, question: _Question, order: str) -> BarSeries:
        connection = connections[self.db]
        table = connection.ops.quote_name(self.model._meta.db_table)
        read = _read_postgres if connection.vendor == "postgresql" else _read_sqlite
        found = BarSeries(instrument.code, interval, *read(connection, table, question, order))
        # Sorted here: PostgreSQL would sort a million rows on disk, three times slower, and most come in order.
        ascending = bool((np.diff(found.start) > 0).all())
        return found if ascending else found.take(np.argsort(found.start, kind="stable"))


def _question(instrument_id: int, interval: str, start: Boundary, end: Boundary) -> _Question:
    """What is asked for; instants also bound the trading day, so that partitions are left out."""
    parts, values = ["instrument_id = %s", "interval = %s"], [instrument_id, interval]

    def add(condition: str, value: Any) -> None:
        parts.append(condition)
        values.append(value)

    first, last = start, end
    if isinstance(start, datetime):
        add("start >= %s", start)
        first = start.date() - timedelta(days=1)
    if first is not None:
        add("trading_day >= %s", first)
    if isinstance(end, datetime):
        add("start < %s", end)
        last = end.date() + LONGEST_CLOSURE
    if last is not None:
        add("trading_day <= %s", last)
    return _Question(" AND ".join(parts), values, first, last)


def _read_postgres(connection: Any, table: str, question: _Question, order: str) -> list[npt.NDArray[Any]]:
    """One value holds up to 1 GB, thirty million bars: more than a year or the newest of a series ever are."""
    rows = [f"SELECT * FROM {table} WHERE {question.where}{part} {order}" for part in _parts(question, order)]  # noqa: S608
    query = " UNION ALL ".join(f"SELECT {_PACKED} FROM ({part}) bars" for part in rows)  # noqa: S608
    # COPY takes no parameters on the wire, and Django's cursor of the debug mode none in copy().
    text = connection.ops.compose_sql(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", question.values * len(rows))
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(text) as copy:
        blocks = list(_blocks(copy))
    # The server's workers hand in the years as they are ready with them.
    blocks.sort(key=lambda block: int(block[0][0, 0]))
    blocks = blocks or [[np.empty(0, dtype=kind) for kind in _PACKED_TYPES]]
    start, *values, day = (
        np.concatenate([block[value][:, place] for block in blocks], dtype=kind.base.newbyteorder("="))
        for value, kind in enumerate(_PACKED_TYPES)
        for place in range(kind.shape[0])
    )
    start += PG_EPOCH_MICROSECONDS
    start *= 1_000
    return [start, day.astype(np.int32) + PG_EPOCH_DAYS, *values]


def _parts(question: _Question, order: str) -> list[str]:
    """The conditions that split a reading of several years into single ones; the outer ones are open."""
    first = max(question.first.year, FIRST_YEAR) if question.first else FIRST_YEAR
    last = min(question.last.year, LAST_YEAR) if question.last else LAST_YEAR
    if order or first >= last:
        return [""]
    since = ["", *(f" AND trading_day >= '{year}-01-01'" for year in range(first + 1, last + 1))]
    until = [*(f" AND trading_day < '{year}-01-01'" for year in range(first + 1, last + 1)), ""]
    return [after + before for after, before in zip(since, until, strict=True)]


def _blocks(copy: Iterable[Any]) -> Iterator[list[npt.NDArray[Any]]]:
    """The bars of each message that has some, an array for each value of :data:`_PACKED_TYPES`.

    A message is a row of the answer, the first with the header before it; the last is a mark without a row.
    """
    place = _COPY_HEADER_BYTES
    for message in copy:
        bars = (len(message) - place - _ROW_BYTES) // _BAR_BYTES
        place += _COUNT_BYTES
        if bars > 0:
            block = []
            for kind in _PACKED_TYPES:
                place += _LENGTH_BYTES
                block.append(np.frombuffer(message, dtype=kind, count=bars, offset=place))
                place += bars * kind.itemsize
            yield block
        place = 0


def _read_sqlite(connection: Any, table: str, question: _Question, order: str) -> list[npt.NDArray[Any]]:
    query = f"SELECT start, trading_day, {', '.join(VALUE_COLUMNS)} FROM {table} WHERE {question.where} {order}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [_sqlite_value(connection, value) for value in question.values])
        rows = cursor.fetchall()
    columns = list(zip(*rows, strict=True)) or [()] * (2 + len(VALUE_COLUMNS))
    start = np.array(columns[0], dtype="datetime64[s]").astype(np.int64) * NS_PER_SECOND
    trading_day = np.array(columns[1], dtype="datetime64[D]").astype(np.int32)
    return [start, trading_day, *(np.array(column, dtype=np.float64) for column in columns[2:])]


def _sqlite_value(connection: Any, value: Any) -> Any:
    """Times and dates as the texts that SQLite keeps."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return str(value) if isinstance(value, date) else value
