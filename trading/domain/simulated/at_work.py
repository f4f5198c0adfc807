"""The orders of one matcher: which are under way, which rest, which wait for their stop, and what is due when."""

from collections.abc import Iterable
from typing import Any

from trading.domain.simulated.orders import MatchOrder, Working

NEVER = 1 << 62


class OrdersAtWork:
    """Kept so that a tick finds what it needs without looking at every order: both lists are made when asked for.

    ``due`` is when the next order or cancel reaches the exchange, :data:`NEVER` where none is under way.
    """

    __slots__ = ("_by_id", "_next_priority", "_resting", "_waiting", "due")

    def __init__(self, orders: Iterable[Working] = ()) -> None:
        self._by_id = {one.order.order_id: one for one in orders}
        self._next_priority = max((one.priority for one in self._by_id.values()), default=0) + 1
        self._resting: list[Working] | None = None
        self._waiting: list[Working] | None = None
        self.due = NEVER
        self.find_due()

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._by_id

    def get(self, order_id: int) -> Working | None:
        """The order, None where it is not at work."""
        return self._by_id.get(order_id)

    def add(self, order: MatchOrder, arrives: int, price_tick: float) -> None:
        """One more on its way."""
        self._by_id[order.order_id] = Working.of(order, arrives, self._next_priority, price_tick)
        self._next_priority += 1
        self.due = min(self.due, arrives)

    def remove(self, working: Working) -> None:
        """It is over."""
        del self._by_id[working.order.order_id]
        self.changed()

    def changed(self) -> None:
        """An order began or ceased to rest or to wait."""
        self._resting = self._waiting = None

    def in_order(self) -> list[Working]:
        """All of them in the order in which they were sent."""
        return sorted(self._by_id.values(), key=lambda one: one.priority)

    def at_rest(self) -> list[Working]:
        """Those at rest in the order in which they are served: by price, then by time, buys before sells."""
        if self._resting is None:
            found = [one for one in self._by_id.values() if one.arrived and not one.waiting]
            self._resting = sorted(found, key=_precedence)
        return self._resting

    def waiting(self) -> list[Working]:
        """Stop orders that nothing has triggered yet, in the order in which they came."""
        if self._waiting is None:
            self._waiting = [one for one in self.in_order() if one.arrived and one.waiting]
        return self._waiting

    def reaching(self, at: int) -> list[Working]:
        """Those of which something reaches the exchange at that instant: orders before cancels."""
        found = [one for one in self._by_id.values() if one.next_event == at]
        return sorted(found, key=lambda one: (one.arrived, one.priority))

    def find_due(self) -> None:
        """Look for the next event anew."""
        events = [event for one in self._by_id.values() if (event := one.next_event) is not None]
        self.due = min(events, default=NEVER)

    def state(self, order_id: int) -> dict[str, Any]:
        """What is kept of one, as JSON takes it; empty where it is not at work."""
        working = self._by_id.get(order_id)
        return {} if working is None else working.to_document()

    def states(self) -> dict[int, dict[str, Any]]:
        """What is kept of each, as JSON takes it."""
        return {order_id: working.to_document() for order_id, working in self._by_id.items()}


def _precedence(one: Working) -> tuple[int, int, int, int]:
    direction = one.order.direction
    return -direction, -direction * (one.limit or 0), one.since, one.priority
