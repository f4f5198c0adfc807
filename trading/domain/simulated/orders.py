"""Orders as the simulated exchange sees them, and the state that it keeps for each."""

from dataclasses import dataclass
from enum import StrEnum
from math import isnan, nan
from typing import Any, Self

import msgspec

from trading.domain.offsets import Direction
from trading.domain.order import OrderType


class Queue(StrEnum):
    """Whether others' orders at the same price are ahead of ours."""

    NONE = "none"
    DISPLAYED = "displayed"


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """``latency_ns`` is how long an order or a cancel takes to the exchange. Raises ``ValueError`` below 0."""

    latency_ns: int = 0
    queue: Queue = Queue.DISPLAYED

    def __post_init__(self) -> None:
        if self.latency_ns < 0:
            raise ValueError(f"latency_ns must be 0 or more, not {self.latency_ns}")


class MatchOrder(msgspec.Struct, frozen=True):
    """An order: prices in yuan (NaN where the type has none), ``volume`` in lots.

    ``arrives`` (ns UTC) is when the exchange gets it; 0 leaves that to the rules' latency.
    """

    order_id: int
    direction: Direction
    type: OrderType
    volume: int
    price: float = nan
    stop_price: float = nan
    arrives: int = 0


ANY_PRICE = frozenset({OrderType.MARKET, OrderType.BEST})
"""Types that take what the other side displays; a price given with one is not looked at."""


@dataclass(slots=True, eq=False)
class Working:
    """An order on its way to the exchange or at work there; prices in whole ticks.

    ``limit`` is None for one that takes any price. ``queue`` is how many lots of others are ahead at ``limit``,
    None where that is not known yet. ``since`` is when it arrived (a stop order: was triggered), ``priority``
    decides between orders that arrived together.
    """

    order: MatchOrder
    arrives: int
    priority: int
    remaining: int
    limit: int | None
    stop: int | None
    arrived: bool = False
    since: int = 0
    queue: int | None = None
    triggered: bool = False
    fills: int = 0
    cancel_at: int | None = None

    @classmethod
    def of(cls, order: MatchOrder, arrives: int, priority: int, price_tick: float) -> Self:
        """A fresh order."""
        return cls(
            order=order,
            arrives=arrives,
            priority=priority,
            remaining=order.volume,
            limit=None if isnan(order.price) or order.type in ANY_PRICE else round(order.price / price_tick),
            stop=round(order.stop_price / price_tick) if order.type == OrderType.STOP else None,
        )

    @property
    def waiting(self) -> bool:
        """True for a stop order that nothing has triggered yet."""
        return self.stop is not None and not self.triggered

    @property
    def rests(self) -> bool:
        """True where what does not fill at once stays in the book."""
        return self.limit is not None and self.order.type in (OrderType.LIMIT, OrderType.STOP)

    @property
    def next_event(self) -> int | None:
        """When something of it reaches the exchange; None where nothing is under way."""
        return self.cancel_at if self.arrived else self.arrives

    def to_document(self) -> dict[str, Any]:
        """Everything but the order itself, as JSON takes it."""
        return {
            "arrives": self.arrives,
            "priority": self.priority,
            "remaining": self.remaining,
            "limit": self.limit,
            "arrived": self.arrived,
            "since": self.since,
            "queue": self.queue,
            "triggered": self.triggered,
            "fills": self.fills,
            "cancel_at": self.cancel_at,
        }

    @classmethod
    def from_document(cls, order: MatchOrder, document: dict[str, Any], price_tick: float) -> Self:
        """What :meth:`to_document` wrote. Raises ``TypeError`` for a document with other fields."""
        fresh = cls.of(order, 0, 0, price_tick)
        return cls(order=order, stop=fresh.stop, **document)
