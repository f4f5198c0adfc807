"""Small results and bars for the tests of the statistics, and the strategies by which hypothesis makes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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
