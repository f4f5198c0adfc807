"""A list of fills through the ledger: funds by trading day, closed lots and open positions come out. No I/O.

The fills are facts. Nothing is asked of session, margin, limits or price grid; only what cannot be booked is refused.
How they are booked and marked is said in ``fill_booking``. The days are those that any instrument has bars of, and
those of fills on which none has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from backtests.domain.fill_booking import Booking, DayRow, FillFact, FillRow, Held, TradeRow
from backtests.domain.legs import Leg
from backtests.domain.result import DayTable, FillTable, RunResult, TradeTable
from backtests.domain.statistics_drawdown import Water
from marketdata.domain.bars import BarSeries
from quantsite.common.texts import say, unsaid

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]
Kind = TypeVar("Kind", bound=np.generic)

_LOOSE = unsaid(
    "%(count)d plain closes on SHFE or INE took lots of the same day, which need close_today there: they were booked "
    "on those lots at the close-today fee."
)
_WITHOUT_BARS = unsaid(
    "%(count)d trading days have fills and no bar of any instrument (the first is %(day)s): they are marked at their "
    "last fill."
)
_STALE = unsaid("On %(count)d of %(all)d trading days something was held without a mark: it stayed at its last one.")


@dataclass(frozen=True, slots=True)
class FundsTable:
    """What the account's entries were on each day of ``RunResult.days``, in yuan; shape ``(days,)``.

    ``net_profit`` of the day is ``close_profit + position_profit - commission``: both profits are by date, since the
    settlement before. ``close_profit_by_trade`` is since the openings. ``fills`` counts those of the day.
    """

    close_profit: Floats
    close_profit_by_trade: Floats
    position_profit: Floats
    fills: Longs


@dataclass(frozen=True, slots=True)
class FillAccount:
    """Everything that came of the fills.

    ``result`` is in the tables of a backtest: a fill that hits lots of today and older ones has two rows, and
    ``bar_index`` and ``start`` are of the bar that holds it. ``moments`` are the instants of the same rows themselves
    (ns UTC). ``settled`` counts for each leg the days on which it was held and marked at a settlement price.
    """

    result: RunResult
    moments: Longs
    funds: FundsTable
    held: tuple[Held, ...]
    settled: tuple[int, ...]


def fill_account(fills: Sequence[FillFact], legs: Sequence[Leg], capital: float) -> FillAccount:
    """Book ``fills``, in the order of time, on an account of ``capital`` yuan; each leg has at least one bar.

    Raises ``UnbookableError`` for the first fill that closes more than is held.
    """
    marked = np.unique(np.concatenate([leg.bars.trading_day for leg in legs]))
    days = np.union1d(marked, np.array([fill.trading_day for fill in fills], dtype=np.int32))
    booking = Booking(legs, capital)
    at = 0
    for day in days.tolist():
        booking.begin(day)
        while at < len(fills) and fills[at].trading_day == day:
            booking.book(fills[at])
            at += 1
        booking.settle(day)
    moments = _column(booking.fills, "at", np.int64)
    return FillAccount(
        result=_result(booking, legs, capital, days, _warnings(booking, days, marked)),
        moments=moments,
        funds=_funds(booking.days),
        held=tuple(booking.held()),
        settled=tuple(booking.settled),
    )


def bar_places(bars: BarSeries, moments: Longs, trading_day: Days) -> Longs:
    """The number of the bar that holds each fill, shape ``(n,)``.

    A fill before its day's first bar (the auction) belongs to that one, any other outside the bars to the last before
    it, or to the very first.
    """
    place = np.searchsorted(bars.start, moments, side="right") - 1
    later = np.minimum(place + 1, len(bars) - 1)
    before = np.maximum(place, 0)
    early = (bars.trading_day[later] == trading_day) & ((bars.trading_day[before] != trading_day) | (place < 0))
    found: Longs = np.where(early, later, before)
    return found


def _result(booking: Booking, legs: Sequence[Leg], capital: float, days: Days, warnings: tuple[str, ...]) -> RunResult:
    day_table = _day_table(booking.days, days, capital)
    fills = _fill_table(booking.fills, legs)
    end = float(day_table.equity[-1])
    return RunResult(
        fills=fills,
        days=day_table,
        trades=_trade_table(booking.trades, legs),
        end_equity=end,
        net_profit=end - capital,
        commission=float(fills.commission.sum()),
        slippage=0.0,
        rejected=0,
        warnings=warnings,
    )


def _fill_table(rows: Sequence[FillRow], legs: Sequence[Leg]) -> FillTable:
    day, leg = _column(rows, "trading_day", np.int32), _column(rows, "leg", np.int8)
    place, start = _placed(legs, leg, _column(rows, "at", np.int64), day)
    return FillTable(
        bar_index=place,
        start=start,
        trading_day=day,
        direction=_column(rows, "direction", np.int8),
        offset=_column(rows, "offset", np.int8),
        **{name: _column(rows, name, np.float64) for name in ("price", "volume", "commission", "profit")},
        slippage=np.zeros(len(rows)),
        leg=leg,
    )


def _trade_table(rows: Sequence[TradeRow], legs: Sequence[Leg]) -> TradeTable:
    leg = _column(rows, "leg", np.int8)
    columns: dict[str, Any] = {}
    for end in ("entry", "exit"):
        day = _column(rows, f"{end}_day", np.int32)
        place, start = _placed(legs, leg, _column(rows, f"{end}_at", np.int64), day)
        columns |= {f"{end}_start": start, f"{end}_day": day, f"{end}_index": place}
    money = ("entry_price", "exit_price", "volume", "net_profit")
    columns |= {name: _column(rows, name, np.float64) for name in money}
    return TradeTable(**columns, direction=_column(rows, "direction", np.int8), leg=leg)


def _placed(legs: Sequence[Leg], leg: npt.NDArray[np.int8], moments: Longs, day: Days) -> tuple[Longs, Longs]:
    """Number within its leg, and start, of the bar that holds each instant."""
    place, start = np.zeros(len(leg), dtype=np.int64), np.zeros(len(leg), dtype=np.int64)
    for number, of in enumerate(legs):
        mine = np.flatnonzero(leg == number)
        place[mine] = bar_places(of.bars, moments[mine], day[mine])
        start[mine] = of.bars.start[place[mine]]
    return place, start


def _day_table(rows: Sequence[DayRow], days: Days, capital: float) -> DayTable:
    equity = _column(rows, "equity", np.float64)
    water = Water.of(equity, capital)
    return DayTable(
        trading_day=days.astype(np.int32),
        equity=equity,
        **{name: _column(rows, name, np.float64) for name in ("net_profit", "commission", "margin", "position")},
        slippage=np.zeros(len(rows)),
        drawdown=np.zeros(len(rows)) if water is None else water.depths()[1:],
    )


def _funds(rows: Sequence[DayRow]) -> FundsTable:
    money = ("close_profit", "close_profit_by_trade", "position_profit")
    return FundsTable(
        **{name: _column(rows, name, np.float64) for name in money}, fills=_column(rows, "fills", np.int64)
    )


def _column(rows: Sequence[object], name: str, kind: type[Kind]) -> npt.NDArray[Kind]:
    return np.array([getattr(row, name) for row in rows], dtype=kind)


def _warnings(booking: Booking, days: Days, marked: Days) -> tuple[str, ...]:
    """What a reader of the figures must know."""
    found = []
    if booking.loose:
        found.append(say(_LOOSE, count=booking.loose))
    alone = np.setdiff1d(days, marked)
    if len(alone):
        day = np.datetime64(int(alone[0]), "D")
        found.append(say(_WITHOUT_BARS, count=len(alone), day=day))
    if booking.stale:
        found.append(say(_STALE, count=booking.stale, all=len(days)))
    return tuple(found)
