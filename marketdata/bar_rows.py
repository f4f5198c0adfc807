"""Bars out of the database as numpy columns, without an object a row.

PostgreSQL packs all rows into one binary value (unknown numbers become NaN there, so that every row has one width) and
sends it by ``COPY ... (FORMAT BINARY)``; numpy reads it as it stands. One COPY row a bar takes twice the time: the
client handles a million messages. SQLite hands out tuples.
"""

import struct
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.db import connections, models

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries
from quantsite.common.times import NS_PER_SECOND

if TYPE_CHECKING:
    from marketdata.models import Instrument

Boundary = date | datetime | None

PG_EPOCH_DAYS = 10_957
"""PostgreSQL counts from 2000-01-01."""
PG_EPOCH_MICROSECONDS = PG_EPOCH_DAYS * 86_400_000_000

LONGEST_CLOSURE = timedelta(days=31)
"""A night bar's trading day is at most this long after its start (Spring Festival closes for eleven days)."""

_SEND = [
    "timestamptz_send(start)",
    "date_send(trading_day)",
    *(f"float8send({name})" for name in PRICE_COLUMNS),
    "float8send(volume::float8)",
    "float8send(COALESCE(turnover, 'NaN'))",
    "float8send(COALESCE(open_interest, 'NaN'))",
]
_PACKED_ROW = np.dtype([("start", ">i8"), ("trading_day", ">i4"), *((name, ">f8") for name in VALUE_COLUMNS)])

_COPY_HEADER_BYTES = 19
_FIELD = struct.Struct(">hi")
"""Before the one field of the one row: the number of fields, and its length (-1 for null)."""


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
        return self._read(instrument, interval, where, values, "")

    def newest(
        self, instrument: "Instrument", interval: str, limit: int, start: Boundary = None, end: Boundary = None
    ) -> BarSeries:
        """The last ``limit`` bars of what :meth:`series` would give, in ascending order."""
        where, values = _conditions(instrument.pk, interval, start, end)
        newest_first = f"ORDER BY trading_day DESC, start DESC LIMIT {limit:d}"
        return self._read(instrument, interval, where, values, newest_first)

    def _read(self, instrument: "Instrument", interval: str, where: str, values: list[Any], order: str) -> BarSeries:
        connection = connections[self.db]
        table = connection.ops.quote_name(self.model._meta.db_table)
        read = _read_postgres if connection.vendor == "postgresql" else _read_sqlite
        found = BarSeries(instrument.code, interval, *read(connection, table, where, values, order))
        # Sorted here: PostgreSQL would sort a million rows on disk, three times slower, and most come in order.
        ascending = bool((np.diff(found.start) > 0).all())
        return found if ascending else found.take(np.argsort(found.start, kind="stable"))


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
    """One value holds up to 1 GB: fifteen million bars, forty years of minutes."""
    rows = f"SELECT * FROM {table} WHERE {where} {order}"  # noqa: S608
    query = f"COPY (SELECT string_agg({' || '.join(_SEND)}, '') FROM ({rows}) bars) TO STDOUT (FORMAT BINARY)"  # noqa: S608
    # COPY takes no parameters on the wire, and Django's cursor of the debug mode none in copy().
    text = connection.ops.compose_sql(query, values)
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(text) as copy:
        answer = b"".join(copy)
    _fields, length = _FIELD.unpack_from(answer, _COPY_HEADER_BYTES)
    begin = _COPY_HEADER_BYTES + _FIELD.size
    bars = np.frombuffer(answer[begin : begin + max(length, 0)], dtype=_PACKED_ROW)
    start = (bars["start"].astype(np.int64) + PG_EPOCH_MICROSECONDS) * 1_000
    return [start, bars["trading_day"].astype(np.int32) + PG_EPOCH_DAYS, *(bars[name] for name in VALUE_COLUMNS)]


def _read_sqlite(connection: Any, table: str, where: str, values: Sequence[Any], order: str) -> list[npt.NDArray[Any]]:
    query = f"SELECT start, trading_day, {', '.join(VALUE_COLUMNS)} FROM {table} WHERE {where} {order}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [_sqlite_value(connection, value) for value in values])
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
