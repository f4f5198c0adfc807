"""What a backtest leaves behind: its fills, its trading days, its closed trades, as numpy columns.

Nothing in here is rounded; pages, files and reports round when they print.
"""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

FloatColumn = npt.NDArray[np.float64]
LongColumn = npt.NDArray[np.int64]
DayColumn = npt.NDArray[np.int32]
ByteColumn = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class FillTable:
    """One row a fill, in the order in which they happened; every column has shape ``(fills,)``.

    ``bar_index`` counts within the bars of the run, ``start`` (ns UTC) and ``trading_day`` (days since the
    epoch) are of the bar that filled. ``direction`` is +1 for a buy, -1 for a sell, ``offset`` a value of
    ``trading.domain.offsets.Offset``. ``price`` contains the slippage; ``slippage`` says in money what it
    cost and is information only. ``profit`` is the close profit by trade before commission, 0 for an opening.
    ``leg`` is the number of the instrument, 0 where there is one; ``bar_index`` counts within its own bars.
    """

    bar_index: LongColumn
    start: LongColumn
    trading_day: DayColumn
    direction: ByteColumn
    offset: ByteColumn
    price: FloatColumn
    volume: FloatColumn
    commission: FloatColumn
    slippage: FloatColumn
    profit: FloatColumn
    leg: ByteColumn

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class DayTable:
    """One row for each trading day that has bars, marked at its last bar's close; shape ``(days,)``.

    ``trading_day`` is in days since the epoch. ``equity`` is the balance after the day, ``net_profit`` its
    change over the day (commission already off), ``commission`` and ``slippage`` the day's sums in money,
    ``drawdown`` the fraction (<= 0) below the highest equity so far, the start capital counted in, ``margin``
    the margin held at the end of the day and ``position`` the signed volume held then.
    """

    trading_day: DayColumn
    equity: FloatColumn
    net_profit: FloatColumn
    commission: FloatColumn
    slippage: FloatColumn
    drawdown: FloatColumn
    margin: FloatColumn
    position: FloatColumn

    def __len__(self) -> int:
        return len(self.trading_day)


@dataclass(frozen=True, slots=True)
class TradeTable:
    """One row a closed lot, first in first out, in the order of the closes; shape ``(trades,)``.

    ``direction`` is +1 for a lot that was long, -1 for a short one; starts are ns UTC of the filling bars,
    days are days since the epoch; the indices are of the filling bars within the bars of their ``leg``.
    ``net_profit`` has the commission of the opening (its share) and of the
    close taken off.
    """

    entry_start: LongColumn
    exit_start: LongColumn
    entry_day: DayColumn
    exit_day: DayColumn
    direction: ByteColumn
    entry_price: FloatColumn
    exit_price: FloatColumn
    volume: FloatColumn
    net_profit: FloatColumn
    entry_index: LongColumn
    exit_index: LongColumn
    leg: ByteColumn

    def __len__(self) -> int:
        return len(self.entry_start)


Table = TypeVar("Table", FillTable, DayTable, TradeTable)
_TYPES: dict[object, type[np.generic]] = {
    FloatColumn: np.float64,
    LongColumn: np.int64,
    DayColumn: np.int32,
    ByteColumn: np.int8,
}


def no_rows(table: type[Table]) -> Table:
    """A table without rows."""
    return table(**{field.name: np.empty(0, dtype=_TYPES[field.type]) for field in fields(table)})


@dataclass(frozen=True, slots=True)
class RunResult:
    """The whole outcome of one run.

    ``end_equity`` is the balance after the last bar (the start capital where there were no bars),
    ``net_profit`` its difference to the start capital, ``commission`` and ``slippage`` the sums over all
    fills in money. ``rejected`` counts openings refused for want of margin; ``warnings`` are sentences for
    the reader of the report.
    """

    fills: FillTable
    days: DayTable
    trades: TradeTable
    end_equity: float
    net_profit: float
    commission: float
    slippage: float
    rejected: int
    warnings: tuple[str, ...]


def idle_result(capital: float) -> RunResult:
    """The outcome of a run without a bar."""
    none = no_rows(FillTable), no_rows(DayTable), no_rows(TradeTable)
    return RunResult(*none, capital, 0.0, 0.0, 0.0, 0, ())
