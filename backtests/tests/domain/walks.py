"""Random walks on the tick grid: prices in which there is nothing to find, and ones in which an edge was planted."""

import numpy as np

from backtests.tests.domain.series import CODE
from marketdata.domain.bars import BarSeries

MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
START_DAY = 18_000  # 2019-04-14


def random_walk(
    bars: int,
    *,
    seed: int,
    per_day: int = 20,
    step: float = 4.0,
    price_tick: float = 1.0,
    start: int = 4_000,
    drift: float = 0.0,
    stretch: int = 200,
) -> BarSeries:
    """One-minute bars whose closes move by normal steps of ``step`` ticks; a day has ``per_day`` bars.

    A bar opens at the close before, its range reaches up to half a step beyond. With ``drift`` the mean step is
    plus or minus ``drift`` ticks, in turn for about ``stretch`` bars each (exponential lengths): trends that an
    average can follow. No price falls below one tick.
    """
    random = np.random.default_rng(seed)
    moves = random.normal(0.0, step, bars)
    if drift:
        turns = np.cumsum(random.exponential(stretch, bars // stretch * 4 + 8)).astype(np.int64)
        moves += drift * np.where(np.searchsorted(turns, np.arange(bars), side="right") % 2, -1.0, 1.0)
    closes = np.maximum(np.rint(start + np.cumsum(moves)), 1.0)
    opens = np.concatenate(([float(start)], closes[:-1]))
    highs = np.maximum(opens, closes) + np.rint(random.uniform(0, step / 2, bars))
    lows = np.maximum(np.minimum(opens, closes) - np.rint(random.uniform(0, step / 2, bars)), 1.0)
    days = START_DAY + np.arange(bars, dtype=np.int32) // per_day
    starts = days.astype(np.int64) * DAY_NS + np.arange(bars) % per_day * MINUTE_NS
    prices = [np.round(ticks * price_tick, 10) for ticks in (opens, highs, lows, closes)]
    rest = [np.full(bars, 100.0), np.ones(bars), np.ones(bars)]
    return BarSeries(CODE, "1m", starts, days, *[*prices, *rest])
