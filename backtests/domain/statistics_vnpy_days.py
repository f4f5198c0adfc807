"""vn.py's daily results: profit of each calendar date, marked at the last close of that date."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable
from quantsite.common.times import NS_PER_DAY, SHANGHAI_OFFSET_NS

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


class CalendarDays(NamedTuple):
    """One row a calendar date (Asia/Shanghai, days since the epoch) with bars, all columns of shape ``(days,)``."""

    date: Longs
    net_pnl: Floats
    commission: Floats
    slippage: Floats
    turnover: Floats
    trade_count: Longs


def calendar_days(start: Longs, close: Floats, fills: FillTable, multiplier: float) -> CalendarDays:
    """The daily series of vn.py's ``DailyResult`` over bars with ascending ``start`` (ns UTC) and ``close``.

    A date's profit is what the position at its beginning made from close to close, and what each fill made
    from its price to the close of its own date, less commission. Money is price times ``multiplier``.
    """
    date, last = _dates(start)
    mark = close[last]
    # By the midnight that ends a date: a fill on a tick lies behind the start of the date's last bar.
    ends = (date + 1) * NS_PER_DAY - SHANGHAI_OFFSET_NS
    day = np.minimum(np.searchsorted(ends, fills.start, side="right"), len(date) - 1)
    change = fills.direction * fills.volume
    before = np.concatenate(([0.0], mark[:-1]))[: len(mark)]
    before[before == 0] = 1.0  # vn.py's guard against a missing close; it also meets a close of exactly 0

    def by_day(column: Floats) -> Floats:
        return np.bincount(day, weights=column, minlength=len(date)).astype(np.float64, copy=False)

    bought = by_day(change)
    commission = by_day(fills.commission)
    holding = (bought.cumsum() - bought) * (mark - before) * multiplier
    trading = by_day(change * (mark[day] - fills.price) * multiplier)
    return CalendarDays(
        date=date,
        net_pnl=holding + trading - commission,
        commission=commission,
        slippage=by_day(fills.slippage),
        turnover=by_day(fills.volume * fills.price * multiplier),
        trade_count=np.bincount(day, minlength=len(date)),
    )


def _dates(start: Longs) -> tuple[Longs, Longs]:
    """The calendar dates that have bars, and the last bar of each: found by their midnights, not bar by bar."""
    if not len(start):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    first, final = ((int(moment) + SHANGHAI_OFFSET_NS) // NS_PER_DAY for moment in (start[0], start[-1]))
    dates = np.arange(first, final + 1)
    stop = np.searchsorted(start, (dates + 1) * NS_PER_DAY - SHANGHAI_OFFSET_NS)
    there = np.diff(stop, prepend=0) > 0
    return dates[there], stop[there] - 1
