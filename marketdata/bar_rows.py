"""Bars out of the database as numpy columns, without an object a row.

PostgreSQL sends them by ``COPY ... (FORMAT BINARY)``: every field has a fixed width (unknown values become NaN on the
server), so that the whole answer is one structured array. SQLite hands out tuples.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.db import connections, models

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from quantsite.common.times import NS_PER_SECOND

if TYPE_CHECKING:
    from marketdata.models import Instrument

Boundary = date | datetime | None

PG_EPOCH_DAYS = 10_957
"""PostgreSQL counts from 2000-01-01."""
PG_EPOCH_MICROSECONDS = PG_EPOCH_DAYS * 86_400_000_000

LONGEST_CLOSURE = timedelta(days=31)
"""A night bar's trading day is at most this long after its start (Spring Festival closes for eleven days)."""

COPY_HEADER_BYTES = 19
COPY_TRAILER_BYTES = 2

_COPY_ROW = np.dtype(
    [("fields", ">i2"), ("start_length", ">i4"), ("start", ">i8"), ("day_length", ">i4"), ("trading_day", ">i4")]
    + [item for name in VALUE_COLUMNS for item in ((f"{name}_length", ">i4"), (name, ">f8"))]
)


class BarQuerySet(models.QuerySet[Any]):
    """Reads of bars."""

    def series(
        self, instrument: "Instrument", interval: str, start: Boundary = None, end: Boundary = None
    ) -> BarSeries:
        """The stored bars of an instrument in ascending order.

        A ``date`` is a trading day, and both ends are included; an aware ``datetime`` is compared with the starts
        of the bars, ``start`` included and ``end`` not. ``interval`` is a name as ``interval_name`` gives it.
        """
        where, values = _conditions(instrument.pk, interval, start, end)
        return self._read(instrument, interval, where, values, "ORDER BY trading_day, start")

    def newest(
        self, instrument: "Instrument", interval: str, limit: int, start: Boundary = None, end: Boundary = None
    ) -> BarSeries:
        """The last ``limit`` bars of what :meth:`series` would give, in ascending order."""
        where, values = _conditions(instrument.pk, interval, start, end)
        found = self._read(
            instrument, interval, where, values, f"ORDER BY trading_day DESC, start DESC LIMIT {limit:d}"
        )
        return found.take(slice(None, None, -1))

    def _read(self, instrument: "Instrument", interval: str, where: str, values: list[Any], order: str) -> BarSeries:
        connection = connections[self.db]
        table = connection.ops.quote_name(self.model._meta.db_table)
        read = _read_postgres if connection.vendor == "postgresql" else _read_sqlite
        columns = read(connection, table, where, values, order)
        return BarSeries(instrument.code, interval, *columns)


def _conditions(instrument_id: int, interval: str, start: Boundary, end: Boundary) -> tuple[str, list[Any]]:
    """The WHERE clause and its values; instants also bound the trading day, so that partitions are left out."""
    parts, values = ["instrument_id = %s", "interval = %s"], [instrument_id, interval]

    def add(condition: str, value: Any) -> None:
        parts.append(condition)
        values.append(value)

    if isinstance(start, datetime):
        add("start >= %s", start)
        add("trading_day >= %s", start.date() - timedelta(days=1))
    elif start is not None:
        add("trading_day >= %s", start)
    if isinstance(end, datetime):
        add("start < %s", end)
        add("trading_day <= %s", end.date() + LONGEST_CLOSURE)
    elif end is not None:
        add("trading_day <= %s", end)
    return " AND ".join(parts), values


def _read_postgres(
    connection: Any, table: str, where: str, values: Sequence[Any], order: str
) -> list[npt.NDArray[Any]]:
    wanted = (
        "start, trading_day, open, high, low, close, volume::float8,"
        " COALESCE(turnover, 'NaN'), COALESCE(open_interest, 'NaN')"
    )
    query = f"COPY (SELECT {wanted} FROM {table} WHERE {where} {order}) TO STDOUT (FORMAT BINARY)"  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(query, values) as copy:
        answer = b"".join(copy)
    rows = np.frombuffer(answer[COPY_HEADER_BYTES:-COPY_TRAILER_BYTES], dtype=_COPY_ROW)
    start = (rows["start"].astype(np.int64) + PG_EPOCH_MICROSECONDS) * 1_000
    return [start, rows["trading_day"].astype(np.int32) + PG_EPOCH_DAYS, *(rows[name] for name in VALUE_COLUMNS)]


def _read_sqlite(connection: Any, table: str, where: str, values: Sequence[Any], order: str) -> list[npt.NDArray[Any]]:
    wanted = "CAST(strftime('%%s', start) AS INTEGER), CAST(strftime('%%s', trading_day) AS INTEGER), "
    query = f"SELECT {wanted}{', '.join(VALUE_COLUMNS)} FROM {table} WHERE {where} {order}"  # noqa: S608
    adapt = connection.ops
    plain = [
        adapt.adapt_datetimefield_value(value)
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, date)
        else value
        for value in values
    ]
    with connection.cursor() as cursor:
        cursor.execute(query, plain)
        rows = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 2 + len(VALUE_COLUMNS))
    start = rows[:, 0].astype(np.int64) * NS_PER_SECOND
    trading_day = rows[:, 1].astype(np.int64) // 86_400
    return [start, trading_day, *rows[:, 2:].T]
