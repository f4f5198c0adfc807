"""The bars of a check as one market: cut off, begun later, or gone on otherwise, and run on each time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.legs import Leg, check_legs
from backtests.domain.lookahead_watch import Log, watch
from backtests.domain.result import FillTable
from marketdata.domain.bars import BarSeries, LongColumn
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.common.times import SHANGHAI_FIXED, ns_to_utc
from strategies.domain.forms import Form, own_forms
from strategies.domain.strategy import BaseStrategy

Make = Callable[[], BaseStrategy]
"""A new strategy with the parameters to be checked."""

LEAST_BARS = 20

_MIRRORED = {"open": "open", "high": "low", "low": "high", "close": "close"}
_REVERSED = ("volume", "turnover", "open_interest")


@dataclass(frozen=True, slots=True)
class Watched:
    """A run: what the strategy decided and what filled."""

    log: Log
    fills: FillTable


class Market:
    """The legs of a run. ``clock`` has the start of every bar, those at one time once, ascending: shape ``(n,)``.

    Numbers of bars count in ``clock``; with one leg that is the number of the bar.
    """

    columns: tuple[str, ...] = ("target_positions", "flags")
    """The methods that decide over whole columns of these bars."""

    def __init__(self, legs: Sequence[Leg], setup: RunSetup) -> None:
        self.legs = tuple(legs)
        self._setup = replace(setup, close_at_end=False)
        self.clock: LongColumn = np.unique(np.concatenate([leg.bars.start for leg in legs]))

    def __len__(self) -> int:
        return len(self.clock)

    def check(self, cls: type[BaseStrategy]) -> None:
        """Raises ``RuleError`` ``too_few_bars`` or ``wrong_legs`` where there is nothing to check ``cls`` on."""
        check_legs(cls, len(self.legs))
        if len(self) < LEAST_BARS:
            text = say("There are %(bars)s bars: at least %(least)s are needed.", bars=len(self), least=LEAST_BARS)
            raise RuleError("too_few_bars", text)

    def forms(self, cls: type[BaseStrategy]) -> tuple[Form, ...]:
        """The forms to be checked."""
        return own_forms(cls)

    def run(self, make: Make, form: Form) -> Watched:
        """A new strategy over all bars."""
        strategy = make()
        log = watch(strategy)
        return Watched(log, run_legs(self.legs, strategy, replace(self._setup, form=form)).fills)

    def until(self, cut: int) -> "Market":
        """The bars before number ``cut`` alone."""
        return self._each(lambda bars: slice(0, self._place(bars, cut)))

    def since(self, begin: int) -> "Market":
        """The bars from number ``begin`` on."""
        return self._each(lambda bars: slice(self._place(bars, begin), len(bars)))

    def changed(self, cut: int) -> "Market":
        """All bars, with another future from number ``cut`` on."""
        legs = [replace(leg, bars=changed_after(leg.bars, self._place(leg.bars, cut))) for leg in self.legs]
        return Market(legs, self._setup)

    def _place(self, bars: BarSeries, number: int) -> int:
        """Where the bar with this number in ``clock``, or the next one, lies in ``bars``."""
        return int(np.searchsorted(bars.start, self.clock[number]))

    def _each(self, part: Callable[[BarSeries], slice]) -> "Market":
        return Market([_cut(leg, part(leg.bars)) for leg in self.legs], self._setup)


def changed_after(bars: BarSeries, cut: int) -> BarSeries:
    """The bars, those from index ``cut`` on with prices mirrored at the close before, volumes and interest reversed.

    Mirrored prices stay on the grid that the bars are on; none falls below the lowest close there was. Bars that
    begin after the cut stay as they are.
    """
    if cut == 0:
        return bars
    pivot, floor = 2.0 * bars.close[cut - 1], float(bars.close.min())
    columns = {name: getattr(bars, name).copy() for name in (*_MIRRORED, *_REVERSED)}
    for name, source in _MIRRORED.items():
        columns[name][cut:] = np.maximum(pivot - getattr(bars, source)[cut:], floor)
    for name in _REVERSED:
        columns[name][cut:] = columns[name][cut:][::-1]
    return replace(bars, **columns)


def clock_time(start: int) -> str:
    """The exchange's wall clock at an instant in ns UTC, to the minute."""
    return ns_to_utc(start).astimezone(SHANGHAI_FIXED).strftime("%Y-%m-%d %H:%M")


def alike(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Where two columns of decisions agree: to 1e-9, NaN with NaN."""
    return np.asarray(np.isclose(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True))


def _cut(leg: Leg, part: slice) -> Leg:
    night = leg.facts.night
    facts = leg.facts if night is None else replace(leg.facts, night=night[part])
    return replace(leg, bars=leg.bars.take(part), facts=facts)
