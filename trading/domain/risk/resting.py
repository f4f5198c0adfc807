"""Orders that rest while their exchange is closed: they fill at the next opening, whatever happens until then."""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Resting(NamedTuple):
    """One working order."""

    order_id: int
    instrument: str
    opening: bool
    left: int


def resting_closed(orders: Iterable[Resting], opens_at: Callable[[str], int], now: int) -> list[tuple[Resting, int]]:
    """Those whose instrument takes no orders now, with the time (ns UTC) from which it does; the longest wait first.

    ``opens_at`` gives of an instrument when orders are taken next, ``now`` itself while they are
    (``checks.next_order_time``).
    """
    waits = ((order, opens_at(order.instrument)) for order in orders)
    return sorted(((order, at) for order, at in waits if at > now), key=lambda row: (-row[1], row[0].order_id))
