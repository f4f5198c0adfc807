"""Fills and days into and out of their tables: columns in, rows written in bulk.

PostgreSQL takes them by COPY (50,000 fills in a fraction of a second), SQLite by one prepared INSERT.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, models

from backtests.domain.result import DayTable, FillTable
from backtests.models import BacktestDay, BacktestFill, BacktestRun
from quantsite.common.times import utc_to_ns

_FILL_NUMBERS = ("direction", "offset", "price", "volume", "commission", "slippage", "profit", "leg")
_FILL_BYTES = ("direction", "offset", "leg")
_DAY_NUMBERS = ("equity", "net_profit", "commission", "slippage", "drawdown", "margin", "position")


def store_fills(run_id: int, fills: FillTable) -> None:
    """Insert the fills of a run, numbered from 1 in their order."""
    columns: list[Iterable[Any]] = [
        [run_id] * len(fills),
        range(1, len(fills) + 1),
        _moments(fills.start),
        _days(fills.trading_day),
        *(getattr(fills, name).tolist() for name in _FILL_NUMBERS),
    ]
    _insert(BacktestFill, ("run_id", "seq", "start", "trading_day", *_FILL_NUMBERS), columns)


def store_days(run_id: int, days: DayTable) -> None:
    """Insert the trading days of a run."""
    columns: list[Iterable[Any]] = [
        [run_id] * len(days),
        _days(days.trading_day),
        *(getattr(days, name).tolist() for name in _DAY_NUMBERS),
    ]
    _insert(BacktestDay, ("run_id", "trading_day", *_DAY_NUMBERS), columns)


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


def _moments(starts: npt.NDArray[np.int64]) -> list[str]:
    """Instants (ns UTC) as both databases read them: SQLite keeps Django's form, naive and in UTC."""
    texts: list[str] = np.datetime_as_string(starts.astype("datetime64[ns]"), unit="s").tolist()
    zone = "+00" if connection.vendor == "postgresql" else ""
    return [text.replace("T", " ") + zone for text in texts]


def _days(days: npt.NDArray[np.int32]) -> list[str]:
    """Days since the epoch as ISO dates."""
    texts: list[str] = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    return texts


def _insert(model: type[models.Model], names: tuple[str, ...], columns: list[Iterable[Any]]) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    listed = ", ".join(connection.ops.quote_name(name) for name in names)
    rows = zip(*columns, strict=True)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
                copy.write("".join("\t".join(map(str, row)) + "\n" for row in rows))
        else:
            marks = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", list(rows))  # noqa: S608
