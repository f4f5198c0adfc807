"""What is wrong with the bars of one trading day, as columns in and findings out."""

from dataclasses import dataclass
from enum import IntEnum
from math import nan

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import PRICE_COLUMNS, BarSeries, FloatColumn, LongColumn
from marketdata.domain.quality_activity import Evidence, Usual, unusual
from marketdata.domain.quality_score import Fault, Finding, first_examples
from quantsite.common.numbers import on_grid_array

Flags = npt.NDArray[np.bool_]

JUMP_TIMES = 25.0
"""A bar that moves more than so many times as far as a typical one has jumped: few bars of a liquid contract do."""


@dataclass(frozen=True, slots=True, eq=False)
class DayBars:
    """The bars of one trading day and what they are held against.

    ``grid`` are the starts by the session table (ns UTC, ascending), ``step`` the length of a bar on the clock (ns; 0
    for a whole day). ``price_tick`` is None for series that lie off the grid, limits are NaN where unknown;
    ``typical_move`` is that of the days around, in the quoted unit, 0 where unknown. ``positive``: prices lie above 0.
    """

    bars: BarSeries
    grid: LongColumn
    step: int
    price_tick: float | None = None
    upper_limit: float = nan
    lower_limit: float = nan
    typical_move: float = 0.0
    positive: bool = True

    @property
    def at(self) -> LongColumn:
        """The place of each bar in the grid, -1 for a bar that is not on it, shape ``(n,)``."""
        place = np.searchsorted(self.grid, self.bars.start)
        known = place < len(self.grid)
        known[known] = self.grid[place[known]] == self.bars.start[known]
        return np.where(known, place, -1)

    def traded(self) -> Flags:
        """Which bars of the grid have volume, shape of the grid."""
        at = self.at
        found = np.zeros(len(self.grid), dtype=np.bool_)
        found[at[(at >= 0) & (self.bars.volume > 0)]] = True
        return found

    def present(self) -> Flags:
        """Which bars of the grid are there, with volume or not, shape of the grid."""
        at = self.at
        found = np.zeros(len(self.grid), dtype=np.bool_)
        found[at[at >= 0]] = True
        return found


class Slot(IntEnum):
    """What is known of one bar of the grid."""

    TRADED = 0
    QUIET = 1
    ZERO_VOLUME = 2
    MISSING = 3


def slots(day: DayBars, proof: Evidence, usual: Usual | None) -> npt.NDArray[np.int8]:
    """A :class:`Slot` for each bar of the grid: quiet is no fault (``quality_activity`` has the rule)."""
    quiet = ~day.traded()
    wrong = (quiet & proof.traded) | unusual(quiet & ~proof.traded & ~proof.idle, usual)
    found = np.where(quiet, Slot.QUIET, Slot.TRADED).astype(np.int8)
    found[wrong] = np.where(day.present(), Slot.ZERO_VOLUME, Slot.MISSING)[wrong]
    return found


def absent(day: DayBars, proof: Evidence, usual: Usual | None) -> list[Finding]:
    """Bars that are missing, and bars without volume where there should be some."""
    found = slots(day, proof, usual)
    return [
        _of_grid(Fault.MISSING, day, found == Slot.MISSING),
        _of_grid(Fault.ZERO_VOLUME, day, found == Slot.ZERO_VOLUME),
    ]


def _of_grid(fault: Fault, day: DayBars, wrong: Flags) -> Finding:
    times = day.grid[wrong].tolist()
    return Finding(fault, len(times), len(day.grid), first_examples(times))


def off_hours(day: DayBars) -> Finding:
    """Bars that start at no start of the session table: outside the hours, or of another interval."""
    wrong = day.at < 0
    return Finding(
        Fault.OFF_HOURS,
        int(wrong.sum()),
        len(day.grid),
        first_examples(day.bars.start[wrong].tolist(), value=day.bars.volume[wrong].tolist()),
    )


