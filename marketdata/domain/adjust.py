"""Spliced series without the jumps of their rolls, in the four forms that RQData names.

A roll on trading day T takes effect with T's first (night) bar. 888 leaves the newest contract unchanged and takes the
spread of the closes of T-1; 889 leaves the oldest unchanged and takes the spread of the opens on T, or that of the
closes where the opens are not known; 888r and 889r do the same with quotients. 889 and 889r never change what lies
before a roll: they look ahead nowhere, and are what a backtest may show to a strategy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries, DayColumn, FloatColumn
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

ADJUSTED_SERIES = ("888", "889", "888r", "889r")
OLDEST_UNCHANGED = frozenset({"889", "889r"})
BY_RATIO = frozenset({"888r", "889r"})

REACH = 2
"""Trading days: as far apart as lists and recorded bars of rb and TA were seen."""
CLEAR_SPREAD = 0.01
"""Below one part in a hundred a spread does not stand out from the moves of a night."""


@dataclass(frozen=True, slots=True)
class Splice:
    """The prices of a roll in force from ``trading_day`` (days since the epoch) on; ``None`` where not known.

    ``exact``: the bars were joined by this very roll, so they change the contract on its day.
    """

    trading_day: int
    old_close: float
    new_close: float
    old_open: float | None = None
    new_open: float | None = None
    exact: bool = False

    def prices(self, series: str) -> tuple[float, float]:
        """Old and new contract's price that count for a form of adjustment."""
        if series in OLDEST_UNCHANGED and self.old_open is not None and self.new_open is not None:
            return self.old_open, self.new_open
        return self.old_close, self.new_close


def offsets(trading_day: DayColumn, splices: Sequence[Splice], series: str) -> FloatColumn:
    """What is added to the prices of each bar, shape ``(n,)``: 888 or 889. Days ascend."""
    steps = _steps(trading_day, splices, series, ratio=False)
    passed = np.cumsum(np.concatenate([[0.0], [new - old for _day, old, new in steps]]))
    level = passed[_rolls_passed(trading_day, [day for day, _old, _new in steps])]
    return np.asarray(-level if series in OLDEST_UNCHANGED else passed[-1] - level, dtype=np.float64)


def factors(trading_day: DayColumn, splices: Sequence[Splice], series: str) -> FloatColumn:
    """What the prices of each bar are multiplied with, shape ``(n,)``: 888r or 889r. Days ascend."""
    steps = _steps(trading_day, splices, series, ratio=True)
    passed = np.cumprod(np.concatenate([[1.0], [new / old for _day, old, new in steps]]))
    level = passed[_rolls_passed(trading_day, [day for day, _old, _new in steps])]
    return np.asarray(1.0 / level if series in OLDEST_UNCHANGED else passed[-1] / level, dtype=np.float64)


def adjusted(bars: BarSeries, splices: Sequence[Splice], series: str, code: str) -> BarSeries:
    """The raw series (88) in one of the four forms, under the name ``code``; volumes and money stay as they are.

    Rolls before the first bar's day (or on it) and after the last one's change nothing. Raises :class:`RuleError`
    ``unknown_series`` for another form.
    """
    if series not in ADJUSTED_SERIES:
        known = ", ".join(ADJUSTED_SERIES)
        raise RuleError("unknown_series", say("%(series)r is none of %(known)s.", series=series, known=known))
    day = bars.trading_day
    add, times = (0.0, factors(day, splices, series)) if series in BY_RATIO else (offsets(day, splices, series), 1.0)
    prices = {name: getattr(bars, name) * times + add for name in PRICE_COLUMNS}
    columns = [prices.get(name, getattr(bars, name)) for name in VALUE_COLUMNS]
    return BarSeries(code, bars.interval, bars.start, day, *columns)


def aligned(splices: Sequence[Splice], bars: BarSeries) -> list[Splice]:
    """The rolls, ascending, each on the trading day on which these bars change the contract.

    Whoever spliced the bars may have rolled a day or two before or after the list. A roll whose spread is at least
    :data:`CLEAR_SPREAD` is moved to the day, at most :data:`REACH` trading days away, at whose first bar the price
    jumps as the spread says, if none such jump is at its own day; the others stay, and so do exact ones.
    """
    first = np.flatnonzero(np.diff(bars.trading_day, prepend=bars.trading_day[:1] - 1))
    days = bars.trading_day[first]
    jumps = np.zeros(len(first))
    jumps[1:] = bars.open[first[1:]] / bars.close[first[1:] - 1] - 1
    moved = [replace(splice, trading_day=_day_of_jump(splice, days, jumps)) for splice in splices]
    return sorted(moved, key=lambda splice: splice.trading_day)


def _day_of_jump(splice: Splice, days: DayColumn, jumps: FloatColumn) -> int:
    spread = splice.new_close / splice.old_close - 1
    own = int(np.searchsorted(days, splice.trading_day))
    begin, end = max(own - REACH, 1), min(own + REACH + 1, len(days))
    if splice.exact or abs(spread) < CLEAR_SPREAD or not begin <= own < end:
        return splice.trading_day
    # What is left of a day's jump without the roll, less what it is with it: about the spread on the right day, about
    # minus that on any other.
    gain = np.abs(jumps[begin:end]) - np.abs(jumps[begin:end] - spread)
    best = int(np.argmax(gain))
    here = own if gain[best] - gain[own - begin] < abs(spread) else begin + best
    return splice.trading_day if here == own else int(days[here])


def _steps(
    trading_day: DayColumn, splices: Sequence[Splice], series: str, *, ratio: bool
) -> list[tuple[int, float, float]]:
    """Day, old and new price of the rolls between the first bar and the last, ascending."""
    if (series in BY_RATIO) != ratio or series not in ADJUSTED_SERIES:
        raise ValueError(f"series {series!r} is not adjusted {'by ratio' if ratio else 'by difference'}")
    if not len(trading_day):
        return []
    first, last = int(trading_day[0]), int(trading_day[-1])
    inside = sorted((splice for splice in splices if first < splice.trading_day <= last), key=lambda s: s.trading_day)
    return [(splice.trading_day, *splice.prices(series)) for splice in inside]


def _rolls_passed(trading_day: DayColumn, days: Sequence[int]) -> DayColumn:
    """How many rolls are in force on each bar."""
    return np.searchsorted(np.array(days, dtype=np.int64), trading_day, side="right").astype(np.int32)
