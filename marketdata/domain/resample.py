"""Bars of few minutes -> bars of many, over whole columns: the same bars that the builder makes one by one."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.intervals import parse_interval
from marketdata.domain.sessions import SessionTable
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

LongColumn = npt.NDArray[np.int64]


def resample(bars: BarSeries, table: SessionTable, interval: str) -> BarSeries:
    """``bars`` put together to ``interval`` by the session table; a whole day for ``1d``.

    A bar belongs where its start lies: N minutes of trading from the opening of its session, across breaks. Bars
    outside the sessions are left out. Volume and turnover are sums (turnover NaN where all are), open interest is the
    last one. Raises :class:`RuleError` ``invalid_interval``, ``not_divisible`` where the source's bars do not fit.
    """
    minutes, source = parse_interval(interval), parse_interval(bars.interval)
    if source is None or (minutes is not None and minutes % source):
        given = {"source": bars.interval, "wanted": interval}
        raise RuleError("not_divisible", say("Bars of %(source)s cannot make bars of %(wanted)s.", **given))
    if source == minutes or not len(bars):
        return replace(bars, interval=interval)
    inside = table.inside(bars.start, bars.trading_day)
    if not inside.all():
        bars = bars.take(inside)
        if not len(bars):
            return BarSeries.empty(bars.instrument, interval)
    start = _day_starts(bars, table) if minutes is None else table.bucket_starts(bars.start, minutes)
    first = np.flatnonzero(np.diff(start, prepend=start[:1] - 1))
    return _folded(bars, interval, start[first], first)


def _day_starts(bars: BarSeries, table: SessionTable) -> LongColumn:
    days, row = np.unique(bars.trading_day, return_inverse=True)
    starts, numbers = table.grid_between(from_day_number(int(days[0])), from_day_number(int(days[-1])), None)
    return starts[np.searchsorted(numbers, days)][row]


def _folded(bars: BarSeries, interval: str, start: LongColumn, first: LongColumn) -> BarSeries:
    """One bar for each group of rows; ``first`` are the rows at which groups begin."""
    last = np.append(first[1:], len(bars)) - 1
    known = ~np.isnan(bars.turnover)
    turnover = np.add.reduceat(np.where(known, bars.turnover, 0.0), first)
    turnover[np.add.reduceat(known, first) == 0] = np.nan
    return BarSeries(
        bars.instrument,
        interval,
        start,
        bars.trading_day[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        turnover,
        bars.open_interest[last],
    )
