"""Columns made ready to be drawn: bars merged to a number that a canvas can carry, instants as wall clock."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import BarSeries
from quantsite.common.times import SHANGHAI_OFFSET_NS

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

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