def inconsistent(day: DayBars) -> Finding:
    """Bars whose high is not their highest price or whose low is not their lowest, or with a price of 0 or below."""
    bars = day.bars
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    high, low = ~(bars.high >= top), ~(bars.low <= bottom)  # NaN is wrong too
    below = (bars.low <= 0) & day.positive
    wrong = high | low | below
    names = np.where(high, "high", "low")[wrong].tolist()
    values = np.where(high, bars.high, bars.low)[wrong].tolist()
    against = np.where(high, top, np.where(below, 0.0, bottom))[wrong].tolist()
    examples = first_examples(bars.start[wrong].tolist(), name=names, value=values, against=against)
    return Finding(Fault.INCONSISTENT, int(wrong.sum()), len(day.grid), examples)


def off_tick(day: DayBars) -> Finding:
    """Bars with a price that is no multiple of the price tick."""
    if day.price_tick is None:
        return Finding(Fault.OFF_TICK, 0, len(day.grid))
    wrong = np.array([~on_grid_array(getattr(day.bars, name), day.price_tick) for name in PRICE_COLUMNS])
    return _of_prices(Fault.OFF_TICK, day, wrong, np.full(wrong.shape, day.price_tick))


def outside_limits(day: DayBars) -> Finding:
    """Bars with a price above the upper or below the lower limit of the day; none where the limits are unknown."""
    slack = (day.price_tick or 0.0) / 2
    prices = np.array([getattr(day.bars, name) for name in PRICE_COLUMNS])
    above, below = prices > day.upper_limit + slack, prices < day.lower_limit - slack
    return _of_prices(Fault.OUTSIDE_LIMITS, day, above | below, np.where(above, day.upper_limit, day.lower_limit))


def _of_prices(fault: Fault, day: DayBars, wrong: Flags, against: npt.NDArray[np.float64]) -> Finding:
    """A finding over bars of which any price is wrong; ``wrong`` and ``against`` have shape ``(4, n)``."""
    rows = np.flatnonzero(wrong.any(axis=0))
    which = wrong[:, rows].argmax(axis=0)
    prices = np.array([getattr(day.bars, name) for name in PRICE_COLUMNS])
    examples = first_examples(
        day.bars.start[rows].tolist(),
        name=[PRICE_COLUMNS[row] for row in which.tolist()],
        value=prices[which, rows].tolist(),
        against=against[which, rows].tolist(),
    )
    return Finding(fault, len(rows), len(day.grid), examples)


def moves(bars: BarSeries, step: int) -> tuple[FloatColumn, FloatColumn]:
    """How far each bar moved from the close before it, in the quoted unit, and that close; both of shape ``(n,)``.

    The farther one of its high and low counts, so that a spike that comes back is seen. Bars without volume do not
    move; after a gap on the clock (a break, a night, a missing bar) the bar's own open stands for the close.
    """
    traded = bars.volume > 0
    follows = np.concatenate(([False], (np.diff(bars.start) == step) & traded[:-1]))
    before = np.where(follows, np.concatenate((bars.open[:1], bars.close[:-1])), bars.open)
    far = np.maximum(np.abs(bars.high - before), np.abs(bars.low - before))
    return np.where(traded, far, 0.0), before


def typical_move(bars: BarSeries, step: int) -> float:
    """The median move of the bars with volume, in the quoted unit; 0 where there are none."""
    moved = moves(bars, step)[0][bars.volume > 0]
    return float(np.median(moved)) if len(moved) else 0.0


def jumps(day: DayBars) -> Finding:
    """Bars that moved more than :data:`JUMP_TIMES` as far as is typical of the day, of the days around and of a tick.

    The median is the robust measure (with moves counted from 0 it is their median absolute deviation): one wild bar
    does not change it.
    """
    moved, before = moves(day.bars, day.step)
    scale = max(typical_move(day.bars, day.step), day.typical_move, day.price_tick or 0.0)
    wrong = moved > JUMP_TIMES * scale if scale > 0 else np.zeros(len(moved), dtype=np.bool_)
    up = day.bars.high - before >= before - day.bars.low
    examples = first_examples(
        day.bars.start[wrong].tolist(),
        name=np.where(up, "high", "low")[wrong].tolist(),
        value=np.where(up, day.bars.high, day.bars.low)[wrong].tolist(),
        against=before[wrong].tolist(),
    )
    return Finding(Fault.JUMPS, int(wrong.sum()), len(day.grid), examples)
