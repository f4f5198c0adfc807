"""Ticks out of the database as numpy columns, without an object a row, those that were moved to files along with them.

PostgreSQL packs the ticks of each trading day into one binary value (unknown numbers become NaN there, so that every
row has one width) and sends it by ``COPY ... (FORMAT BINARY)``; numpy reads it as it stands. SQLite hands out tuples.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.apps import apps
from django.db import connections, models

from marketdata.bar_rows import LONGEST_CLOSURE, PG_EPOCH_DAYS, PG_EPOCH_MICROSECONDS, Boundary
from marketdata.domain.calendar import to_day_number
from marketdata.domain.tick_series import COLUMNS, DEPTH_WIDTH, FLOATS, LONGS, TickSeries
from quantsite.common.times import utc_to_ns

if TYPE_CHECKING:
    from marketdata.models import Instrument

ARCHIVE = "marketdata.ticks.archive"
"""Loaded when the first archived tick is asked for: the web process does not need Parquet before."""

Key = tuple[date, int]
"""Trading day and number of a tick: its place among those of its instrument."""

_PACKED = {
    "trading_day": ("date_send(trading_day)", ">i4"),
    **{name: (f"int8send({name})", ">i8") for name in LONGS},
    "time": ("timestamptz_send(time)", ">i8"),
    "received": ("timestamptz_send(COALESCE(received, 'epoch'))", ">i8"),
    "flags": ("int2send(flags)", ">i2"),
    **{name: (f"float8send(COALESCE({name}, 'NaN'))", ">f8") for name in FLOATS},
    "levels": ("int2send((depth IS NOT NULL)::int::smallint)", ">i2"),
}
_SEND = " || ".join(expression for expression, _kind in _PACKED.values())
_PACKED_ROW = np.dtype([(name, kind) for name, (_expression, kind) in _PACKED.items()])

_COPY_HEADER_BYTES = 19
_TRAILER = -1
_FIELDS = struct.Struct(">h")
_LENGTH = struct.Struct(">i")


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked for: trading days, both included, and instants, ``end`` not included; None leaves a side open.

    ``before`` leaves out the tick of this trading day and number, and all after it.
    """

    first_day: date | None = None
    last_day: date | None = None
    start: datetime | None = None
    end: datetime | None = None
    before: Key | None = None

    @classmethod
    def of(cls, start: Boundary, end: Boundary, before: Key | None = None) -> "Span":
        """As :meth:`TickQuerySet.series` takes them; instants bound the trading days too."""
        from_instant, to_instant = isinstance(start, datetime), isinstance(end, datetime)
        last_day = end.date() + LONGEST_CLOSURE if isinstance(end, datetime) else end
        if before is not None:
            last_day = min(before[0], last_day or before[0])
        return cls(
            first_day=start.date() - timedelta(days=1) if isinstance(start, datetime) else start,
            last_day=last_day,
            start=start if from_instant else None,  # type: ignore[arg-type]
            end=end if to_instant else None,  # type: ignore[arg-type]
            before=before,
        )

    def conditions(self) -> Iterator[tuple[str, Any]]:
        """SQL conditions, each with its value."""
        named = (("trading_day >= %s", self.first_day), ("trading_day <= %s", self.last_day))
        for condition, value in (*named, ("time >= %s", self.start), ("time < %s", self.end)):
            if value is not None:
                yield condition, value
        if self.before is not None:
            yield f"NOT (trading_day = '{self.before[0]}' AND seq >= %s)", self.before[1]

    def cut(self, ticks: TickSeries) -> TickSeries:
        """The ticks whose instants lie inside; their days do already."""
        inside = np.ones(len(ticks), dtype=np.bool_)
        if self.start is not None:
            inside &= ticks.time >= utc_to_ns(self.start)
        if self.end is not None:
            inside &= ticks.time < utc_to_ns(self.end)
        if self.before is not None:
            inside &= (ticks.trading_day != to_day_number(self.before[0])) | (ticks.seq < self.before[1])
        return ticks if inside.all() else ticks.take(inside)


