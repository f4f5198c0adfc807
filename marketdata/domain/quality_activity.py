"""Which bars are really missing: told from what the ticks prove, else from how the contract usually trades.

An instrument that did not trade in a minute has no bar (or, in padded files, one without volume): both are *quiet*.
A quiet bar is a fault only where

1. the day's ticks show that volume rose in it; or
2. the ticks cannot tell (there are none, or the recording had stopped), and the contract is usually busier: the
   quiet stretch is more than twice as long as the longest of a usual day, or the day has more than twice as
   many quiet bars as a usual day. A contract that usually trades in every bar misses the first one that is quiet, a
   far contract may be quiet for an hour.

Where the ticks show that volume did not rise, a bar is not missing, however long the stretch. Usual is the
median over the trading days around the day; without enough of them a day that trades nearly always is its own measure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from marketdata.domain.tick_series import TickSeries

LongColumn = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

USUAL_DAYS = 10
"""So many days before and after a day tell what is usual: two weeks, in which a contract seldom changes its habits."""
FEWEST_DAYS = 3
TOLERANCE = 2.0
"""How many times the usual stretch, or number, is still no fault."""
NEARLY_ALWAYS = 0.9
"""A day alone that traded in this share of its bars is taken for one that should trade in all."""


@dataclass(frozen=True, slots=True)
class Usual:
    """How a contract trades on a day: its longest quiet stretch in bars, and the share of bars that are quiet."""

    stretch: float
    share: float


def habit_of(quiet: Flags) -> Usual:
    """How it traded on one day, told by which of its bars were quiet."""
    return Usual(float(stretches_of(quiet)[1].max(initial=0)), float(quiet.mean()) if len(quiet) else 0.0)


def usual_of(days: Sequence[Usual]) -> Usual | None:
    """The medians over days; None where there are too few."""
    if len(days) < FEWEST_DAYS:
        return None
    return Usual(median(day.stretch for day in days), median(day.share for day in days))


def own_measure(quiet: Flags) -> Usual | None:
    """What a day without others around it is held against: nothing quiet if it hardly ever was, else None."""
    if len(quiet) and quiet.mean() <= 1.0 - NEARLY_ALWAYS:
        return Usual(0.0, 0.0)
    return None


def stretches_of(quiet: Flags) -> tuple[LongColumn, LongColumn]:
    """First bar and length of each run of quiet bars."""
    edges = np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8))
    first, stop = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return first, stop - first


def unusual(quiet: Flags, usual: Usual | None) -> Flags:
    """Which of the quiet bars are a fault by habit, shape ``(n,)``; none where nothing is known of the habit."""
    found = np.zeros(len(quiet), dtype=np.bool_)
    if usual is None:
        return found
    for first, length in zip(*stretches_of(quiet), strict=True):
        if length > TOLERANCE * usual.stretch:
            found[first : first + length] = True
    excess = int(quiet.sum()) - int(TOLERANCE * usual.share * len(quiet)) - int(found.sum())
    if excess > 0:
        found[np.flatnonzero(quiet & ~found)[:excess]] = True
    return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What ticks prove of each bar of a day: that volume rose in it, that it did not, or (neither) nothing."""

    traded: Flags
    idle: Flags


def evidence(grid: LongColumn, ticks: TickSeries | None) -> Evidence:
    """The proof for bars that start at ``grid`` (ns UTC, ascending), from sound ticks of the same day."""
    nothing = np.zeros(len(grid), dtype=np.bool_)
    sound = ticks.take(ticks.flags == 0) if ticks is not None else None
    if sound is None or not len(sound) or not len(grid):
        return Evidence(nothing, nothing)
    order = np.argsort(sound.time, kind="stable")
    volume = np.maximum.accumulate(sound.volume[order])
    bar = np.maximum(np.searchsorted(grid, sound.time[order], side="right") - 1, 0)
    before = np.concatenate(([0 if bar[0] == 0 else volume[0]], volume[:-1]))  # a late recording begins with a baseline
    from_bar = np.concatenate(([bar[0]], bar[:-1]))
    risen = np.flatnonzero(volume > before)
    sure = risen[bar[risen] - from_bar[risen] <= 1]
    traded = nothing.copy()
    traded[bar[sure]] = True
    # Between two ticks with a rise in volume lie bars of which nobody knows in which one it was.
    unsure = np.zeros(len(grid) + 1, dtype=np.int64)
    np.add.at(unsure, from_bar[risen] + (bar[risen] > from_bar[risen]), 1)
    np.add.at(unsure, bar[risen] + 1, -1)
    idle = nothing.copy()
    idle[bar[0] : bar[-1] + 1] = True
    return Evidence(traded, idle & ~traded & (np.cumsum(unsure)[:-1] == 0))
