"""What an algorithm knows of the market: the best prices of the last sound tick, and where an order may stand."""

from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from marketdata.domain.depth import INVALID_ABOVE
from marketdata.domain.ticks import Tick
from quantsite.common.numbers import round_to_tick
from trading.domain.offsets import Direction

QUIET_NS = 60_000_000_000
"""After a minute without a tick the market may be in a break: nothing is sent until a tick comes, and so much of a
silence counts as trading time."""

RECENT_NS = 1_000_000_000
"""A decision goes out by a quote of the last second, else it waits for the next tick."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices in yuan, NaN where there is no quote, no trade or no limit; ``at`` in ns UTC."""

    at: int
    trading_day: int
    bid: float = nan
    ask: float = nan
    last: float = nan
    lower: float = nan
    upper: float = nan

    @classmethod
    def of(cls, tick: Tick) -> "Quote":
        """The quote of a tick. A price of 0 or DBL_MAX and a size of 0 are no quotes."""
        return cls(
            tick.time,
            tick.trading_day,
            _known(tick.bid_price) if tick.bid_volume > 0 else nan,
            _known(tick.ask_price) if tick.ask_volume > 0 else nan,
            _known(tick.last),
            _known(tick.lower_limit),
            _known(tick.upper_limit),
        )

    def own(self, direction: Direction) -> float:
        """The best price of those who wait on our side: the bid for a buy."""
        return self.bid if direction > 0 else self.ask

    def opposite(self, direction: Direction) -> float:
        """The best price that we could take: the ask for a buy."""
        return self.ask if direction > 0 else self.bid

    def fresh(self, now: int) -> bool:
        """Whether an order may go out by it."""
        return now - self.at < QUIET_NS

    @property
    def middle(self) -> float:
        """Between bid and ask; where one side is missing the last price, NaN without any."""
        middle = (self.bid + self.ask) / 2
        return self.last if isnan(middle) else middle

    def within_limits(self, price: float) -> float:
        """The price, at the day's limit where it lies beyond."""
        price = price if isnan(self.upper) else min(price, self.upper)
        return price if isnan(self.lower) else max(price, self.lower)

    def passive(self, direction: Direction, price_tick: float) -> float:
        """The best price of our side; one tick off the other side where ours is empty; NaN without any quote."""
        own = self.own(direction)
        if isnan(own):
            own = self.opposite(direction) - direction * price_tick
        return nan if isnan(own) else round_to_tick(self.within_limits(own), price_tick)

    def document(self) -> list[Any]:
        """As JSON takes it: NaN is null."""
        prices = (self.bid, self.ask, self.last, self.lower, self.upper)
        return [self.at, self.trading_day, *(None if isnan(price) else price for price in prices)]

    @classmethod
    def restored(cls, document: list[Any]) -> "Quote":
        """What :meth:`document` wrote."""
        at, trading_day, *prices = document
        return cls(at, trading_day, *(nan if price is None else price for price in prices))


def _known(price: float) -> float:
    return price if 0.0 < price < INVALID_ABOVE else nan
