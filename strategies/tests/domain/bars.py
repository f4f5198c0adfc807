"""Bars for tests: by hand from prices, and made by hypothesis on a tick grid."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.averages import relation
from strategies.domain.strategy import BaseStrategy
from strategies.domain.windowed import target_column

MINUTE = 60_000_000_000
DAY_BARS = 12
"""Bars in one made trading day: short, so that a small series has many days."""


def series(rows: Sequence[tuple[float, float, float, float]], day_bars: int = DAY_BARS) -> BarSeries:
    """Bars from rows of open, high, low, close; a trading day every ``day_bars`` bars."""
    count = len(rows)
    prices = np.array(rows, dtype=np.float64).reshape(count, 4)
    days = np.arange(count, dtype=np.int32) // np.int32(day_bars)
    start = days.astype(np.int64) * 86_400_000_000_000 + np.arange(count) % day_bars * MINUTE
    opens, highs, lows, closes = prices.T
    ones = np.ones(count)
    return BarSeries("rb88.SHFE", "1m", start, days, opens, highs, lows, closes, ones, ones, ones)


def flat(closes: Sequence[float], day_bars: int = DAY_BARS) -> BarSeries:
    """Bars whose four prices are their close."""
    return series([(close, close, close, close) for close in closes], day_bars)


def rows(bars: BarSeries) -> list[Bar]:
    """The bars one by one."""
    return list(bars.rows())


@st.composite
def tick_bars(draw: st.DrawFn, least: int = 0, most: int = 120, swing: int = 12) -> BarSeries:
    """Up to ``most`` bars on a grid of whole ticks around 4000, each within ``swing`` ticks of the one before."""
    count = draw(st.integers(least, most))
    step = st.integers(-swing, swing)
    last, made = 4_000, []
    for moves in draw(st.lists(st.tuples(step, step, step, step), min_size=count, max_size=count)):
        opened, first, second, closed = (max(1, last + move) for move in moves)
        prices = (opened, first, second, closed)
        made.append((float(opened), float(max(prices)), float(min(prices)), float(closed)))
        last = closed
    return series(made, draw(st.sampled_from([1, 5, DAY_BARS])))


def shown(strategy: BaseStrategy, bars: BarSeries) -> list[float | None]:
    """The decisions of a form 1 strategy over whole columns, ``None`` where there is none."""
    strategy.initialize()
    return [None if math.isnan(target) else target for target in target_column(strategy, bars).tolist()]


def crossings(
    first: Sequence[float], second: Sequence[float], price: Sequence[float], scale: float | None = None
) -> list[int]:
    """+1 where ``first`` crosses above ``second``, -1 where below, else 0; NaN crosses nothing. Plain Python.

    Ties are told by the price, or by ``scale`` where one is given.
    """
    found = [0] * len(first)
    for at in range(1, len(first)):
        known = not any(map(math.isnan, (first[at - 1], second[at - 1], first[at], second[at])))
        before = relation(first[at - 1], second[at - 1], scale or price[at - 1])
        now = relation(first[at], second[at], scale or price[at])
        if known and now and now != before:
            found[at] = now
    return found
