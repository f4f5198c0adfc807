"""Small results and bars for the tests of the statistics, and the strategies by which hypothesis makes them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from backtests.domain.result import DayTable, FillTable, RunResult, TradeTable
from marketdata.domain.bars import BarSeries
from quantsite.common.times import SHANGHAI_FIXED, utc_to_ns


def column(values: Sequence[float], dtype: type[np.generic] = np.float64) -> np.ndarray:
    return np.asarray(values, dtype=dtype)


def fill_table(rows: Sequence[tuple[int, int, float, float, float, float]] = ()) -> FillTable:
    """Fills from rows of (start ns, direction, price, volume, commission, slippage)."""
    start, direction, price, volume, commission, slippage = zip(*rows, strict=True) if rows else ((),) * 6
    n = len(rows)
    return FillTable(
        bar_index=np.arange(n, dtype=np.int64),
        start=column(start, np.int64),
        trading_day=np.zeros(n, np.int32),
        direction=column(direction, np.int8),
        offset=np.zeros(n, np.int8),
        price=column(price),
        volume=column(volume),
        commission=column(commission),
        slippage=column(slippage),
        profit=np.zeros(n),
        leg=np.zeros(n, np.int8),
    )


def trade_table(profits: Sequence[float]) -> TradeTable:
    """Closed lots of which only the net profit matters."""
    n = len(profits)
    zeros = np.zeros(n)
    longs, days = np.zeros(n, np.int64), np.zeros(n, np.int32)
    sides, legs = np.ones(n, np.int8), np.zeros(n, np.int8)
    return TradeTable(longs, longs, days, days, sides, zeros, zeros, zeros, column(profits), longs, longs, legs)


def result_of(equity: Sequence[float], profits: Sequence[float] = (), capital: float = 100.0) -> RunResult:
    """A run whose days ended with ``equity`` and whose closed lots made ``profits``."""
    n = len(equity)
    days = DayTable(
        trading_day=np.arange(n, dtype=np.int32),
        equity=column(equity),
        net_profit=np.diff(column([capital, *equity])),
        commission=np.zeros(n),
        slippage=np.zeros(n),
        drawdown=np.zeros(n),
        margin=np.zeros(n),
        position=np.zeros(n),
    )
    end = equity[-1] if n else capital
    return RunResult(fill_table(), days, trade_table(profits), end, end - capital, 12.5, 30.0, 0, ())


def shanghai_ns(text: str) -> int:
    """Nanoseconds of a wall-clock time of Shanghai such as ``2024-03-01 21:00``."""
    return utc_to_ns(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI_FIXED))


def bar_series(rows: Sequence[tuple[int, float]]) -> BarSeries:
    """Bars from rows of (start ns, close); the other columns do not matter to statistics."""
    start = column([row[0] for row in rows], np.int64)
    close = column([row[1] for row in rows])
    ones = np.ones(len(rows))
    return BarSeries(
        instrument="rb88.SHFE",
        interval="1h",
        start=start,
        trading_day=(start // 86_400_000_000_000).astype(np.int32),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=ones,
        turnover=ones,
        open_interest=ones,
    )


@st.composite
def equity_curves(draw: st.DrawFn) -> list[float]:
    """Equity of 1 to 120 days from 100.0 on, positive, with ordinary, wild and flat days."""
    steps = st.one_of(st.floats(-0.05, 0.05), st.floats(-0.6, 1.5), st.just(0.0))
    equity, last = [], 100.0
    for step in draw(st.lists(steps.filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=1, max_size=120)):
        last *= 1 + step
        equity.append(last)
    return equity


Market = tuple[list[tuple[int, float]], list[tuple[int, int, float, float, float, float]]]


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Hourly bars over some weeks with gaps, across midnight and weekends, and fills in some of them."""
    moment = datetime(2024, 2, 28, 12, tzinfo=UTC)
    bars, fills = [], []
    price = 4000.0
    for gap in draw(st.lists(st.integers(1, 30), min_size=1, max_size=90)):
        moment += timedelta(hours=gap)
        price = max(price + draw(st.integers(-60, 60)), 1.0)
        bars.append((utc_to_ns(moment), price))
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            side, volume = draw(st.sampled_from([1, -1])), draw(st.integers(1, 3))
            paid = price + draw(st.integers(-20, 20))
            fills.append((bars[-1][0], side, paid, float(volume), draw(st.floats(0, 50)), 10.0 * volume))
    return bars, fills


class Lot(NamedTuple):
    """A trade written out by hand: bar of entry and of exit, side, prices, volume, leg."""

    entry: int
    exit: int
    side: int
    entry_price: float
    exit_price: float
    volume: float
    leg: int = 0


class MarketCase(NamedTuple):
    """Bars of one leg or several, the lots traded on them, and the result that they make."""

    legs: list[BarSeries]
    lots: list[Lot]
    result: RunResult

    @property
    def bars(self) -> BarSeries:
        """Those of the first leg."""
        return self.legs[0]


