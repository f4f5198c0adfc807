"""Orders of one hosted strategy that could fill against each other, as its account's loop keeps them apart. No I/O.

The rule is the account's (``trading.loop.self_trade``): of two orders that could meet the younger one is refused where
it opens; where it closes it waits until the older one has been withdrawn. One that does both goes out as two, so the
part that closes waits and the other one is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

from strategies.domain.hosting.intents import Place
from trading.domain.order import OrderType
from trading.domain.risk.self_trade import Standing, crossed


@dataclass(slots=True)
class Own:
    """An order at the exchange, or one that waits: lots that are ``left`` of what was sent, and of those that close."""

    place: Place
    left: int
    closing: int


class OwnOrders:
    """What is at work and what waits; ``held`` are the lots of each leg, signed, at the beginning.

    With ``meet`` nothing is kept apart: orders rest against each other, as in a run on ticks.
    """

    def __init__(self, held: Sequence[int], *, meet: bool = False) -> None:
        self._meet = meet
        self._lots = list(held)
        self._working: dict[int, Own] = {}
        self._waiting: dict[int, Own] = {}

    def closing(self, place: Place) -> int:
        """How many lots of an order close what is held and what no other order closes already."""
        sign = int(place.direction)
        others = (own for own in (*self._working.values(), *self._waiting.values()) if own.place.leg == place.leg)
        under_way = sum(own.closing for own in others if own.place.direction == place.direction)
        return min(place.lots, max(0, -sign * self._lots[place.leg] - under_way))

    def met(self, place: Place) -> list[int]:
        """The numbers of those at the exchange that an order could fill against, the one it would meet first first."""
        against = [own for own in self._working.values() if own.place.direction != place.direction]
        if self._meet or not against:
            return []
        return [each.order_id for each in crossed(_standing(place), (_standing(own.place) for own in against))]

    def add(self, place: Place, closing: int) -> None:
        """An order goes to the exchange; of one that has waited only what closes."""
        lots = closing if self._waiting.pop(place.number, None) else place.lots
        self._working[place.number] = Own(place, lots, closing)

    def wait(self, place: Place, closing: int) -> None:
        """An order waits for others to be withdrawn."""
        self._waiting[place.number] = Own(place, closing, closing)

    def freed(self) -> Iterator[tuple[Place, int]]:
        """Those that wait for nothing any more, each with the lots that close."""
        for own in tuple(self._waiting.values()):
            if not self.met(own.place):
                yield own.place, own.closing

    def drop(self, number: int) -> bool:
        """An order that waits is taken back; False where it does not wait."""
        return self._waiting.pop(number, None) is not None

    def forget(self, leg: int) -> list[Place]:
        """The day of a leg is over: gives what waited."""
        places = [own.place for own in self._waiting.values() if own.place.leg == leg]
        for place in places:
            del self._waiting[place.number]
        return places

    def at_work(self, number: int) -> bool:
        """Whether an order may still fill."""
        return number in self._working

    def fill(self, place: Place, lots: int) -> None:
        """Some lots of an order were filled: those that close first."""
        self._lots[place.leg] += int(place.direction) * lots
        own = self._working[place.number]
        own.left -= lots
        own.closing = max(0, own.closing - lots)
        if own.left <= 0:
            del self._working[place.number]

    def end(self, number: int) -> None:
        """An order ended at the exchange."""
        self._working.pop(number, None)


def _standing(place: Place) -> Standing:
    price = place.price if place.type is OrderType.LIMIT else nan
    return Standing(place.number, "", str(place.leg), int(place.direction) > 0, opening=False, price=price)
