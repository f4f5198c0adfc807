"""The ticks of a check as one market: cut off, begun later, or gone on otherwise, and run on each time.

A strategy is handed one tick at a time, so that what it knows of later ones comes from elsewhere: a list that the class
keeps from an earlier run, a file that both runs read. The first is found here, the second by nobody.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from msgspec import structs

from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead_market import LEAST_BARS, Make, Market, Watched
from backtests.domain.lookahead_watch import watch
from backtests.domain.tick_day import TickDay
from backtests.domain.tick_engine import run_ticks
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.forms import Form, takes_ticks
from strategies.domain.strategy import BaseStrategy

MOST_DAYS = 5
"""Trading days in memory at once: a busy contract has 50,000 ticks each."""


class TickMarket(Market):
    """The days of one instrument. ``clock`` has the instants of its sound ticks, each once; numbers count in it.

    Ticks of one instant are never parted: some exchanges tell two within a second.
    """

    columns = ()

    def __init__(self, leg: Leg, days: Sequence[TickDay], setup: RunSetup) -> None:
        self.legs = (leg,)
        self.days = tuple(days)
        self._setup = replace(setup, close_at_end=False)
        sound = [tick.time for day in self.days for tick in day.ticks if not tick.flags]
        self.clock = np.unique(np.array(sound, dtype=np.int64))

    def check(self, cls: type[BaseStrategy]) -> None:
        """Raises ``RuleError`` ``no_form``, ``too_few_bars`` where there is nothing to check ``cls`` on."""
        if not takes_ticks(cls):
            text = say("%(name)s decides on bars only: name an interval of bars.", name=cls.name)
            raise RuleError("no_form", text, fields={"interval": text})
        if len(self) < LEAST_BARS:
            text = say("There are %(ticks)s ticks: at least %(least)s are needed.", ticks=len(self), least=LEAST_BARS)
            raise RuleError("too_few_bars", text)

    def forms(self, cls: type[BaseStrategy]) -> tuple[Form, ...]:  # noqa: ARG002 - whatever the class is
        """On ticks there is one."""
        return (Form.PLAIN,)

    def run(self, make: Make, form: Form) -> Watched:  # noqa: ARG002 - there is one
        """A new strategy over all ticks."""
        strategy = make()
        log = watch(strategy)
        return Watched(log, run_ticks(self.days, self.legs[0], strategy, self._setup).fills)

    def until(self, cut: int) -> "TickMarket":
        """The ticks before number ``cut`` alone."""
        return self._of([[tick for tick in day.ticks if tick.time < self.clock[cut]] for day in self.days])

    def since(self, begin: int) -> "TickMarket":
        """The ticks from number ``begin`` on."""
        return self._of([[tick for tick in day.ticks if tick.time >= self.clock[begin]] for day in self.days])

    def changed(self, cut: int) -> "TickMarket":
        """All ticks, with another future from number ``cut`` on."""
        at = int(self.clock[cut])
        before = [tick.last for day in self.days for tick in day.ticks if tick.time < at and not np.isnan(tick.last)]
        pivot = before[-1] if before else 0.0
        return self._of(
            [
                [tick if tick.time < at or not pivot else _mirrored(tick, pivot) for tick in day.ticks]
                for day in self.days
            ]
        )

    def _of(self, parts: Sequence[Sequence[Tick]]) -> "TickMarket":
        days = [replace(day, ticks=ticks) for day, ticks in zip(self.days, parts, strict=True) if ticks]
        return TickMarket(self.legs[0], days, self._setup)


def _mirrored(tick: Tick, pivot: float) -> Tick:
    """The tick with its prices mirrored at ``pivot``: who bid now asks."""
    twice = 2.0 * pivot
    return structs.replace(
        tick,
        last=twice - tick.last,
        bid_price=twice - tick.ask_price,
        bid_volume=tick.ask_volume,
        ask_price=twice - tick.bid_price,
        ask_volume=tick.bid_volume,
        upper_limit=twice - tick.lower_limit,
        lower_limit=twice - tick.upper_limit,
        depth=None,
    )
