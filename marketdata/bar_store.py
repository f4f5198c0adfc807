"""Bars into the database, in columns: binary COPY on PostgreSQL, executemany on SQLite.

The caller holds the lock of the series (``locks.lock_bars``), so what is read here is still true when it is written.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Count, Max, Min

from marketdata.bar_rows import PG_EPOCH_DAYS, PG_EPOCH_MICROSECONDS
from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries, LongColumn
from marketdata.models import Bar, BarCoverage
from quantsite.common.times import ns_to_utc

COLUMNS = ("instrument_id", "interval", "trading_day", "start", *VALUE_COLUMNS)
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
CHUNK = 10_000
"""Rows a call: large enough to cost nothing, small enough for a progress bar to move."""


Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Comparison:
    """Incoming bars against the stored ones: row numbers of the incoming series."""

    new: LongColumn
    unchanged: LongColumn
    different: LongColumn
    stored: BarSeries
    """The stored bars of the rows in ``different``, in their order."""


def compare(incoming: BarSeries, coverage: BarCoverage) -> Comparison:
    """Which incoming bars are new, stored already with the same values, or stored with others."""
    nothing = np.empty(0, dtype=np.int64)
    if not len(incoming):
        return Comparison(nothing, nothing, nothing, incoming)
    first, last = ns_to_utc(int(incoming.start[0])), ns_to_utc(int(incoming.start[-1]) + 1_000)
    stored = Bar.objects.series(coverage.instrument, coverage.interval, first, last)
    at = np.searchsorted(stored.start, incoming.start)
    known = np.zeros(len(incoming), dtype=np.bool_)
    inside = at < len(stored)
    known[inside] = stored.start[at[inside]] == incoming.start[inside]
    rows, places = np.flatnonzero(known), at[known]
    same = incoming.trading_day[rows] == stored.trading_day[places]
    for name in VALUE_COLUMNS:
        there, here = getattr(stored, name)[places], getattr(incoming, name)[rows]
        same &= (there == here) | (np.isnan(there) & np.isnan(here))
    return Comparison(np.flatnonzero(~known), rows[same], rows[~same], stored.take(places[~same]))


def insert(bars: BarSeries, coverage: BarCoverage, progress: Progress | None = None) -> None:
    """Add bars that are not stored yet; ``progress`` is told the rows written and all.

    Raises ``IntegrityError`` where one is stored already.
    """
    if not len(bars):
        return
    write = _copy if connection.vendor == "postgresql" else _insert_many
    write(bars, coverage.instrument_id, coverage.interval, progress or (lambda _done, _total: None))
    _changed(coverage)


def delete(bars: BarSeries, coverage: BarCoverage) -> None:
    """Remove the stored bars with these starts and trading days."""
    for first in range(0, len(bars), CHUNK):
        part = bars.take(slice(first, first + CHUNK))
        starts = [ns_to_utc(start) for start in part.start.tolist()]
        days = sorted({ns_to_utc(day * 86_400 * 10**9).date() for day in part.trading_day.tolist()})
        rows = Bar.objects.filter(instrument=coverage.instrument_id, interval=coverage.interval)
        rows.filter(trading_day__range=(days[0], days[-1]), start__in=starts).delete()
    _changed(coverage)


def _changed(coverage: BarCoverage) -> None:
    """From this transaction's end on no reader takes a file of the bars as they were."""
    coverage.revision += 1
    coverage.data_hash = ""
    coverage.save(update_fields=["revision", "data_hash"])


def refresh(coverage: BarCoverage) -> None:
    """Count again what is stored, and save it."""
    rows = Bar.objects.filter(instrument=coverage.instrument_id, interval=coverage.interval)
    found = rows.aggregate(
        bars=Count("start"),
        first_start=Min("start"),
        last_start=Max("start"),
        first_day=Min("trading_day"),
        last_day=Max("trading_day"),
    )
    for name, value in found.items():
        setattr(coverage, name, value)
    coverage.save()


def _parts(bars: BarSeries, progress: Progress) -> Iterator[BarSeries]:
    for first in range(0, len(bars), CHUNK):
        yield bars.take(slice(first, first + CHUNK))
        progress(min(first + CHUNK, len(bars)), len(bars))


def _insert_many(bars: BarSeries, instrument_id: int, interval: str, progress: Progress) -> None:
    marks = ", ".join(["%s"] * len(COLUMNS))
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with connection.cursor() as cursor:
        for part in _parts(bars, progress):
            cursor.executemany(
                f"INSERT INTO marketdata_bar ({names}) VALUES ({marks})",  # noqa: S608
                _rows(part, instrument_id, interval),
            )


def _rows(bars: BarSeries, instrument_id: int, interval: str) -> Any:
    """Tuples in the order of :data:`COLUMNS`, times as Django writes them to SQLite."""
    starts = np.strings.replace(np.datetime_as_string(bars.start.astype("datetime64[ns]"), unit="s"), "T", " ")
    days = np.datetime_as_string(bars.trading_day.astype("datetime64[D]"))
    count = len(bars)
    return zip(
        [instrument_id] * count,
        [interval] * count,
        days.tolist(),
        starts.tolist(),
        *(getattr(bars, name).tolist() for name in PRICE_COLUMNS),
        bars.volume.astype(np.int64).tolist(),
        _or_null(bars.turnover),
        _or_null(bars.open_interest),
        strict=True,
    )


def _or_null(column: npt.NDArray[np.float64]) -> list[float | None]:
    return [None if isnan(value) else value for value in column.tolist()]


def _copy(bars: BarSeries, instrument_id: int, interval: str, progress: Progress) -> None:
    """Send the rows in PostgreSQL's binary form, built by numpy.

    A null has no bytes, so rows have one width only among rows with the same nulls: each such group goes together.
    """
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    query = f"COPY marketdata_bar ({names}) FROM STDIN (FORMAT BINARY)"
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(query) as copy:
        copy.write(COPY_HEADER)
        for part in _parts(bars, progress):
            unknown = np.isnan(part.turnover) * 2 + np.isnan(part.open_interest)
            for nulls in np.unique(unknown).tolist():
                copy.write(_binary(part.take(unknown == nulls), instrument_id, interval, divmod(nulls, 2)))
        copy.write(COPY_TRAILER)


def _binary(bars: BarSeries, instrument_id: int, interval: str, nulls: tuple[int, int]) -> bytes:
    """Rows of one width; ``nulls`` says whether turnover and open interest are null in all of them."""
    name = interval.encode()
    fields: list[tuple[str, str, Any]] = [
        ("instrument_id", ">i8", instrument_id),
        ("interval", f"S{len(name)}", name),
        ("trading_day", ">i4", bars.trading_day - PG_EPOCH_DAYS),
        ("start", ">i8", bars.start // 1_000 - PG_EPOCH_MICROSECONDS),
        *((price, ">f8", getattr(bars, price)) for price in PRICE_COLUMNS),
        ("volume", ">i8", bars.volume.astype(np.int64)),
        ("turnover", "" if nulls[0] else ">f8", bars.turnover),
        ("open_interest", "" if nulls[1] else ">f8", bars.open_interest),
    ]
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for field, kind, _value in fields:
        layout += [(f"{field}_length", ">i4"), *([(field, kind)] if kind else [])]
    rows = np.zeros(len(bars), dtype=layout)
    rows["fields"] = len(fields)
    for field, kind, value in fields:
        rows[f"{field}_length"] = rows.dtype[field].itemsize if kind else -1
        if kind:
            rows[field] = value
    return rows.tobytes()
