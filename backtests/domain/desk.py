"""The desk of a backtest over the kernel's book: what a strategy may see and do."""

import math
from collections.abc import Sequence

import numpy as np

from backtests.domain import kernel_state as state
from backtests.domain.kernel_state import Book
from backtests.domain.session import Session
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.strategy import OrderUpdate, Reply
from strategies.domain.waking import Waking
from trading.domain.offsets import Direction

WIDE = 1e-6
"""By how much a watched price is watched early (yuan): an adjustment's dust must not miss it."""


class BacktestDesk(Waking):
    """One strategy's view of a running backtest; its leg 0 is the leg ``legs[0]`` of the run.

    Prices go in and come out as the strategy sees them, adjusted where its bars are; orders rest at recorded
    prices, on the tick grid.
    """

    def __init__(self, session: Session, legs: Sequence[int]) -> None:
        super().__init__()
        self._session = session
        self._legs = tuple(legs)

    @property
    def _book(self) -> Book:
        return self._session.book

    def position(self, leg: int = 0) -> float:
        """Held now, signed, in units of the run's volume."""
        return float(self._book.leg_numbers[self._legs[leg], state.HELD]) / self._session.unit

    def history(self, count: int, leg: int = 0) -> BarSeries:
        """The last ``count`` closed bars (fewer at the beginning), the newest last."""
        return self._session.history(self._legs[leg], count)

    def tick(self, leg: int = 0) -> float:
        """The price tick of the running trading day."""
        return self._session.tick(self._legs[leg])

    def market(self, volume: float, leg: int = 0) -> int:
        """An order that fills at the next open with volume. Returns its number."""
        side = _side(volume)
        return self._place(leg, state.MARKET, side, volume, 0.0, None, to_target=False)

    def limit(
        self, volume: float, price: float, *, reply: Reply | None = None, to_target: bool = False, leg: int = 0
    ) -> int:
        """A resting limit order; with ``to_target`` it goes to the position ``volume`` from the side it lies on."""
        side = _side(volume if not to_target else volume - self.position(leg))
        return self._place(leg, state.LIMIT, side, volume, price, reply, to_target=to_target)

    def stop(
        self,
        volume: float,
        price: float,
        *,
        side: Direction | None = None,
        reply: Reply | None = None,
        to_target: bool = False,
        leg: int = 0,
    ) -> int:
        """A resting stop order; with ``to_target`` it goes to the position ``volume``, triggered from ``side``."""
        own = int(side) if side is not None else _side(volume if not to_target else volume - self.position(leg))
        return self._place(leg, state.STOP, own, volume, price, reply, to_target=to_target)

    def cancel(self, order: int) -> bool:
        """Take an order back; False where it does not rest any more."""
        marks = self._book.order_marks[: self._book.counts[state.ORDERS]]
        found = np.flatnonzero((marks[:, state.NUMBER] == order) & (marks[:, state.STATE] != state.DONE))
        mine = [at for at in found.tolist() if marks[at, state.LEG] in self._legs]
        self._drop(mine)
        return bool(mine)

    def cancel_all(self, leg: int | None = None) -> int:
        """Take all resting orders back (of one leg, or of all); returns how many."""
        legs = self._legs if leg is None else (self._legs[leg],)
        marks = self._book.order_marks[: self._book.counts[state.ORDERS]]
        resting = np.flatnonzero(np.isin(marks[:, state.LEG], legs) & (marks[:, state.STATE] != state.DONE))
        self._drop(resting.tolist())
        return len(resting)

    def wake_at(self, time: int) -> None:
        """Wake the strategy when the first later bar that starts at or after ``time`` (ns UTC) has closed."""
        self.timers.append(int(time))

    def wake_on(self, price: float, leg: int = 0) -> None:
        """Wake the strategy once, when a later bar reaches ``price`` and has closed."""
        self.levels.append((leg, _finite("price", price)))

    def levels_around(self, leg: int) -> tuple[float, float]:
        """The nearest watched prices below and above the last bar of a leg of the run, recorded and a little wide."""
        last = self._session.history(leg, 1)
        close = float(last.close[-1]) if len(last) else 0.0
        levels = [price for own, price in self.levels if self._legs[own] == leg]
        down = max((price for price in levels if price < close), default=-math.inf)
        up = min((price for price in levels if price >= close), default=math.inf)
        return self._session.behind(leg, down) + WIDE, self._session.behind(leg, up) - WIDE

    def own_update(self, update: OrderUpdate) -> OrderUpdate:
        """An update of the run in the strategy's own legs and at its own prices."""
        price = self._session.shown(update.leg, update.price)
        return update._replace(leg=self._legs.index(update.leg), price=price)

    def _place(  # noqa: PLR0917 - private, and every call names what it passes
        self, leg: int, kind: int, side: int, volume: float, price: float, reply: Reply | None, *, to_target: bool
    ) -> int:
        own = self._legs[leg]
        lots = self._lots(volume, to_target=to_target)
        if kind != state.MARKET:
            price = self._session.recorded(own, _finite("price", price))
        at = self._session.room_for_order()
        book = self._book  # asking for room may have replaced it
        if book.leg_marks[own, state.ENDED]:
            return 0
        book.counts[state.NEXT_ORDER] += 1
        number = int(book.counts[state.NEXT_ORDER])
        if reply and to_target:
            raise RuleError("invalid_order", say("An order to a target has no volume that a reply could repeat."))
        distance = reply.distance if reply else 0.0
        if reply and not (math.isfinite(distance) and distance > 0):
            text = say("A reply's distance must be above 0, not %(distance)r.", distance=distance)
            raise RuleError("invalid_order", text)
        # Less than half a tick would be no distance at all, and so no reply.
        distance = max(self._session.distance(own, distance), self._session.tick(own)) if reply else 0.0
        book.orders[at] = (lots, price, distance, lots)
        repeat = int(reply is not None and reply.repeat)
        place = (number, own, kind, side, int(to_target), self._session.row, repeat, state.RESTING)
        book.order_marks[at] = place
        book.counts[state.ORDERS] = at + 1
        book.leg_marks[own, state.DIRTY] = 1
        self._session.placed = True
        return number

    def _lots(self, volume: float, *, to_target: bool) -> float:
        lots = _finite("volume", volume) * self._session.unit
        if not to_target and lots == 0.0:
            raise RuleError("invalid_order", say("An order's volume must not be 0."))
        return lots if to_target else abs(lots)

    def _drop(self, places: list[int]) -> None:
        book = self._book
        for at in places:
            book.order_marks[at, state.STATE] = state.DONE
            book.leg_marks[book.order_marks[at, state.LEG], state.DIRTY] = 1
        self._session.tidy()


def _side(volume: float) -> int:
    return 1 if volume > 0 else -1


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        text = say("An order's %(name)s must be a number, not %(value)r.", name=name, value=value)
        raise RuleError("invalid_order", text)
    return float(value)