class TickQuerySet(models.QuerySet[Any]):
    """Reads of recorded ticks, whether they are rows still or in files."""

    def series(
        self, instrument: "Instrument", start: Boundary = None, end: Boundary = None, limit: int | None = None
    ) -> TickSeries:
        """The recorded ticks of an instrument, in the order of (trading day, seq): the first ``limit`` of them.

        A ``date`` is a trading day, and both ends are included; an aware ``datetime`` is compared with the times of
        the ticks, ``start`` included and ``end`` not.
        """
        return self._both(instrument, Span.of(start, end), limit, newest=False)

    def newest(
        self,
        instrument: "Instrument",
        limit: int,
        start: Boundary = None,
        end: Boundary = None,
        before: Key | None = None,
    ) -> TickSeries:
        """The last ``limit`` ticks of what :meth:`series` would give, in the same order; of those before ``before``."""
        return self._both(instrument, Span.of(start, end, before), limit, newest=True)

    def stored(self, instrument: "Instrument", start: Boundary = None, end: Boundary = None) -> TickSeries:
        """Only the ticks that are rows: what an archiver moves."""
        return self._rows(instrument, Span.of(start, end), None, newest=False)

    def _both(self, instrument: "Instrument", span: Span, limit: int | None, *, newest: bool) -> TickSeries:
        rows = self._rows(instrument, span, limit, newest=newest)
        files = self._files(instrument, span, rows if limit is not None and len(rows) == limit else None, newest)
        parts, found = [rows], 0
        for day in files:
            if limit is not None and found >= limit:
                break
            parts.append(span.cut(import_module(ARCHIVE).read_archived(instrument, day, day)))
            found += len(parts[-1])
        if len(parts) == 1:
            return rows
        found_all = merged(parts)
        if limit is None or len(found_all) <= limit:
            return found_all
        return found_all.take(slice(len(found_all) - limit, None) if newest else slice(0, limit))

    def _files(self, instrument: "Instrument", span: Span, enough: TickSeries | None, newest: bool) -> list[date]:
        """The trading days with a file, in the order in which they are wanted.

        Where the rows alone are ``enough``, days beyond them cannot matter.
        """
        days = apps.get_model("marketdata", "TickFile")._default_manager.using(self.db).filter(instrument=instrument.pk)
        if span.first_day is not None:
            days = days.filter(trading_day__gte=span.first_day)
        if span.last_day is not None:
            days = days.filter(trading_day__lte=span.last_day)
        if enough is not None and len(enough):
            edge = date.fromordinal(int(enough.trading_day[0 if newest else -1]) + date(1970, 1, 1).toordinal())
            days = days.filter(trading_day__gte=edge) if newest else days.filter(trading_day__lte=edge)
        order = "-trading_day" if newest else "trading_day"
        return list(days.order_by(order).values_list("trading_day", flat=True))

    def _rows(self, instrument: "Instrument", span: Span, limit: int | None, *, newest: bool) -> TickSeries:
        connection = connections[self.db]
        table = connection.ops.quote_name(self.model._meta.db_table)
        conditions = [("instrument_id = %s", instrument.pk), *span.conditions()]
        where = " AND ".join(condition for condition, _value in conditions)
        way = "DESC" if newest else "ASC"
        order = "" if limit is None else f" ORDER BY trading_day {way}, seq {way} LIMIT {max(limit, 0):d}"
        read: Callable[..., TickSeries] = _read_postgres if connection.vendor == "postgresql" else _read_sqlite
        rows = f"SELECT * FROM {table} WHERE {where}{order}"  # noqa: S608
        return _in_order(read(connection, instrument.code, rows, [value for _condition, value in conditions]))


def merged(parts: list[TickSeries]) -> TickSeries:
    """All ticks of one instrument once; of two with the same key the later part's. There is at least one part."""
    parts = [part for part in parts if len(part)] or parts[:1]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    depth = None
    if any(part.depth is not None for part in parts):
        nothing = [np.full((len(part), DEPTH_WIDTH), np.nan) if part.depth is None else part.depth for part in parts]
        depth = np.concatenate(nothing)
    everything = _in_order(TickSeries(parts[0].instrument, depth=depth, **columns))
    last = np.ones(len(everything), dtype=np.bool_)
    last[:-1] = (np.diff(everything.seq) != 0) | (np.diff(everything.trading_day) != 0)
    return everything if last.all() else everything.take(last)


