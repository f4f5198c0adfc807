"""The arrays of one run in Python's hands: made, grown when the kernel finds them full, read out as a result."""

import numpy as np
import numpy.typing as npt

from backtests.domain import kernel_state as state
from backtests.domain.kernel_state import Book, Tape
from backtests.domain.result import DayTable, FillTable, FloatColumn, RunResult, TradeTable
from backtests.domain.tape import Row

SMALL, ROOMY = 64, 1024
_WIDTHS = {
    "lots": 4, "lot_places": 2, "orders": 4, "order_marks": 8, "fills": 5, "fill_marks": 5, "trades": 4,
    "trade_marks": 4, "updates": 3, "update_marks": 6,
}  # fmt: skip
_MARKS = {"lot_places", "order_marks", "fill_marks", "trade_marks", "update_marks"}


def new_book(tape: Tape, capital: float, switches: npt.NDArray[np.int64], fills: int = ROOMY) -> Book:
    """An account with ``capital`` and nothing else; room for ``fills`` fills and trades at first."""
    days, legs = tape.terms.shape
    account = np.zeros(6)
    account[state.PRE_BALANCE] = capital
    counts = np.zeros(14, dtype=np.int64)
    counts[state.DAY] = counts[state.DAY_ROW] = -1
    numbers = np.zeros((legs, 10))
    numbers[:, [state.LAST, state.PRE_SETTLE]] = np.nan
    numbers[:, [state.LOW_TRIGGER, state.LEVEL_DOWN]] = -np.inf
    numbers[:, [state.HIGH_TRIGGER, state.LEVEL_UP]] = np.inf
    rows = {"lots": SMALL, "orders": SMALL, "updates": SMALL, "fills": fills, "trades": fills}
    sizes = {name: rows[_table(name)] for name in _WIDTHS}
    tables = {name: _table_of(name, (sizes[name],), legs) for name in _WIDTHS}
    return Book(
        switches=switches,
        account=account,
        counts=counts,
        leg_numbers=numbers,
        leg_marks=np.zeros((legs, 7), dtype=np.int64),
        days=np.empty((days, 6)),
        **tables,
    )


def _table(name: str) -> str:
    return {"lot_places": "lots"}.get(name, name.replace("_marks", "s"))


def _table_of(name: str, rows: tuple[int], legs: int) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
    shape = (legs, *rows, _WIDTHS[name]) if name.startswith("lot") else (*rows, _WIDTHS[name])
    return np.empty(shape, dtype=np.int64) if name in _MARKS else np.empty(shape)


def grown(book: Book) -> Book:
    """The same book with twice the room in every table that is half full or more."""
    counts, marks = book.counts, book.leg_marks
    used = {
        "lots": int((marks[:, state.TAIL] - marks[:, state.HEAD]).max()),
        "orders": int(counts[state.ORDERS]),
        "updates": int(counts[state.UPDATES]),
        "fills": int(counts[state.FILLS]),
        "trades": int(counts[state.TRADES]),
    }
    # One bar can write several rows for each order and one for each lot: what it needs at most decides, beside
    # what is used. It is never less than what the kernel's ``roomy`` asks for.
    most = 4 * (2 * used["orders"] + 4 * len(marks) + 8) + int((marks[:, state.TAIL] - marks[:, state.HEAD]).sum())
    tables = {}
    for name in _WIDTHS:
        old = getattr(book, name)
        axis = 1 if name.startswith("lot") else 0
        if 2 * (used[_table(name)] + most) < old.shape[axis]:
            continue
        new = _table_of(name, (2 * (old.shape[axis] + most),), len(marks))
        if axis:
            new[:, : old.shape[1]] = old
        else:
            new[: old.shape[0]] = old
        tables[name] = new
    return book._replace(**tables)


def result_of(book: Book, rows: Row, capital: float, warnings: tuple[str, ...]) -> RunResult:
    """Everything that has happened, as columns."""
    fills = _fill_table(book, rows)
    days = _day_table(book, rows, capital)
    end = float(days.equity[-1]) if len(days) else capital
    return RunResult(
        fills=fills,
        days=days,
        trades=_trade_table(book, rows),
        end_equity=end,
        net_profit=end - capital,
        commission=float(fills.commission.sum()),
        slippage=float(fills.slippage.sum()),
        rejected=int(book.counts[state.REFUSED]),
        warnings=warnings,
    )


def _at(
    rows: Row, leg: npt.NDArray[np.int64], bar: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Start and trading day of bars, given by leg and number within the leg."""
    if len(rows.of_leg) == 1:
        row = bar
    else:
        row = np.zeros(len(bar), dtype=np.int64)
        for k, own in enumerate(rows.of_leg):
            row[leg == k] = own[bar[leg == k]]
    return rows.start[row], rows.trading_day[row]


def _fill_table(book: Book, rows: Row) -> FillTable:
    count = int(book.counts[state.FILLS])
    numbers, marks = book.fills[:count].T.copy(), book.fill_marks[:count].T.copy()
    start, day = _at(rows, marks[state.FILL_LEG], marks[state.FILL_BAR])
    return FillTable(
        bar_index=marks[state.FILL_BAR],
        start=start,
        trading_day=day,
        direction=marks[state.FILL_SIDE].astype(np.int8),
        offset=marks[state.FILL_OFFSET].astype(np.int8),
        price=numbers[state.FILL_PRICE],
        volume=numbers[state.FILL_VOLUME],
        commission=numbers[state.FILL_PAID],
        slippage=numbers[state.FILL_LOST],
        profit=numbers[state.FILL_PROFIT],
        leg=marks[state.FILL_LEG].astype(np.int8),
    )


def _trade_table(book: Book, rows: Row) -> TradeTable:
    count = int(book.counts[state.TRADES])
    numbers, marks = book.trades[:count].T.copy(), book.trade_marks[:count].T.copy()
    leg = marks[state.TRADE_LEG]
    entry_start, entry_day = _at(rows, leg, marks[state.ENTRY_BAR])
    exit_start, exit_day = _at(rows, leg, marks[state.EXIT_BAR])
    return TradeTable(
        entry_start=entry_start,
        exit_start=exit_start,
        entry_day=entry_day,
        exit_day=exit_day,
        direction=marks[state.TRADE_SIDE].astype(np.int8),
        entry_price=numbers[state.ENTRY],
        exit_price=numbers[state.EXIT],
        volume=numbers[state.LOTS],
        net_profit=numbers[state.NET],
        entry_index=marks[state.ENTRY_BAR],
        exit_index=marks[state.EXIT_BAR],
        leg=leg.astype(np.int8),
    )


def _day_table(book: Book, rows: Row, capital: float) -> DayTable:
    columns = book.days.T.copy()
    return DayTable(
        trading_day=rows.days.astype(np.int32),
        equity=columns[state.EQUITY],
        net_profit=columns[state.NET_PROFIT],
        commission=columns[state.DAY_PAID],
        slippage=columns[state.DAY_LOST],
        drawdown=drawdown(columns[state.EQUITY], capital),
        margin=columns[state.MARGIN],
        position=columns[state.POSITION],
    )


def drawdown(equity: FloatColumn, capital: float) -> FloatColumn:
    """``equity / peak - 1`` (0 or negative), the peak being the highest equity so far and at least ``capital``."""
    peak = np.maximum(np.maximum.accumulate(equity), capital) if len(equity) else equity
    column: FloatColumn = equity / peak - 1.0
    return column
