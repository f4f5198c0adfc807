"""Bars for tests: by hand from prices, and made by hypothesis on a tick grid."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from marketdata.domain.bars import Bar, BarSeries

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
