"""Columns made ready to be drawn: bars merged to a number that a canvas can carry, months out of days."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import BarSeries
from quantsite.common.times import SHANGHAI_OFFSET_NS

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Days = npt.NDArray[np.int32]

MAX_POINTS = 5_000
"""More candles than this take a browser over 300 ms to draw, and no screen has the pixels."""


class MergedBars(NamedTuple):
    """Groups of ``size`` bars that follow each other; columns of shape ``(groups,)``, ``start`` in ns UTC."""

    size: int
    start: Longs
    open: Floats
    high: Floats
    low: Floats
    close: Floats


def merge_bars(bars: BarSeries, limit: int) -> MergedBars:
    """The bars in at most ``limit`` groups of equal size (the last may be smaller).

    A group opens with its first bar, closes with its last and keeps the extremes of all, so that nothing
    that happened is lost to the eye; size 1 where the bars fit as they are.
    """
    size = max(1, -(-len(bars) // limit))
    if size == 1:
        return MergedBars(size, bars.start, bars.open, bars.high, bars.low, bars.close)
    first = np.arange(0, len(bars), size)
    last = np.append(first[1:], len(bars)) - 1
    return MergedBars(
        size=size,
        start=bars.start[first],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
    )


def positions(moments: Longs, start: Longs, size: int) -> Floats:
    """Where ``moments`` (ns) lie on an axis that has the n-th group of ``size`` bars at n; bars start at ``start``."""
    bar = np.searchsorted(start, moments, side="right") - 1
    return np.asarray((bar - (size - 1) / 2) / size, dtype=np.float64)


def wall_clock_ms(moments: Longs) -> Floats:
    """Milliseconds that read as the wall clock of Shanghai in a browser that shows them as UTC."""
    return ((moments + SHANGHAI_OFFSET_NS) // 1_000_000).astype(np.float64)


def wall_clock_labels(moments: Longs) -> list[str]:
    """``2024-03-01 21:05`` in Shanghai time, one text an instant."""
    texts: list[str] = np.datetime_as_string((moments + SHANGHAI_OFFSET_NS).astype("datetime64[ns]"), "m").tolist()
    return [text.replace("T", " ") for text in texts]


class YearRow(NamedTuple):
    """Returns of one year as fractions: ``months`` from January to December (None without a day), ``total``."""

    year: int
    months: tuple[float | None, ...]
    total: float | None


def monthly_returns(trading_day: Days, equity: Floats, capital: float) -> list[YearRow]:
    """Month and year returns by trading day, from the last equity before to the last one in it.

    None where the equity before was zero or below, or where the month has no trading day.
    """
    ends: dict[tuple[int, int], float] = {}
    months = trading_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    for month, value in zip(months.tolist(), equity.tolist(), strict=True):
        ends[1970 + month // 12, month % 12] = value
    returns: dict[tuple[int, int], float | None] = {}
    before = capital
    for key, value in ends.items():
        returns[key] = _growth(before, value)
        before = value
    years = sorted({year for year, _ in ends})
    closing = [capital, *(value for _, value in _last_of_years(ends))]
    return [
        YearRow(year, tuple(returns.get((year, month)) for month in range(12)), _growth(closing[i], closing[i + 1]))
        for i, year in enumerate(years)
    ]


def _last_of_years(ends: dict[tuple[int, int], float]) -> Sequence[tuple[int, float]]:
    return list({year: value for (year, _), value in ends.items()}.items())


def _growth(before: float, after: float) -> float | None:
    return after / before - 1 if before > 0 else None