def priced_bars(rows: Sequence[tuple[int, float, float, float, float]]) -> BarSeries:
    """Bars from rows of (trading day, open, high, low, close), an hour apart."""
    day, open_, high, low, close = zip(*rows, strict=True) if rows else ((),) * 5
    whole = bar_series([(3_600_000_000_000 * place, price) for place, price in enumerate(close)])
    return replace(whole, trading_day=column(day, np.int32), open=column(open_), high=column(high), low=column(low))


def result_of_lots(legs: Sequence[BarSeries], lots: Sequence[Lot], equity: Sequence[float]) -> RunResult:
    """The result whose closed trades are ``lots`` and whose days, those of the first leg, ended with ``equity``."""
    sides = [(lot.entry, 0, lot.side, lot) for lot in lots] + [(lot.exit, 1, -lot.side, lot) for lot in lots]
    deals = sorted(sides, key=lambda deal: deal[0])
    rows = [
        (int(legs[lot.leg].start[at]), side, (lot.entry_price, lot.exit_price)[is_exit], lot.volume, 1.0, 0.0)
        for at, is_exit, side, lot in deals
    ]
    fills = replace(
        fill_table(rows),
        bar_index=column([deal[0] for deal in deals], np.int64),
        offset=column([deal[1] for deal in deals], np.int8),
        trading_day=column([legs[lot.leg].trading_day[at] for at, _, _, lot in deals], np.int32),
        leg=column([deal[3].leg for deal in deals], np.int8),
    )
    profits = [lot.side * (lot.exit_price - lot.entry_price) * lot.volume - 2.0 for lot in lots]
    trades = replace(
        trade_table(profits),
        entry_index=column([lot.entry for lot in lots], np.int64),
        exit_index=column([lot.exit for lot in lots], np.int64),
        entry_day=column([legs[lot.leg].trading_day[lot.entry] for lot in lots], np.int32),
        exit_day=column([legs[lot.leg].trading_day[lot.exit] for lot in lots], np.int32),
        direction=column([lot.side for lot in lots], np.int8),
        entry_price=column([lot.entry_price for lot in lots]),
        exit_price=column([lot.exit_price for lot in lots]),
        volume=column([lot.volume for lot in lots]),
        leg=column([lot.leg for lot in lots], np.int8),
    )
    whole = result_of(equity, profits, capital=100_000.0)
    days = replace(whole.days, trading_day=np.unique(legs[0].trading_day))
    return replace(whole, fills=fills, trades=trades, days=days)


def market_case() -> MarketCase:
    """Six bars on three days; a long lot and a short one after it that won, and one inside a single bar that lost."""
    bars = priced_bars(
        [
            (20, 100.0, 103.0, 99.0, 102.0),
            (20, 102.0, 108.0, 101.0, 107.0),
            (21, 107.0, 109.0, 95.0, 96.0),
            (21, 96.0, 97.0, 90.0, 92.0),
            (24, 92.0, 94.0, 88.0, 93.0),
            (24, 93.0, 99.0, 93.0, 98.0),
        ]
    )
    lots = [Lot(0, 2, 1, 100.5, 106.5, 2.0), Lot(2, 4, -1, 106.5, 92.5, 1.0), Lot(5, 5, 1, 97.5, 93.5, 1.0)]
    return MarketCase([bars], lots, result_of_lots([bars], lots, [100_010.0, 99_950.0, 100_030.0]))


@st.composite
def market_cases(draw: st.DrawFn, legs: int = 1) -> MarketCase:
    """Bars of ``legs`` instruments on the same days, and lots that may overlap, lie inside one bar, or be none."""
    days = sorted(draw(st.sets(st.integers(17_000, 17_060), min_size=1, max_size=8)))
    series = [priced_bars(draw(_bar_rows(days))) for _ in range(legs)]
    lots = [lot for leg in range(legs) for lot in draw(st.lists(_lots(len(series[leg]), leg), max_size=12))]
    equity = [draw(st.floats(50_000, 200_000)) for _ in days]
    return MarketCase(series, lots, result_of_lots(series, lots, equity))


@st.composite
def _bar_rows(draw: st.DrawFn, days: list[int]) -> list[tuple[int, float, float, float, float]]:
    """Some bars on each of the days."""
    rows, price = [], 4000.0
    for day in days:
        for _ in range(draw(st.integers(1, 6))):
            open_, price = price + draw(st.integers(-9, 9)), price + draw(st.integers(-40, 40))
            high, low = max(open_, price) + draw(st.integers(0, 9)), min(open_, price) - draw(st.integers(0, 9))
            rows.append((day, open_, high, low, price))
    return rows


@st.composite
def _lots(draw: st.DrawFn, bar_count: int, leg: int) -> Lot:
    entry = draw(st.integers(0, bar_count - 1))
    leave = draw(st.integers(entry, bar_count - 1))
    prices = st.integers(3_700, 4_300).map(float)
    return Lot(entry, leave, draw(st.sampled_from([1, -1])), draw(prices), draw(prices), draw(st.integers(1, 5)), leg)
