"""Bars of many instruments at once, each at its own place: read, written and removed in few statements.

The caller holds the locks of all series concerned (``locks.lock_all_bars``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isnan, nan
from typing import Any

import numpy as np
from django.db import connection

from marketdata.bar_rows import PG_EPOCH_DAYS, PG_EPOCH_MICROSECONDS
from marketdata.bar_store import COLUMNS
from marketdata.copy_rows import COPY_HEADER, COPY_TRAILER, Field, binary_rows
from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS
from marketdata.domain.calendar import from_day_number
from marketdata.domain.ticks import BarMessage
from marketdata.models import Bar, BarCoverage
from quantsite.common.times import ns_to_utc, utc_to_ns

Series = tuple[int, str]
"""Instrument's key and interval."""
Place = tuple[int, str, int]
"""Instrument's key, interval and start (ns UTC) of a bar."""

_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_COVERED = ("bars", "first_start", "last_start", "first_day", "last_day")


@dataclass(frozen=True, slots=True)
class StoredBar:
    """A bar as it is stored: its trading day and its figures in the order of ``VALUE_COLUMNS``, NaN for null."""

    trading_day: date
    values: tuple[float, ...]


def stored_bars(bars: Mapping[Place, BarMessage]) -> dict[Place, StoredBar]:
    """What is stored at these places: one query an interval and trading day, answered by the key alone."""
    found: dict[Place, StoredBar] = {}
    groups: dict[tuple[str, int], list[Place]] = {}
    for place, bar in bars.items():
        groups.setdefault((place[1], bar.trading_day), []).append(place)
    for (interval, day), places in groups.items():
        rows = Bar.objects.filter(
            instrument__in={place[0] for place in places},
            interval=interval,
            trading_day=from_day_number(day),
            start__in={ns_to_utc(place[2]) for place in places},
        )
        for key, _interval, trading_day, start, *values in rows.values_list(*COLUMNS):
            figures = tuple(nan if value is None else float(value) for value in values)
            found[key, interval, utc_to_ns(start)] = StoredBar(trading_day, figures)
    return {place: row for place, row in found.items() if place in bars}


def delete_bars(bars: Mapping[Place, StoredBar]) -> None:
    """Remove the bars at these places."""
    keys = [(key, interval, _day(row.trading_day), _moment(start)) for (key, interval, start), row in bars.items()]
    with connection.cursor() as cursor:
        cursor.executemany(
            'DELETE FROM marketdata_bar WHERE "instrument_id" = %s AND "interval" = %s AND "trading_day" = %s'
            ' AND "start" = %s',
            keys,
        )


def insert_bars(bars: Mapping[Place, BarMessage]) -> None:
    """Add bars that are not stored. Raises ``IntegrityError`` where one is, or has no price."""
    rows = [
        (key, interval, bar.trading_day, start, *(getattr(bar, name) for name in VALUE_COLUMNS))
        for (key, interval, start), bar in sorted(bars.items())
    ]
    if connection.vendor == "postgresql":
        _copy(rows)
    else:
        _insert_many(rows)


def cover(coverage: Mapping[Series, BarCoverage], changed: Collection[Series], new: Mapping[Place, BarMessage]) -> None:
    """Tell in the rows of coverage what was added and that bars ``changed``: one statement for all of them."""
    if not changed:
        return
    for (key, interval, start), bar in new.items():
        _widen(coverage[key, interval], start, from_day_number(bar.trading_day))
    rows = [
        (one.pk, one.bars, _time(one.first_start), _time(one.last_start), _day(one.first_day), _day(one.last_day))
        for one in (coverage[series] for series in sorted(changed))
    ]
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(rows))
    values = ", ".join(f"{name} = told.{name}" for name in _COVERED)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH told (id, {', '.join(_COVERED)}) AS (VALUES {marks})"  # noqa: S608
            f" UPDATE marketdata_barcoverage SET revision = revision + 1, data_hash = '', {values}"
            " FROM told WHERE marketdata_barcoverage.id = told.id",
            [value for row in rows for value in row],
        )


def _widen(coverage: BarCoverage, start: int, day: date) -> None:
    moment = ns_to_utc(start)
    coverage.bars += 1
    coverage.first_start = min(coverage.first_start or moment, moment)
    coverage.last_start = max(coverage.last_start or moment, moment)
    coverage.first_day = min(coverage.first_day or day, day)
    coverage.last_day = max(coverage.last_day or day, day)


def _copy(rows: Sequence[tuple[Any, ...]]) -> None:
    query = f"COPY marketdata_bar ({_NAMES}) FROM STDIN (FORMAT BINARY)"
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(query) as copy:
        copy.write(COPY_HEADER)
        for part in _of_one_interval(rows):
            copy.write(_binary(part))
        copy.write(COPY_TRAILER)


def _of_one_interval(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """The interval's name has one width only in rows of the same interval."""
    parts: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        parts.setdefault(row[1], []).append(row)
    yield from parts.values()


def _binary(rows: Sequence[tuple[Any, ...]]) -> bytes:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    interval = columns["interval"][0].encode()
    prices = {name: np.array(columns[name], dtype=np.float64) for name in (*PRICE_COLUMNS, "turnover", "open_interest")}
    fields = [
        Field(">i8", columns["instrument_id"]),
        Field(f"S{len(interval)}", interval),
        Field(">i4", np.array(columns["trading_day"]) - PG_EPOCH_DAYS),
        Field(">i8", np.array(columns["start"]) // 1_000 - PG_EPOCH_MICROSECONDS),
        *(Field(">f8", prices[name], np.isnan(prices[name])) for name in PRICE_COLUMNS),
        Field(">i8", np.array(columns["volume"], dtype=np.int64)),
        *(Field(">f8", prices[name], np.isnan(prices[name])) for name in ("turnover", "open_interest")),
    ]
    return binary_rows(len(rows), fields)


def _insert_many(rows: Sequence[tuple[Any, ...]]) -> None:
    marks = ", ".join(["%s"] * len(COLUMNS))
    told = [
        (key, interval, _day(from_day_number(day)), _moment(start), *(_or_null(value) for value in values))
        for key, interval, day, start, *values in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO marketdata_bar ({_NAMES}) VALUES ({marks})", told)  # noqa: S608


def _moment(start: int) -> Any:
    return _time(ns_to_utc(start))


def _time(moment: datetime | None) -> Any:
    """As this database takes it from a statement of our own."""
    return connection.ops.adapt_datetimefield_value(moment)


def _day(day: date | None) -> Any:
    return connection.ops.adapt_datefield_value(day)


def _or_null(value: float) -> float | None:
    return None if isnan(value) else value
