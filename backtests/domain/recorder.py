"""Collects the rows of a running backtest and turns them into the columns of its result."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.result import DayTable, FillTable, FloatColumn, LongColumn, RunResult, TradeTable
from trading.domain.ledger import Closing


class FillRow(NamedTuple):
    """One fill; the columns of :class:`~backtests.domain.result.FillTable` in their order."""

    bar_index: int
    start: int
    trading_day: int
    direction: int
    offset: int
    price: float
    volume: float
    commission: float
    slippage: float
    profit: float
    leg: int = 0


class DayRow(NamedTuple):
    """One trading day's end; the drawdown is computed when all are there."""

    trading_day: int
    equity: float
    net_profit: float
    commission: float
    slippage: float
    margin: float
    position: float


class TradeRow(NamedTuple):
    """One closed lot; the columns of :class:`~backtests.domain.result.TradeTable` in their order."""

    entry_start: int
    exit_start: int
    entry_day: int
    exit_day: int
    direction: int
    entry_price: float
    exit_price: float
    volume: float
    net_profit: float
    entry_index: int = 0
    exit_index: int = 0
    leg: int = 0


class Recorder:
    """Rows in the order in which they happen."""

    def __init__(self) -> None:
        self.fills: list[FillRow] = []
        self.days: list[DayRow] = []
        self.trades: list[TradeRow] = []

    def closed(self, start: int, trading_day: int, closing: Closing) -> None:
        """Note a closed lot as a trade: profit by trade less its share of the opening's commission and the close's."""
        lot = closing.lot
        net = lot.profit_by_trade - lot.open_commission - closing.commission
        self.trades.append(
            TradeRow(
                lot.opened_at,
                start,
                lot.trading_day,
                trading_day,
                lot.side,
                lot.open_price,
                lot.close_price,
                lot.volume,
                net,
            )
        )

    def result(self, starts: LongColumn, capital: float, rejected: int, warnings: tuple[str, ...]) -> RunResult:
        """Everything noted so far as columns; ``starts`` are those of the bars (ns UTC)."""
        days = _day_table(self.days, capital)
        fills = FillTable(**_columns(FillRow, self.fills, _FILL_TYPES))
        trades = _columns(TradeRow, self.trades, _TRADE_TYPES)
        trades["entry_index"] = np.searchsorted(starts, trades["entry_start"])
        trades["exit_index"] = np.searchsorted(starts, trades["exit_start"])
        end_equity = float(days.equity[-1]) if len(days) else capital
        return RunResult(
            fills=fills,
            days=days,
            trades=TradeTable(**trades),
            end_equity=end_equity,
            net_profit=end_equity - capital,
            commission=float(fills.commission.sum()),
            slippage=float(fills.slippage.sum()),
            rejected=rejected,
            warnings=warnings,
        )


_FILL_TYPES = {"bar_index": "i8", "start": "i8", "trading_day": "i4", "direction": "i1", "offset": "i1", "leg": "i1"}
_DAY_TYPES = {"trading_day": "i4"}
_TRADE_TYPES = {
    **dict.fromkeys(("entry_start", "exit_start", "entry_index", "exit_index"), "i8"),
    **dict.fromkeys(("entry_day", "exit_day"), "i4"),
    **dict.fromkeys(("direction", "leg"), "i1"),
}


def _columns(
    kind: type[FillRow] | type[DayRow] | type[TradeRow], rows: Sequence[tuple[Any, ...]], types: dict[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """Column name -> array; float64 where no other type is named."""
    values = zip(*rows, strict=True) if rows else ([] for _ in kind._fields)
    return {
        name: np.array(column, dtype=types.get(name, "f8")) for name, column in zip(kind._fields, values, strict=True)
    }


def _day_table(rows: Sequence[DayRow], capital: float) -> DayTable:
    columns = _columns(DayRow, rows, _DAY_TYPES)
    return DayTable(drawdown=drawdown(columns["equity"], capital), **columns)


def drawdown(equity: FloatColumn, capital: float) -> FloatColumn:
    """``equity / peak - 1`` (0 or negative), the peak being the highest equity so far and at least ``capital``."""
    peak = np.maximum(np.maximum.accumulate(equity), capital) if len(equity) else equity
    column: FloatColumn = equity / peak - 1.0
    return column
