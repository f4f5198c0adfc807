"""What a strategy sees of a spliced series: bars adjusted for the rolls so far, so that no later roll changes them.

The oldest contract stays as it was (889, 889r): what has been seen never changes when the next roll comes, so an
adjusted series looks ahead nowhere.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.domain.legs import Leg
from backtests.domain.rules import Adjust
from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """By number of the trading day: ``seen = (recorded - shift) / factor``; empty columns change nothing."""

    shift: Floats
    factor: Floats

    def recorded(self, day: int, price: float) -> float:
        """The recorded price behind one that the strategy sees on a day."""
        if not len(self.shift):
            return price
        return price * float(self.factor[day]) + float(self.shift[day])

    def seen(self, day: int, price: float) -> float:
        """What the strategy sees on a day of a recorded price."""
        if not len(self.shift):
            return price
        return (price - float(self.shift[day])) / float(self.factor[day])

    def distance(self, day: int, seen: float) -> float:
        """The recorded distance behind one between two prices that the strategy sees on a day."""
        return seen * float(self.factor[day]) if len(self.factor) else seen


NOTHING = Adjustment(np.empty(0), np.empty(0))


def adjustment(leg: Leg, days: npt.NDArray[np.int64], adjust: Adjust) -> Adjustment:
    """The adjustment of a leg over the run's trading days (days since the epoch, ascending)."""
    if adjust == Adjust.NONE or not leg.facts.rolls:
        return NOTHING
    shift, factor = np.zeros(len(days)), np.ones(len(days))
    for roll in leg.facts.rolls:
        at = int(np.searchsorted(days, roll.trading_day))
        if at == 0:  # rolled before the run begins: its first contract is the one that stays as it is
            continue
        if adjust == Adjust.DIFFERENCE:
            shift[at:] += roll.gap
        else:
            factor[at:] *= roll.ratio
    return Adjustment(shift, factor)


def adjusted(bars: BarSeries, days: npt.NDArray[np.int64], change: Adjustment) -> BarSeries:
    """The bars with their prices adjusted; everything else is as recorded."""
    if not len(change.shift):
        return bars
    day = np.searchsorted(days, bars.trading_day)
    prices = {name: (getattr(bars, name) - change.shift[day]) / change.factor[day] for name in PRICE_COLUMNS}
    columns = [prices.get(name, getattr(bars, name)) for name in VALUE_COLUMNS]
    return BarSeries(bars.instrument, bars.interval, bars.start, bars.trading_day, *columns)
