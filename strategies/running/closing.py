"""What closes an instance whose strategy decides no more: in the strategy's place as the instance's host.

It waits until nothing of the instance is at work, then sends what it holds of each contract to the market, with the
contract's next tick; what a book does not fill goes out again, ever more rarely where nothing fills. It keeps nothing:
lots and orders are the instance's.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import count
from math import isnan, nan
from typing import Any

from marketdata.domain.ticks import Tick
from strategies.domain.hosting.executor import pause_after
from strategies.domain.hosting.intents import Cause, Place
from strategies.domain.hosting.news import NOT_NOW
from strategies.running.hosts import Wanted
from strategies.running.inputs import Fault, Input, NewsIn, TickIn
from trading.domain.offsets import Direction
from trading.domain.order import OrderType


class ClosingHost:
    """Closes what ``held`` (signed lots of a contract) says, with orders from ``first_number`` on.

    ``at_work`` are the numbers of the instance's orders that may still fill. ``refused`` is why the last order came to
    nothing, where one did; ``vain`` counts those in a row that were refused for good and filled nothing.
    """

    remote = False
    free = True
    took = 0

    def __init__(
        self, codes: Collection[str], held: Callable[[str], int], at_work: Collection[int], first_number: int
    ) -> None:
        self._codes = list(codes)
        self._held = held
        self._at_work = at_work
        self._numbers = count(first_number)
        self._not_before = 0
        self.refused = ""
        self.vain = self._tries = 0

    @property
    def busy(self) -> bool:
        """Whether lots are held or an order is under way."""
        return bool(self._at_work) or any(self._held(code) for code in self._codes)

    def give(self, given: Input, wanted: list[Wanted], event_at: int, *, late: bool) -> Fault | None:
        """Ticks and news; everything else is for strategies."""
        if isinstance(given, NewsIn) and given.kind in {"rejected", "cancelled"}:
            self._tries += 1
            self.vain += given.kind == "rejected" and given.reason not in NOT_NOW
            self.refused, self._not_before = given.reason, given.at + pause_after(self._tries)
        elif isinstance(given, NewsIn) and given.kind == "filled":
            self.vain = self._tries = 0
        elif isinstance(given, TickIn) and given.tick.instrument in self._codes:
            place = self._closing(given.leg, given.tick)
            if place is not None:
                wanted.append(Wanted(place, event_at, late))
        return None

    def feed(self, inputs: Sequence[Input], *, document: bool) -> None:  # noqa: ARG002 - a protocol's
        """It lives here."""
        raise TypeError("a host of our own process answers at once")

    def listening(self) -> tuple[frozenset[int], bool]:
        """Every leg."""
        return frozenset(range(len(self._codes))), False

    def document(self) -> dict[str, Any]:
        """That it closes: all else is the instance's own."""
        return {"closing": True}

    def allow(self, budget_ms: int) -> None:
        """It asks nobody's code."""

    def overdue(self) -> bool:
        """It waits for nobody's code."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""

    def _closing(self, leg: int, tick: Tick) -> Place | None:
        held = self._held(tick.instrument)
        if not held or self._at_work or tick.time < self._not_before:
            return None
        price, lots = (tick.bid_price, tick.bid_volume) if held > 0 else (tick.ask_price, tick.ask_volume)
        if isnan(price) or lots <= 0:
            return None
        side = Direction.SELL if held > 0 else Direction.BUY
        figures = (OrderType.MARKET, abs(held), nan, tick.last, tick.time, Cause.FLATTEN)
        return Place(next(self._numbers), leg, side, *figures, contract=tick.instrument)
