"""What each algorithm wants to have at work now. A policy proposes; :mod:`worker` places, withdraws and counts.

Policies know no position and no order numbers: they are asked with a :class:`View` and answer with a :class:`Wish`,
with a :class:`GiveUp`, or with None where nothing is to be sent at present.
"""

from dataclasses import dataclass
from math import isnan, nan
from typing import Any, Protocol

from quantsite.common.texts import Kept
from strategies.domain.execution.quotes import Quote
from strategies.domain.execution.slot import Slot
from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType

NS = 1_000_000_000
"""Nanoseconds in a second."""


@dataclass(frozen=True, slots=True)
class View:
    """``lots`` (above 0) are lacking in ``direction``; prices are in yuan, ``now`` in ns UTC.

    ``passed`` is the leg's trading time in ns, of which only differences mean anything.
    """

    now: int
    passed: int
    quote: Quote
    direction: Direction
    lots: int
    price_tick: float


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that should be at work; ``price`` is NaN for a market order."""

    lots: int
    type: OrderType
    price: float = nan


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more is to be sent for this target, and why."""

    sentence: Kept


@dataclass(frozen=True, slots=True)
class Parent:
    """What is to be worked: ``number`` counts the leg's targets, ``lots`` (above 0) are lacking at its beginning.

    ``passed`` is the trading time then, as in :class:`View`.
    """

    number: int
    lots: int
    passed: int
    decision_price: float


class Policy(Protocol):
    """One algorithm on one leg."""

    def begin(self, parent: Parent) -> None:
        """A new target."""
        ...

    def wish(self, view: View) -> Wish | GiveUp | None:
        """What should be at work, asked while nothing is."""
        ...

    def keeps(self, slot: Slot, view: View) -> bool:
        """Whether the order at work may stay as it is."""
        ...

    def state(self) -> dict[str, Any]:
        """What a restart needs, as JSON takes it."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """What :meth:`state` wrote."""
        ...


def at_market(view: View, lots: int) -> Wish | None:
    """A market order, where somebody offers: one without a quote on the other side would only be refused."""
    offered = not isnan(view.quote.opposite(view.direction))
    return Wish(lots, OrderType.MARKET) if offered and lots > 0 else None


class MarketPolicy:
    """Everything at once."""

    def begin(self, parent: Parent) -> None:
        """Nothing to remember."""

    def wish(self, view: View) -> Wish | GiveUp | None:
        """All that is lacking."""
        return at_market(view, view.lots)

    def keeps(self, slot: Slot, view: View) -> bool:  # noqa: ARG002 - a protocol's arguments
        """A market order ends by itself; a limit order of another policy must make room."""
        return slot.type is OrderType.MARKET

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing."""
