"""What a strategy sees of its leg's prices once that has rolled: the first contract's stay as they were.

The same as in a backtest with ``--adjust`` (889, 889r): bars behind a roll are seen without its spread, so that
averages, levels and whatever else a strategy keeps go on meaning what they meant. What it names at its desk is put
back: orders rest, fill and are booked at the prices of the contract that is traded.
"""

from dataclasses import dataclass
from math import isnan, nan

import msgspec

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, Bar, BarSeries
from marketdata.domain.ticks import Tick
from quantsite.common.numbers import round_to_tick

TICK_PRICES = (
    "last", "bid_price", "ask_price", "open", "high", "low", "close", "average", "settlement", "pre_settlement",
    "pre_close", "upper_limit", "lower_limit",
)  # fmt: skip
_AT_DEPTH = frozenset((0, 1, 2, 3, 8, 9, 10, 11))
"""Of the numbers of a tick's depth those that are prices."""


@dataclass(frozen=True, slots=True)
class Sight:
    """``seen = (recorded - shift) / factor``."""

    shift: float = 0.0
    factor: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether it sees prices as they are recorded."""
        return not self.shift and self.factor == 1.0

    def recorded(self, price: float) -> float:
        """The contract's price behind one that the strategy names."""
        return price * self.factor + self.shift

    def seen(self, price: float) -> float:
        """What the strategy sees of a price of the contract."""
        return (price - self.shift) / self.factor

    def resting(self, price: float, tick: float) -> float:
        """Where an order rests that the strategy names, on the contract's grid."""
        return round_to_tick(self.recorded(price), tick)

    def distance(self, seen: float, tick: float) -> float:
        """The contract's distance behind one between two prices that the strategy sees: a tick at least."""
        return max(round_to_tick(seen * self.factor, tick), tick)

    def bar(self, bar: Bar) -> Bar:
        """A bar of the contract."""
        if self.plain:
            return bar
        first, high, low, close = (self.seen(getattr(bar, name)) for name in PRICE_COLUMNS)
        return bar._replace(open=first, high=high, low=low, close=close)

    def tick(self, tick: Tick) -> Tick:
        """A tick of the contract, its book and its limits included."""
        if self.plain:
            return tick
        prices = {name: self.seen(getattr(tick, name)) for name in TICK_PRICES}
        depth = tick.depth and tuple(self.seen(one) if at in _AT_DEPTH else one for at, one in enumerate(tick.depth))
        return msgspec.structs.replace(tick, depth=depth, **prices)

    def series(self, bars: BarSeries) -> BarSeries:
        """Bars of the contract."""
        if self.plain:
            return bars
        prices = {name: (getattr(bars, name) - self.shift) / self.factor for name in PRICE_COLUMNS}
        columns = [prices.get(name, getattr(bars, name)) for name in VALUE_COLUMNS]
        return BarSeries(bars.instrument, bars.interval, bars.start, bars.trading_day, *columns)


PLAIN = Sight()


@dataclass(frozen=True, slots=True)
class Spread:
    """The prices of the two contracts that a roll counts with, NaN where unknown; ``adjust`` as in a backtest."""

    old: float = nan
    new: float = nan
    adjust: str = "none"

    @property
    def known(self) -> bool:
        """Whether both prices are there."""
        return not (isnan(self.old) or isnan(self.new)) and self.old > 0 and self.new > 0

    def behind(self, sight: Sight) -> Sight:
        """What the strategy sees behind the roll."""
        if not self.known or self.adjust == "none":
            return sight
        if self.adjust == "difference":
            return Sight(sight.shift + (self.new - self.old), sight.factor)
        return Sight(sight.shift, sight.factor * (self.new / self.old))

    def moved(self, price: float) -> float:
        """A price of the old contract as one of the new."""
        if not self.known:
            return price
        return price * (self.new / self.old) if self.adjust == "ratio" else price + (self.new - self.old)


UNKNOWN = Spread()
