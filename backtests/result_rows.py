"""Fills and days into and out of their tables: columns in, rows written in bulk.

PostgreSQL takes them by COPY in its binary form, built by numpy (50,000 fills in a tenth of a second), SQLite by one
prepared INSERT.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from django.db import connection, models

from backtests.domain.result import DayTable, FillTable
from backtests.models import BacktestDay, BacktestFill, BacktestRun
from marketdata.bar_rows import PG_EPOCH_DAYS, PG_EPOCH_MICROSECONDS
from marketdata.bar_store import COPY_HEADER, COPY_TRAILER
from quantsite.common.times import NS_PER_SECOND, utc_to_ns

Columns = dict[str, npt.NDArray[Any]]
"""Column name -> values, shape ``(rows,)``."""

_FILL_NUMBERS = ("direction", "offset", "price", "volume", "commission", "slippage", "profit", "leg")
_FILL_BYTES = ("direction", "offset", "leg")
_DAY_NUMBERS = ("equity", "net_profit", "commission", "slippage", "drawdown", "margin", "position")


_WIDTHS = {"direction": ">i2", "offset": ">i2", "leg": ">i2"}
"""Of numbers that are no doubles: how PostgreSQL's binary form holds them."""


def store_fills(run_id: int, fills: FillTable) -> None:
    """Insert the fills of a run, numbered from 1 in their order."""
    columns = {"run_id": np.full(len(fills), run_id), "seq": np.arange(1, len(fills) + 1), "start": fills.start}
    columns |= {name: getattr(fills, name) for name in ("trading_day", *_FILL_NUMBERS)}
    _insert(BacktestFill, columns)


def store_days(run_id: int, days: DayTable) -> None:
    """Insert the trading days of a run."""
    columns = {"run_id": np.full(len(days), run_id)}
    columns |= {name: getattr(days, name) for name in ("trading_day", *_DAY_NUMBERS)}
    _insert(BacktestDay, columns)


def read_fills(run: BacktestRun, bar_starts: npt.NDArray[np.int64] | None = None) -> FillTable:
    """The stored fills; ``bar_index`` counts within ``bar_starts`` (ns UTC, ascending), and is -1 without them."""
    rows = list(run.fills.order_by("seq").values_list("start", "trading_day", *_FILL_NUMBERS))
    start = np.array([utc_to_ns(row[0]) for row in rows], dtype=np.int64)
    known = np.full(len(rows), -1) if bar_starts is None else np.searchsorted(bar_starts, start)
    numbers = dict(zip(_FILL_NUMBERS, _number_columns(rows, 2, len(_FILL_NUMBERS)), strict=True))
    bytes_too = {name: numbers[name].astype(np.int8) for name in _FILL_BYTES}
    return FillTable(
        bar_index=known.astype(np.int64), start=start, trading_day=_day_column(rows, 1), **{**numbers, **bytes_too}
    )


def read_days(run: BacktestRun) -> DayTable:
    """The stored trading days in their order."""
    rows = list(run.days.order_by("trading_day").values_list("trading_day", *_DAY_NUMBERS))
    return DayTable(_day_column(rows, 0), *_number_columns(rows, 1, len(_DAY_NUMBERS)))


def _number_columns(rows: Sequence[Sequence[Any]], first: int, count: int) -> npt.NDArray[np.float64]:
    """Columns ``first`` and on as floats, shape ``(count, rows)``."""
    numbers = np.array([row[first:] for row in rows], dtype=np.float64)
    return np.ascontiguousarray(numbers.reshape(len(rows), count).T)


def _day_column(rows: Sequence[Sequence[Any]], place: int) -> npt.NDArray[np.int32]:
    return np.array([row[place] for row in rows], dtype="datetime64[D]").astype(np.int32)


def _insert(model: type[models.Model], columns: Columns) -> None:
    """Insert the rows: ``start`` in ns UTC, ``trading_day`` in days since the epoch, all else plain numbers."""
    if not len(columns["run_id"]):
        return
    table = connection.ops.quote_name(model._meta.db_table)
    listed = ", ".join(connection.ops.quote_name(name) for name in columns)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({listed}) FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(COPY_HEADER + _binary(columns) + COPY_TRAILER)
        else:
            marks = ", ".join(["%s"] * len(columns))
            rows = zip(*(_values(name, column) for name, column in columns.items()), strict=True)
            cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", list(rows))  # noqa: S608


def _binary(columns: Columns) -> bytes:
    """The rows as PostgreSQL's COPY takes them: each value after its length, big end first."""
    shifted = columns | {"trading_day": columns["trading_day"] - PG_EPOCH_DAYS}
    if "start" in columns:
        shifted["start"] = columns["start"] // 1_000 - PG_EPOCH_MICROSECONDS
    kinds = {"run_id": ">i8", "seq": ">i4", "start": ">i8", "trading_day": ">i4", **_WIDTHS}
    layout = [("fields", ">i2")]
    for name in columns:
        layout += [(f"{name}_length", ">i4"), (name, kinds.get(name, ">f8"))]
    rows = np.zeros(len(columns["run_id"]), dtype=layout)
    rows["fields"] = len(columns)
    for name, column in shifted.items():
        rows[f"{name}_length"] = rows.dtype[name].itemsize
        rows[name] = column
    return rows.tobytes()


def _values(name: str, column: npt.NDArray[Any]) -> list[Any]:
    """A column as SQLite keeps it: instants in Django's form, naive and in UTC; days as ISO dates."""
    if name == "start":
        # Bars start on whole seconds; fills of a run on ticks carry their own instants.
        unit: Literal["us", "s"] = "us" if (column % NS_PER_SECOND).any() else "s"
        texts: list[str] = np.datetime_as_string(column.astype("datetime64[ns]"), unit=unit).tolist()
        return [text.replace("T", " ") for text in texts]
    if name == "trading_day":
        return list(np.datetime_as_string(column.astype("datetime64[D]")).tolist())
    return list(column.tolist())
