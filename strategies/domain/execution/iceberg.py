"""Small limit orders one after another, so that the market sees no more than a peak."""

from math import isnan, nan
from typing import Any

from quantsite.common.numbers import round_to_tick
from strategies.domain.execution.chance import uniform
from strategies.domain.execution.plan import IcebergPlan
from strategies.domain.execution.policies import NS, GiveUp, Parent, View, Wish
from strategies.domain.execution.slot import Slot
from trading.domain.order_status import OrderType


class IcebergPolicy:
    """One limit order after another, each of at most ``show`` lots, until all is filled."""

    def __init__(self, plan: IcebergPlan, seed: int, leg: int) -> None:
        self.plan = plan
        self._place = (seed, leg)
        self._parent = 0
        self._peaks = 0
        self._limit = nan

    def begin(self, parent: Parent) -> None:
        """The limit is the price of the decision."""
        self._parent, self._peaks, self._limit = parent.number, 0, parent.decision_price

    def wish(self, view: View) -> Wish | GiveUp | None:
        """The next peak."""
        price = self._price(view)
        if isnan(price):
            return None
        self._peaks += 1
        return Wish(min(self._peak(), view.lots), OrderType.LIMIT, price)

    def keeps(self, slot: Slot, view: View) -> bool:
        """Until the market has left its price for long enough; one at the price of the decision waits for it."""
        if slot.type is OrderType.MARKET or view.now - slot.since < self.plan.reprice_seconds * NS:
            return True
        price = self._price(view)
        if self.plan.price == "own":
            return not view.direction * (view.quote.own(view.direction) - slot.price) > 0
        return isnan(price) or price == slot.price

    def state(self) -> dict[str, Any]:
        """How many peaks there were, and the limit."""
        limit = None if isnan(self._limit) else self._limit
        return {"parent": self._parent, "peaks": self._peaks, "limit": limit}

    def restore(self, state: dict[str, Any]) -> None:
        """What :meth:`state` wrote."""
        self._parent, self._peaks = state["parent"], state["peaks"]
        self._limit = nan if state["limit"] is None else state["limit"]

    def _peak(self) -> int:
        """``show`` lots, made smaller by chance by at most ``peak_random`` of it."""
        share = self.plan.peak_random * uniform(*self._place, self._parent, self._peaks)
        return max(1, self.plan.show - round(share * self.plan.show))

    def _price(self, view: View) -> float:
        quote, direction = view.quote, view.direction
        if self.plan.price == "own":
            return quote.passive(direction, view.price_tick)
        wanted = quote.opposite(direction) if self.plan.price == "opposite" else self._limit
        price = round_to_tick(quote.within_limits(wanted), view.price_tick) if not isnan(wanted) else nan
        worse = direction * (price - wanted) > view.price_tick / 2
        return nan if worse else price