def _in_order(ticks: TickSeries) -> TickSeries:
    """Sorted here rather than by the database, which would do it on disk; mostly nothing is to be done."""
    days, numbers = np.diff(ticks.trading_day), np.diff(ticks.seq)
    if bool(((days > 0) | ((days == 0) & (numbers >= 0))).all()):
        return ticks
    return ticks.take(np.lexsort((ticks.seq, ticks.trading_day)))


def _read_postgres(connection: Any, code: str, rows: str, values: Sequence[Any]) -> TickSeries:
    """One value a trading day: the busiest has some 20 MB, and one value holds up to 1 GB."""
    query = (
        f"COPY (SELECT string_agg({_SEND}, ''), string_agg(depth, '') FROM ({rows}) ticks GROUP BY trading_day)"  # noqa: S608
        " TO STDOUT (FORMAT BINARY)"
    )
    # COPY takes no parameters on the wire, and Django's cursor of the debug mode none in copy().
    text = connection.ops.compose_sql(query, values)
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(text) as copy:
        days = list(_values(b"".join(copy)))
    ticks = np.frombuffer(b"".join(packed for packed, _depth in days), dtype=_PACKED_ROW)
    depth = _levels(ticks["levels"] == 1, b"".join(levels for _packed, levels in days))
    columns: dict[str, npt.NDArray[Any]] = {name: ticks[name] for name in COLUMNS}
    columns["trading_day"] = ticks["trading_day"].astype(np.int32) + PG_EPOCH_DAYS
    for name in ("time", "received"):
        columns[name] = (ticks[name].astype(np.int64) + PG_EPOCH_MICROSECONDS) * 1_000
    return TickSeries(code, depth=depth, **columns)


def _values(answer: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The two values of each row of a binary COPY; a null is empty."""
    at = _COPY_HEADER_BYTES
    while _FIELDS.unpack_from(answer, at)[0] != _TRAILER:
        at += _FIELDS.size
        row = []
        for _field in range(2):
            length = max(_LENGTH.unpack_from(answer, at)[0], 0)
            at += _LENGTH.size
            row.append(answer[at : at + length])
            at += length
        yield row[0], row[1]


def _levels(known: npt.NDArray[np.bool_], packed: bytes) -> npt.NDArray[np.float64] | None:
    """The levels of all ticks, out of those that have some; None where none has."""
    if not packed:
        return None
    depth = np.full((len(known), DEPTH_WIDTH), np.nan)
    depth[known] = np.frombuffer(packed, dtype="<f8").reshape(-1, DEPTH_WIDTH)
    return depth


def _read_sqlite(connection: Any, code: str, rows: str, values: Sequence[Any]) -> TickSeries:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(COLUMNS)}, depth FROM ({rows}) ticks",  # noqa: S608
            [_sqlite_value(connection, value) for value in values],
        )
        *columns, depth = list(zip(*cursor.fetchall(), strict=True)) or [()] * (len(COLUMNS) + 1)
    named: dict[str, Any] = dict(zip(COLUMNS, columns, strict=True))
    named["trading_day"] = np.array(named["trading_day"], dtype="datetime64[D]").astype(np.int32)
    for name in ("time", "received"):
        texts = [value or "1970-01-01" for value in named[name]]
        named[name] = np.array(texts, dtype="datetime64[us]").astype(np.int64) * 1_000
    for name in FLOATS:
        named[name] = np.array(named[name], dtype=np.float64)
    known = np.array([levels is not None for levels in depth], dtype=np.bool_)
    return TickSeries(code, depth=_levels(known, b"".join(filter(None, depth))), **named)


def _sqlite_value(connection: Any, value: Any) -> Any:
    """Times and dates as the texts that SQLite keeps."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return str(value) if isinstance(value, date) else value
