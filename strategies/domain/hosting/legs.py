"""What a host knows of each leg that its strategy trades."""

import math
from dataclasses import dataclass, field

from marketdata.domain.bars import Bar
from marketdata.domain.ticks import Tick
from strategies.domain.hosting.kept_bars import KeptBars
from strategies.domain.hosting.lots import HeldLots
from strategies.domain.hosting.sight import PLAIN, Sight
from strategies.domain.hosting.terms import LegTerms


@dataclass(slots=True)
class LegState:
    """``last`` is the contract's last price (NaN before the first); while ``shut`` orders wait for the next sound tick.

    ``rolling``: the leg is on its way to another contract, and nothing but the roll sends orders.
    """

    terms: LegTerms
    bars: KeptBars
    lots: HeldLots = field(default_factory=HeldLots)
    last: float = math.nan
    shut: bool = False
    rolling: bool = False
    sight: Sight = PLAIN
    """What the strategy sees of the contract's prices, which ``bars`` are kept in."""
    volume: int = 0
    """Lots and yuan that the day had traded up to the last tick (of an instance on ticks)."""
    turnover: float = 0.0

    def begin_day(self) -> None:
        """Nothing is traded yet today."""
        self.lots.begin_day()
        self.shut, self.volume, self.turnover = True, 0, 0.0

    def see(self, bar: Bar) -> Bar:
        """A closed bar as the strategy sees it, kept with the others."""
        seen = self.sight.bar(bar)
        self.bars.append(seen)
        self.last = bar.close
        return seen

    def bar_of(self, tick: Tick) -> Bar | None:
        """What was traded since the tick before as a bar of a single price, kept with the others; None for nothing."""
        volume, turnover, price = tick.volume - self.volume, tick.turnover - self.turnover, tick.last
        self.volume, self.turnover = tick.volume, tick.turnover
        if volume <= 0 or math.isnan(price):
            return None
        figures = (price, price, price, price, float(volume), turnover, tick.open_interest)
        bar = self.sight.bar(Bar(tick.time, tick.trading_day, *figures))
        self.bars.append(bar)
        return bar
