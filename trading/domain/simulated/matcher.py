"""The simulated exchange of one instrument, on ticks: docs/trading/matching.md has its rules with their reasons.

Pure and deterministic: time comes in with every call, and what is kept can be written down at any point and
restored, after which the outcomes are the same. A tick that is flagged (stale, backward, outside) changes nothing.
"""

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any

from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_MINUTE
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.domain.simulated.at_work import NEVER, OrdersAtWork
from trading.domain.simulated.book import OTHER_SIDE, Book
from trading.domain.simulated.orders import MatchingRules, MatchOrder, Queue, Working
from trading.domain.simulated.outcomes import (
    Accepted,
    CancelRefused,
    Outcome,
    Reason,
    Refused,
    Traded,
    Triggered,
    Withdrawn,
)
from trading.domain.simulated.prints import Prints, prints_between, sides_counted
from trading.domain.simulated.resting import Share, auction_shares, resting_shares, update_queues

PLAIN = MatchingRules()


class InstrumentMatcher:
    """Own orders of any accounts in one instrument, matched against the ticks of the market.

    Give it every tick in order, and :meth:`on_clock` where time passes without one. At the end of a trading day
    call :meth:`expire`; before the first tick of a day :meth:`begin_day`, if its opening is known.
    """

    def __init__(
        self, code: str, exchange: str, price_tick: float, multiplier: float, rules: MatchingRules = PLAIN
    ) -> None:
        self.code = code
        self.exchange = exchange
        self.price_tick = price_tick
        self.multiplier = multiplier
        self.rules = rules
        self.last_tick: Tick | None = None
        """The last tick that counted."""
        self._queues = rules.queue == Queue.DISPLAYED
        self._orders = OrdersAtWork()
        self._book: Book | None = None
        self._closed = False
        self._opens = 0
        self._outcomes: list[Outcome] = []

    def __len__(self) -> int:
        return len(self._orders)

    def begin_day(self, opens: int) -> None:
        """Continuous trading of the coming trading day begins at ``opens`` (ns UTC).

        Without it an order waits for the day's first trade, and what the day traded before the first tick seen
        counts as its auction if the average lies at the opening price.
        """
        self._opens = opens

    def submit(self, order: MatchOrder, now: int) -> list[Outcome]:
        """Send an order off at ``now``; without latency it arrives at once. Raises ``ValueError`` for a known id."""
        if order.order_id in self._orders:
            raise ValueError(f"order {order.order_id} is with the exchange already")
        arrives = order.arrives or now + self.rules.latency_ns
        self._orders.add(order, arrives, self.price_tick)
        return self.on_clock(now)

    def cancel(self, order_id: int, now: int) -> list[Outcome]:
        """Ask for an order to be cancelled; the request takes as long as an order does, and fills come before it."""
        working = self._orders.get(order_id)
        if working is None:
            return [CancelRefused(order_id, now, Reason.ORDER_UNKNOWN)]
        if working.cancel_at is None:
            working.cancel_at = max(now + self.rules.latency_ns, working.arrives)
            self._orders.due = min(self._orders.due, working.cancel_at)
        return self.on_clock(now)

    def on_clock(self, now: int) -> list[Outcome]:
        """What reaches the exchange up to ``now``, against the book as it was last seen."""
        if self._orders.due <= now:
            self._arrivals(now)
        return self._told()

    def on_tick(self, tick: Tick) -> list[Outcome]:
        """What a tick does to the orders: first what arrived before its time, then its trades, then its book."""
        if tick.flags or (self._closed and self._is_late(tick)):
            return []
        if not self._orders:
            self.last_tick, self._book, self._closed = tick, None, False
            return []
        if self._orders.due < tick.time:
            self._arrivals(tick.time - 1)
        before, self.last_tick = self.last_tick, tick
        book, self._closed = Book(tick, self.price_tick), False
        self._book = book
        if before is None or tick.upper_limit != before.upper_limit or tick.lower_limit != before.lower_limit:
            self._outside_limits(tick)
        if not self._in_auction(tick.time):
            self._match(before, tick, book)
        if self._orders.due <= tick.time:
            self._arrivals(tick.time)
        return self._told()

    def expire(self, now: int) -> list[Outcome]:
        """The trading day is over: every order ends, and the book that was seen last is nobody's any more."""
        if self._orders.due <= now:
            self._arrivals(now)
        for working in self._orders.in_order():
            if working.arrived:
                self._withdraw(working, now, Reason.EXPIRED)
            else:
                self._end(working, now, Refused(working.order.order_id, now, Reason.MARKET_CLOSED))
        self._closed, self._opens, self._orders.due = True, 0, NEVER
        return self._told()

    def begin_anew(self) -> None:
        """The market is open after all: an end of the trading day was taken back."""
        self._closed = False

    def state(self, order_id: int) -> dict[str, Any]:
        """What is kept of one order; empty where it is not with the exchange."""
        return self._orders.state(order_id)

    def states(self) -> dict[int, dict[str, Any]]:
        """What is kept of each order that is under way or at work, as JSON takes it."""
        return self._orders.states()

    def market_state(self) -> dict[str, Any]:
        """What is kept beside orders and the last tick: what was taken out of its book, and where the day stands."""
        taken = {} if self._book is None else self._book.taken
        return {
            "closed": self._closed,
            "opens": self._opens,
            "taken": [[int(side), price, lots] for side, level in taken.items() for price, lots in level.items()],
        }

    def restore(
        self,
        orders: Iterable[MatchOrder],
        states: Mapping[int, dict[str, Any]],
        last_tick: Tick | None,
        market: Mapping[str, Any] | None = None,
    ) -> None:
        """Go on where another matcher of these rules stopped; ``last_tick`` is its :attr:`last_tick`.

        Without ``market`` (:meth:`market_state`) nothing counts as taken from the last book. Raises ``KeyError``
        for an order without a state.
        """
        self.last_tick = last_tick
        self._orders = OrdersAtWork(
            Working.from_document(order, states[order.order_id], self.price_tick) for order in orders
        )
        self._book = None
        if market is not None:
            self._closed, self._opens = market["closed"], market["opens"]
            book = self._seen_book()
            for side, price, lots in market["taken"]:
                if book is not None:
                    book.take(Direction(side), price, lots)

    def _is_late(self, tick: Tick) -> bool:
        """True for a tick of the trading day that is over: it must not bring that day's book back."""
        return self.last_tick is not None and tick.trading_day == self.last_tick.trading_day

    def _told(self) -> list[Outcome]:
        told, self._outcomes = self._outcomes, []
        return told

    def _arrivals(self, until: int) -> None:
        """Everything that reaches the exchange up to ``until``: in the order of time, at one time orders first."""
        while self._orders.due <= until:
            for working in self._orders.reaching(self._orders.due):
                if working.arrived:
                    self._withdraw(working, self._orders.due, Reason.CANCELLED)
                else:
                    self._arrive(working, working.arrives)
            self._orders.find_due()

    def _arrive(self, working: Working, at: int) -> None:
        order_id = working.order.order_id
        tick = None if self._closed else self.last_tick
        if tick is not None and self._off_limits(working, tick):
            self._end(working, at, Refused(order_id, at, Reason.PRICE_OUTSIDE_LIMITS))
            return
        working.arrived, working.since = True, at
        self._orders.changed()
        self._outcomes.append(Accepted(order_id, at))
        if not working.waiting:
            self._act(working, at)

    def _act(self, working: Working, at: int) -> None:
        """Take what the displayed book offers; the remainder rests or ends."""
        book = self._seen_book()
        open_book = book is not None and not self._in_auction(at)
        if book is not None and open_book:
            self._take(working, book, at)
        if not working.remaining:
            return
        if working.rests:
            self._rest(working, book if open_book else None)
        elif book is not None and not open_book:
            self._withdraw(working, at, Reason.AUCTION)
        else:
            self._withdraw(working, at, self._why_not(working, book))

    def _take(self, working: Working, book: Book, at: int) -> None:
        other = OTHER_SIDE[working.order.direction]
        levels = book.available(other, working.limit)
        if working.order.type == OrderType.FOK and sum(lots for _price, lots in levels) < working.remaining:
            return
        for price, lots in levels:
            volume = min(lots, working.remaining)
            if volume:
                book.take(other, price, volume)
                self._fill(working, at, price, volume)

    def _why_not(self, working: Working, book: Book | None) -> Reason:
        if working.order.type == OrderType.FOK:
            return Reason.NOT_FILLED_WHOLE
        if book is None or not book.levels(OTHER_SIDE[working.order.direction]):
            return Reason.NO_QUOTE
        return Reason.REMAINDER

    def _rest(self, working: Working, book: Book | None) -> None:
        if not self._queues:
            working.queue = 0
        elif book is not None and working.limit is not None:
            working.queue = book.shown(working.order.direction, working.limit)

    def _match(self, before: Tick | None, tick: Tick, book: Book) -> None:
        """Trades and book of a tick against the resting orders, then the stops that it triggers."""
        prints: Prints = {}
        first = before is None or before.trading_day != tick.trading_day or not before.volume
        if first or (before is not None and tick.volume != before.volume):
            sides = sides_counted(self.exchange, tick.trading_day)
            prints = prints_between(before, tick, sides, self.price_tick, self.multiplier)
        if first:
            prints = self._opening(before, tick, prints)
        since = -1 if before is None else before.time
        self._share_out(resting_shares(self._orders.at_rest(), prints, book, since), tick.time)
        if self._queues:
            update_queues(self._orders.at_rest(), book)
        self._trigger(tick)

    def _opening(self, before: Tick | None, tick: Tick, prints: Prints) -> Prints:
        """The opening auction, where this tick tells of it; gives what is left of the trades."""
        if not tick.volume or not prints:
            return prints
        price = round((tick.last if isnan(tick.open) else tick.open) / self.price_tick)
        seen_from_opening = before is not None and before.trading_day == tick.trading_day
        if price not in prints or (self._opens and tick.time >= self._opens + NS_PER_MINUTE):
            return prints if seen_from_opening else {}
        self._share_out(auction_shares(self._orders.at_rest(), prints, price), tick.time)
        return prints

    def _trigger(self, tick: Tick) -> None:
        waiting = self._orders.waiting()
        if not waiting or isnan(tick.last):
            return
        last = round(tick.last / self.price_tick)
        for working in waiting:
            if working.stop is not None and working.order.direction * (last - working.stop) >= 0:
                working.triggered, working.since = True, tick.time
                self._orders.changed()
                self._outcomes.append(Triggered(working.order.order_id, tick.time))
                self._act(working, tick.time)

    def _outside_limits(self, tick: Tick) -> None:
        """Orders accepted before the day's limits were known leave the book where these forbid them."""
        for working in self._orders.in_order():
            if working.arrived and self._off_limits(working, tick):
                self._withdraw(working, tick.time, Reason.PRICE_OUTSIDE_LIMITS)

    def _off_limits(self, working: Working, tick: Tick) -> bool:
        if working.limit is None:
            return False
        above = tick.upper_limit > 0 and working.limit > round(tick.upper_limit / self.price_tick)
        return above or (tick.lower_limit > 0 and working.limit < round(tick.lower_limit / self.price_tick))

    def _in_auction(self, at: int) -> bool:
        """True before the day's first trade, as long as its continuous trading has not begun."""
        tick = self.last_tick
        return tick is not None and not tick.volume and not (self._opens and at >= self._opens)

    def _seen_book(self) -> Book | None:
        """The book of the last tick; None where there is none of this trading day."""
        if self._closed or self.last_tick is None:
            return None
        if self._book is None:
            self._book = Book(self.last_tick, self.price_tick)
        return self._book

    def _share_out(self, shares: Iterable[Share], at: int) -> None:
        for working, price, volume in shares:
            self._fill(working, at, price, volume)

    def _fill(self, working: Working, at: int, price: int, volume: int) -> None:
        working.remaining -= volume
        working.fills += 1
        order_id = working.order.order_id
        fill = Traded(order_id, at, round(price * self.price_tick, 10), volume, working.fills)
        if working.remaining:
            self._outcomes.append(fill)
        else:
            self._end(working, at, fill)

    def _withdraw(self, working: Working, at: int, reason: Reason) -> None:
        if reason == Reason.CANCELLED:
            working.cancel_at = None
        self._end(working, at, Withdrawn(working.order.order_id, at, reason))

    def _end(self, working: Working, at: int, outcome: Outcome) -> None:
        """The order's last outcome; a cancel under way comes too late, which it is told at once."""
        self._outcomes.append(outcome)
        self._orders.remove(working)
        if working.cancel_at is not None:
            self._outcomes.append(CancelRefused(working.order.order_id, at, Reason.ORDER_FINAL))
