"""The account of a run on ticks: fills in, positions and free funds out, settled day by day. No I/O."""

from collections.abc import Sequence
from math import isnan

from backtests.domain.fill_booking import Booking, FillFact, FillRow
from backtests.domain.legs import Leg
from marketdata.domain.calendar import from_day_number
from trading.domain.offsets import Direction, Side
from trading.domain.simulated.outcomes import Traded

DUST = 1e-6
"""Yuan by which a sum of floats may be short and still suffice."""


class TickAccount:
    """Instruments on one account; orders net: what lies on the other side is closed first, the oldest lots first.

    ``leg`` is the number of an instrument among ``legs``; a run on one leaves it out.
    """

    def __init__(self, legs: Sequence[Leg], capital: float) -> None:
        self.legs = tuple(legs)
        self.facts: list[FillFact] = []
        self.day = -1
        self.price_ticks = [leg.costs.price_tick for leg in self.legs]
        self._booking = Booking(self.legs, capital)
        self._last = [float("nan")] * len(self.legs)
        self._needs: dict[int, float] = {}

    def begin(self, day: int) -> None:
        """Open a trading day."""
        self.day = day
        self.price_ticks = [leg.costs.tick_on(from_day_number(day)) for leg in self.legs]
        self._booking.begin(day)

    def price_tick(self, leg: int = 0) -> float:
        """The smallest step of the price on the running day."""
        return self.price_ticks[leg]

    def multiplier(self, leg: int = 0) -> float:
        """Units of goods in one lot on the running day."""
        return self._booking.ledger.terms(self.legs[leg].code).multiplier

    def mark(self, price: float, leg: int = 0) -> None:
        """The last price: what is held is worth that much when somebody asks."""
        self._last[leg] = price

    def last(self, leg: int = 0) -> float:
        """The price of the newest mark, NaN before the first."""
        return self._last[leg]

    def held(self, leg: int = 0) -> float:
        """Lots held now, signed."""
        return self._booking.ledger.position(self.legs[leg].code).net_volume()

    def affords(self, order_id: int, direction: Direction, volume: int, price: float, leg: int = 0) -> bool:
        """Hold back what the opening part of an order needs at ``price``; False where the free funds do not reach.

        What the order closes sets its margin free. A close alone is always affordable.
        """
        ledger, code = self._booking.ledger, self.legs[leg].code
        other = Side(-direction)
        held = ledger.position(code).volume(other)
        closing = min(float(volume), held)
        if closing >= volume:
            return True
        for number, own in enumerate(self.legs):
            if not isnan(self._last[number]):
                ledger.mark(own.code, self._last[number])
        need = ledger.opening_need(code, Side(int(direction)), price, volume - closing)
        freed = ledger.side_margin(code, other) * closing / held if closing else 0.0
        if need > ledger.funds.available + freed - sum(self._needs.values()) + DUST:
            return False
        self._needs[order_id] = need
        return True

    def fill(self, direction: Direction, traded: Traded, left: int, leg: int = 0) -> list[FillRow]:
        """Book a fill of an order of which ``left`` lots go on working; gives its rows, one for each kind of lot."""
        need = self._needs.pop(traded.order_id, 0.0)
        if left:
            self._needs[traded.order_id] = need * left / (left + traded.volume)
        line = len(self.facts) + 1
        fact = FillFact(line, leg, traded.at, self.day, direction, None, traded.price, float(traded.volume))
        first = len(self._booking.fills)
        self.facts.append(fact)
        self._booking.book(fact)
        return self._booking.fills[first:]

    def release(self, order_id: int) -> None:
        """The order ended: nothing is held back for it any more."""
        self._needs.pop(order_id, None)

    def settle(self) -> None:
        """End the trading day."""
        self._booking.settle(self.day)
