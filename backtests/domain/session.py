"""A run under way: the kernel's tape and book, what strategies see of the bars, and the calls into compiled code."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.domain import kernel_state as state
from backtests.domain.adjusted import Adjustment
from backtests.domain.book import grown
from backtests.domain.kernel import advance, decide
from backtests.domain.kernel_state import Book, Tape
from backtests.domain.legs import Leg
from backtests.domain.tape import Row
from marketdata.domain.bars import BarSeries
from quantsite.common.numbers import round_to_tick
from strategies.domain.strategy import OrderUpdate, UpdateKind
from trading.domain.offsets import Direction, Offset

Longs = npt.NDArray[np.int64]

NO_TARGETS = np.empty(0)
NO_FLAGS = np.empty(0, dtype=np.bool_)
_KINDS = (UpdateKind.FILLED, UpdateKind.REJECTED, UpdateKind.CANCELLED)


@dataclass(frozen=True, slots=True)
class Sight:
    """What strategies see of one leg: its bars in the sessions asked for, adjusted; their rows on the tape."""

    bars: BarSeries
    rows: Longs
    adjustment: Adjustment


class Session:
    """The book of one run and everything that Python does with it between two calls of the kernel."""

    def __init__(self, tape: Tape, rows: Row, legs: Sequence[Leg], sights: Sequence[Sight], book: Book) -> None:
        self.tape = tape
        self.rows = rows
        self.legs = legs
        self.sights = sights
        self.book = book
        self.unit = float(tape.numbers[state.UNIT])
        self.ahead = 0
        """The row that comes next, where a host goes on without the kernel."""
        self.placed = False
        """Set when an order is placed or taken back, for a host that goes on without the kernel."""

    @property
    def row(self) -> int:
        """The row that comes next: the one before it is the last closed."""
        return max(int(self.book.counts[state.ROW]), self.ahead)

    def advance(
        self, stop: int, targets: npt.NDArray[np.float64] = NO_TARGETS, flags: npt.NDArray[np.bool_] = NO_FLAGS
    ) -> bool:
        """Run on to row ``stop``; True where somebody is to be woken before it."""
        while (outcome := advance(self.tape, self.book, stop, targets, flags)) == state.FULL:
            self.book = grown(self.book)
        return bool(outcome == state.WOKEN)

    def reserve(self, fills: int) -> None:
        """Make room for so many fills and trades before the first, so that the tables need not grow."""
        book = self.book
        if fills <= len(book.fills):
            return
        names = ("fills", "fill_marks", "trades", "trade_marks")
        shapes = {name: (fills, getattr(book, name).shape[1]) for name in names}
        tables = {name: np.empty(shapes[name], dtype=getattr(book, name).dtype) for name in names}
        self.book = book._replace(**tables)

    def decide(self, leg: int, target: float) -> None:
        """A signal: ``target`` in units of the run's volume."""
        decide(self.book, leg, target * self.unit)

    def take_updates(self) -> list[OrderUpdate]:
        """What the kernel noted for strategies since the last time, in the legs of the run."""
        count = int(self.book.counts[state.UPDATES])
        self.book.counts[state.UPDATES] = 0
        marks, numbers = self.book.update_marks[:count].tolist(), self.book.updates[:count].tolist()
        return [
            OrderUpdate(
                _KINDS[mark[state.TOLD_KIND]],
                int(self.rows.start[mark[state.TOLD_ROW]]),
                Direction(mark[state.TOLD_SIDE]),
                Offset(mark[state.TOLD_OFFSET]),
                number[state.TOLD_PRICE],
                number[state.TOLD_VOLUME],
                number[state.TOLD_HELD],
                mark[state.TOLD_ORDER],
                mark[state.TOLD_LEG],
            )
            for mark, number in zip(marks, numbers, strict=True)
        ]

    def history(self, leg: int, count: int) -> BarSeries:
        """The last ``count`` closed bars of a leg as its strategy sees them."""
        sight = self.sights[leg]
        closed = int(np.searchsorted(sight.rows, self.row))
        return sight.bars.take(slice(max(0, closed - count), closed))

    def day(self) -> int:
        """The number of the trading day of the last closed row."""
        return max(0, int(self.book.counts[state.DAY]))

    def tick(self, leg: int) -> float:
        """The price tick of a leg on the running trading day."""
        return float(self.tape.rates[self.tape.terms[self.day(), leg], state.TICK])

    def recorded(self, leg: int, price: float) -> float:
        """A price that a strategy named, as the recorded one: without the adjustment, on the tick grid."""
        return round_to_tick(self.behind(leg, price), self.tick(leg))

    def behind(self, leg: int, price: float) -> float:
        """The recorded price behind one that a strategy named."""
        return self.sights[leg].adjustment.recorded(self.day(), price)

    def shown(self, leg: int, price: float) -> float:
        """A recorded price of the running day as the leg's strategy sees it."""
        return self.sights[leg].adjustment.seen(self.day(), price)

    def distance(self, leg: int, price: float) -> float:
        """A distance between prices that a strategy named, as the recorded one on the tick grid."""
        return round_to_tick(self.sights[leg].adjustment.distance(self.day(), price), self.tick(leg))

    def room_for_order(self) -> int:
        """The place of a new order, after making room for it."""
        if self.book.counts[state.ORDERS] + 1 >= len(self.book.orders):
            self.book = grown(self.book)
        return int(self.book.counts[state.ORDERS])

    def tidy(self) -> None:
        """Forget the orders that are done."""
        book, count = self.book, int(self.book.counts[state.ORDERS])
        left = book.order_marks[:count, state.STATE] != state.DONE
        kept = int(left.sum())
        book.order_marks[:kept], book.orders[:kept] = book.order_marks[:count][left], book.orders[:count][left]
        book.counts[state.ORDERS] = kept
