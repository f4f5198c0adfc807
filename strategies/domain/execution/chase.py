"""A limit order that follows the market."""

from math import isnan, nan
from typing import Any

from quantsite.common.numbers import round_to_tick, to_ticks
from quantsite.common.texts import kept
from strategies.domain.execution.plan import ChasePlan
from strategies.domain.execution.policies import NS, GiveUp, Parent, View, Wish, at_market
from strategies.domain.execution.slot import Slot
from trading.domain.order_status import OrderType


class ChasePolicy:
    """A limit order near the best price of our side, moved after the market, never further than ``max_ticks``.

    It is moved only where others stand before it, so that it never chases itself: a book shows our own order too.
    """

    def __init__(self, plan: ChasePlan) -> None:
        self.plan = plan
        self._anchor = nan
        self._market = False

    def begin(self, parent: Parent) -> None:  # noqa: ARG002 - a protocol's arguments
        """The distance counts anew from the first price."""
        self._anchor, self._market = nan, False

    def wish(self, view: View) -> Wish | GiveUp | None:
        """A limit order at today's price; beyond the distance what ``then`` says."""
        price = self._price(view)
        if isnan(price):
            return None
        if isnan(self._anchor):
            self._anchor = price
        if self._market or self._too_far(price, view):
            return self._beyond(view)
        return Wish(view.lots, OrderType.LIMIT, price)

    def keeps(self, slot: Slot, view: View) -> bool:
        """Until others have stood before it for long enough; more lots of a grown target wait as long."""
        if slot.type is OrderType.MARKET or view.now - slot.since < self.plan.reprice_seconds * NS:
            return True
        price, best = self._price(view), view.quote.own(view.direction)
        behind = view.direction * (best - slot.price) > 0 and view.direction * (price - slot.price) > 0
        return not behind and slot.left >= view.lots

    def state(self) -> dict[str, Any]:
        """The first price, and whether the distance was passed."""
        return {"anchor": None if isnan(self._anchor) else self._anchor, "market": self._market}

    def restore(self, state: dict[str, Any]) -> None:
        """What :meth:`state` wrote."""
        self._anchor = nan if state["anchor"] is None else state["anchor"]
        self._market = state["market"]

    def _price(self, view: View) -> float:
        quote, direction = view.quote, view.direction
        price = quote.passive(direction, view.price_tick)
        if isnan(price):
            return nan
        price += direction * self.plan.offset_ticks * view.price_tick
        other = quote.opposite(direction)
        if direction * (price - other) > 0:
            price = other
        return round_to_tick(quote.within_limits(price), view.price_tick)

    def _too_far(self, price: float, view: View) -> bool:
        return to_ticks(view.direction * (price - self._anchor), view.price_tick) > self.plan.max_ticks

    def _beyond(self, view: View) -> Wish | GiveUp | None:
        if self.plan.then == "stop":
            return GiveUp(
                kept("The price has moved more than %(ticks)d ticks away from the first order's.",
                     ticks=self.plan.max_ticks)
            )  # fmt: skip
        self._market = True
        return at_market(view, view.lots)
