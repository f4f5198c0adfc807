"""The one order that an algorithm has at work on a leg: its states as a printed table.

There is never a second one before the end of the first is told, so that what is filled and what may still be filled
together never exceed what is wanted, however late a cancel is answered.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isnan, nan
from typing import Any, Self

from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType

ASK_AGAIN_NS = 5_000_000_000
"""A cancel that nothing has answered for so long is asked for again: it may have been lost, or come too early."""


class SlotState(StrEnum):
    """Where the order stands."""

    IDLE = "idle"
    SENT = "sent"
    WORKING = "working"
    LEAVING = "leaving"


class SlotEvent(StrEnum):
    """What happens to it."""

    PLACED = "placed"
    ACCEPTED = "accepted"
    PART = "part"
    WHOLE = "whole"
    REJECTED = "rejected"
    ENDED = "ended"
    ASKED = "asked"


S, E = SlotState, SlotEvent

MOVES: Mapping[tuple[SlotState, SlotEvent], SlotState] = {
    (S.IDLE, E.PLACED): S.SENT,
    (S.SENT, E.ACCEPTED): S.WORKING,
    (S.SENT, E.PART): S.WORKING,  # a fill may come before the report of its order
    (S.SENT, E.WHOLE): S.IDLE,
    (S.SENT, E.REJECTED): S.IDLE,
    (S.SENT, E.ENDED): S.IDLE,
    (S.SENT, E.ASKED): S.LEAVING,
    (S.WORKING, E.ACCEPTED): S.WORKING,
    (S.WORKING, E.PART): S.WORKING,
    (S.WORKING, E.WHOLE): S.IDLE,
    (S.WORKING, E.REJECTED): S.IDLE,
    (S.WORKING, E.ENDED): S.IDLE,
    (S.WORKING, E.ASKED): S.LEAVING,
    (S.LEAVING, E.ACCEPTED): S.LEAVING,
    (S.LEAVING, E.PART): S.LEAVING,  # the cancel is under way, the market was quicker
    (S.LEAVING, E.WHOLE): S.IDLE,
    (S.LEAVING, E.REJECTED): S.IDLE,
    (S.LEAVING, E.ENDED): S.IDLE,
    (S.LEAVING, E.ASKED): S.LEAVING,
}
"""The state after an event; a pair that is missing cannot happen: whoever brings one about has a fault."""


@dataclass(slots=True)
class Slot:
    """``lots`` were ordered and ``left`` of them may still fill; ``price`` is NaN for a market order.

    ``since`` is when it was placed, ``asked_at`` when its cancel was last asked for (ns UTC).
    """

    state: SlotState = SlotState.IDLE
    number: int = 0
    direction: Direction = Direction.BUY
    type: OrderType = OrderType.MARKET
    lots: int = 0
    left: int = 0
    price: float = nan
    since: int = 0
    asked_at: int = 0

    @property
    def busy(self) -> bool:
        """Whether an order may still fill."""
        return self.state is not SlotState.IDLE

    @property
    def at_work(self) -> int:
        """Lots that may still fill, signed."""
        return self.direction * self.left if self.busy else 0

    def place(  # noqa: PLR0917 - an order's own fields
        self, number: int, direction: Direction, kind: OrderType, lots: int, price: float, at: int
    ) -> None:
        """A new order goes out. Raises ``KeyError`` while another is at work."""
        self._move(SlotEvent.PLACED)
        self.number, self.direction, self.type, self.lots, self.left = number, direction, kind, lots, lots
        self.price, self.since, self.asked_at = price, at, 0

    def fill(self, lots: int) -> None:
        """So many lots of it are filled."""
        self.left = max(self.left - lots, 0)
        self._move(SlotEvent.PART if self.left else SlotEvent.WHOLE)

    def note(self, event: SlotEvent) -> None:
        """It was accepted, rejected, or is over. Raises ``KeyError`` where no order is at work."""
        self._move(event)

    def ask(self, at: int) -> bool:
        """Ask for its cancel at ``at``; False where that was done a moment ago and is to be waited for."""
        if self.state is SlotState.LEAVING and at - self.asked_at < ASK_AGAIN_NS:
            return False
        self._move(SlotEvent.ASKED)
        self.asked_at = at
        return True

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**asdict(self), "direction": int(self.direction), "price": None if isnan(self.price) else self.price}

    @classmethod
    def restored(cls, document: Mapping[str, Any]) -> Self:
        """What :meth:`document` wrote."""
        price = document["price"]
        read = {
            "state": SlotState(document["state"]),
            "type": OrderType(document["type"]),
            "direction": Direction(document["direction"]),
            "price": nan if price is None else price,
        }
        return cls(**{**document, **read})

    def _move(self, event: SlotEvent) -> None:
        self.state = MOVES[self.state, event]


def table() -> str:
    """The moves as a table in Markdown: a row a state, a column an event."""
    head = ["state", *(event.value for event in SlotEvent)]
    rows = [
        [state.value, *(MOVES[state, event].value if (state, event) in MOVES else "-" for event in SlotEvent)]
        for state in SlotState
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
