"""An ideal exchange on bars for a host: the plain rules of the backtest, with money for everything.

What was placed before a bar is met by it: first the order of a target, at the open; then the strategy's own orders in
the order of their placing. A limit order fills by touch, at its price or the better open, a stop order at its price or
the open beyond it. A bar without volume fills nothing. It serves rehearsals (what would a backtest hold?) and tests.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Protocol

from marketdata.domain.bars import Bar
from strategies.domain.hosting.intents import Intent, Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.own_orders import OwnOrder
from strategies.domain.hosting.terms import LegTerms
from trading.domain.matching import limit_price, limit_reached, stop_price, stop_reached
from trading.domain.order import OrderType


class Hosted(Protocol):
    """Of a host what the exchange needs."""

    @property
    def resting(self) -> Iterator[OwnOrder]: ...

    def on_news(self, news: News) -> list[Intent]: ...

    def touch(self, order: OwnOrder, price: float, at: int) -> list[Intent]: ...


class BarExchange:
    """Meets the orders of one host; ``fills`` are (leg, bar's start, signed lots, price) in their order."""

    def __init__(self, host: Hosted, legs: Iterable[LegTerms]) -> None:
        self.fills: list[tuple[int, int, int, float]] = []
        self.host = host
        self._ticks = [terms.price_tick for terms in legs]
        self._waiting: dict[int, Place] = {}

    def carry(self, intents: Iterable[Intent], at: int) -> None:
        """Take what the host wants; a withdrawal is granted at once."""
        for intent in intents:
            if isinstance(intent, Place):
                self._waiting[intent.number] = intent
            elif isinstance(intent, Withdraw) and self._waiting.pop(intent.number, None) is not None:
                news = News(intent.number, NewsKind.CANCELLED, at, reason="cancelled")
                self.carry(self.host.on_news(news), at)

    def meet(self, leg: int, bar: Bar) -> None:
        """A bar of a leg against what waits there."""
        if bar.volume == 0 or math.isnan(bar.open):
            return
        own = [order for order in self.host.resting if order.leg == leg]
        for place in [place for place in self._waiting.values() if place.leg == leg and not place.own]:
            self._fill(place, bar.open, bar)
        for order in own:
            self._meet(order, bar)

    def _meet(self, order: OwnOrder, bar: Bar) -> None:
        tick, side = self._ticks[order.leg], order.side
        if order.waits_for_price:
            if stop_reached(side, order.price, bar.high, bar.low, tick):
                self._act(order, stop_price(side, order.price, bar.open), bar)
        elif order.type is OrderType.LIMIT:
            if limit_reached(side, order.price, bar.open, bar.high, bar.low, tick, through=False):
                self._act(order, limit_price(side, order.price, bar.open), bar)
        else:
            self._fill(self._waiting.get(order.sent), bar.open, bar)

    def _act(self, order: OwnOrder, price: float, bar: Bar) -> None:
        """The bar reached an order's price."""
        self.carry(self.host.touch(order, price, bar.start), bar.start)
        self._fill(self._waiting.get(order.sent), price, bar)

    def _fill(self, place: Place | None, price: float, bar: Bar) -> None:
        if place is None:
            return
        del self._waiting[place.number]
        self.fills.append((place.leg, bar.start, place.direction * place.lots, price))
        news = News(place.number, NewsKind.FILLED, bar.start, price, place.lots)
        self.carry(self.host.on_news(news), bar.start)
