"""One of our orders out of its exchange orders: their states fold into one, told as events of the order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from trading.domain import events
from trading.domain.ctp.orders import End, Leg, Phase
from trading.domain.offsets import Direction
from trading.domain.order_status import OrderType
from trading.domain.simulated.outcomes import Reason as Ends

FAILED = frozenset({End.REFUSED, End.NOT_SENT, End.ABSENT})
"""Ends of what the exchange never had in its book."""
KILLED = frozenset({OrderType.FAK, OrderType.MARKET, OrderType.BEST})


@dataclass(slots=True)
class CtpOrder:
    """An order with its exchange orders.

    ``day`` is its trading day as text, ``filled`` lots have come as trades: an end is told when all that it counts
    have. ``foreign``: another terminal sent it. ``closed``: its end was told by somebody else.
    ``told`` is what was reported last, so that nothing is said twice.
    """

    order_id: int
    code: str
    direction: Direction
    type: OrderType
    volume: int
    legs: list[Leg] = field(default_factory=list)
    day: str = ""
    filled: int = 0
    foreign: bool = False
    cancel_wanted: bool = False
    told: tuple[object, ...] = ()
    rested: bool = False
    closed: bool = False

    @property
    def symbol(self) -> str:
        """``rb2501``."""
        return self.code.rpartition(".")[0]

    @property
    def exchange(self) -> str:
        """``SHFE``."""
        return self.code.rpartition(".")[2]

    @property
    def over(self) -> bool:
        """Whether all of it has ended."""
        return all(leg.over for leg in self.legs)

    @property
    def traded(self) -> int:
        """Lots traded, as the reports of the orders tell."""
        return sum(leg.traded for leg in self.legs)

    @property
    def in_doubt(self) -> bool:
        """Whether nobody can tell of a part whether it has arrived."""
        return any(leg.doubt for leg in self.legs)

    def news(self, at: int) -> Sequence[events.Event]:
        """What there is to tell that has not been told yet."""
        event = self._event(at)
        told: tuple[object, ...] = () if event is None else _told(event)
        if event is None or told == self.told or self.closed:
            return ()
        self.told = told
        self.rested = self.rested or isinstance(event, events.Accepted)
        return (event,)

    def over_told(self, event: events.Event) -> None:
        """Its end was reported by somebody else: no state of its exchange orders is news any more."""
        self.told = _told(event)
        self.closed = True

    def kept(self) -> dict[str, Any]:
        """What must be stored of it to go on after a restart."""
        kept: dict[str, Any] = {"day": self.day, "legs": [leg.kept() for leg in self.legs]}
        return kept | ({"rested": True} if self.rested else {})

    def remember(self, kept: Mapping[str, Any]) -> Self:
        """Take :meth:`kept` in."""
        self.legs = [Leg.restored(each) for each in kept.get("legs", ())]
        self.day, self.rested = kept.get("day", ""), bool(kept.get("rested"))
        return self

    def _event(self, at: int) -> events.Event | None:
        if self.over:
            return self._end(at)
        if any(leg.phase >= Phase.QUEUED and leg.end not in FAILED for leg in self.legs):
            return events.Accepted(at=at, exchange_order_id=self._number(), traded=self.traded)
        if self.in_doubt:
            return events.InDoubt(at=at, reason="connection_lost")
        if any(leg.phase >= Phase.SENT for leg in self.legs):
            return events.Submitted(at=at)
        return None

    def _end(self, at: int) -> events.Event:
        if self.filled < self.traded or self.traded == self.volume:
            return events.Accepted(at=at, exchange_order_id=self._number(), traded=self.traded)
        failed = [leg for leg in self.legs if leg.end in FAILED]
        first = failed[0] if failed else None
        if first is not None and len(failed) == len(self.legs) and not self.rested:
            if any(leg.end is End.REFUSED for leg in failed):
                first = next(leg for leg in failed if leg.end is End.REFUSED)
                return events.Rejected(at=at, reason_code=first.code, text=first.text, by=first.by)
            return events.NotSent(at=at, reason=first.code, text=first.text)
        code = first.code if first is not None else self._reason()
        text = next((leg.text for leg in (first, *self.legs) if leg is not None and leg.text), "")
        return events.Cancelled(at=at, traded=self.traded, reason_code=code, text=text)

    def _reason(self) -> str:
        """Why an order ended that nobody refused; '' where somebody withdrew it."""
        if self.type in KILLED:
            return Ends.REMAINDER.value
        return Ends.NOT_FILLED_WHOLE.value if self.type is OrderType.FOK else ""

    def _number(self) -> str:
        """The first number that the exchange gave."""
        return next((leg.number.strip() for leg in self.legs if leg.number.strip()), "")


def _told(event: events.Event) -> tuple[object, ...]:
    values = (getattr(event, name) for name in event.__struct_fields__ if name != "at")
    return (type(event), *values)
