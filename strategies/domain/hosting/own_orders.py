"""The orders that a strategy placed at its desk, kept by the host until they are done.

A market order goes out at once and again with the next tick for what the book did not take. A limit order rests at the
exchange as a day order and is placed anew on the next trading day. A stop order stays here, is triggered by the last
price of a tick and then is a market order. With ``to_target`` the lots are what is missing when it acts; where fills of
other orders change that, an order at the exchange is replaced. A filled order's reply is placed at once.

On ticks (``day_only``) it is as the backtest on ticks has it: what a market order does not fill ends, and every order
ends with its trading day.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from quantsite.common.numbers import round_to_tick
from strategies.domain.hosting.executor import pause_after
from strategies.domain.hosting.intents import Cause, Place
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.news import NOT_NOW, NOT_TODAY, News, NewsKind
from strategies.domain.hosting.outbox import Outbox, Working
from strategies.domain.hosting.sight import Spread
from strategies.domain.strategy import UpdateKind
from trading.domain.matching import stop_reached
from trading.domain.offsets import Direction
from trading.domain.order import OrderType

_ENDS_BY_HAND = "cancelled"
"""The reason of a cancel that somebody asked for; a market order's remainder has others."""
_EXPIRED = "expired"
_NEXT_DAY = 1 << 62
"""No market time comes after it: only a new trading day lets such an order go."""


@dataclass(slots=True)
class OwnOrder:
    """One order of the strategy; ``volume`` are lots, or with ``to_target`` the signed lots to hold.

    ``sent`` is the exchange order at work for it, 0 while there is none; none is sent before ``not_before``.
    """

    number: int
    leg: int
    type: OrderType
    side: Direction
    volume: int
    left: int
    price: float
    distance: float
    repeat: bool
    to_target: bool
    cause: Cause
    decision_price: float
    decided_at: int
    triggered: bool = False
    sent: int = 0
    not_before: int = 0
    tries: int = 0

    @property
    def waits_for_price(self) -> bool:
        """A stop order that nothing has triggered."""
        return self.type is OrderType.STOP and not self.triggered

    @property
    def resting(self) -> bool:
        """Whether it goes out as a limit order."""
        return self.type is OrderType.LIMIT


Tell = Callable[[UpdateKind, OwnOrder, int, float], None]
"""Hands on what became of an order without a fill: the kind, the order, the lots that it is about, the price."""


class OwnOrders:
    """The table of a strategy's orders in the order in which they were placed."""

    def __init__(self, legs: Sequence[LegState], outbox: Outbox, tell: Tell, *, day_only: bool) -> None:
        self.table: dict[int, OwnOrder] = {}
        self.numbers = 0
        self.closing_only = False
        self.barred = False
        """Set while the instance is flattened: nothing goes out at all."""
        self._idle: dict[int, list[OwnOrder]] | None = None
        self._legs, self._outbox, self._tell, self._day_only = legs, outbox, tell, day_only

    def __iter__(self) -> Iterator[OwnOrder]:
        return iter(self.table.values())

    def next_number(self) -> int:
        """The next number that the strategy knows an order by."""
        self.numbers += 1
        return self.numbers

    def add(self, order: OwnOrder, now: int) -> None:
        """Take in a new order and send it where it can go at once."""
        self.table[order.number] = order
        self._idle = None
        self._send(order, now)

    def cancel(self, number: int) -> bool:
        """The strategy takes an order back; False where it is done. On ticks it hears of the end, on bars it knows."""
        order = self.table.get(number)
        if order is None or not self._day_only:
            return self.drop(number)
        if order.sent:
            self._outbox.withdraw(order.sent)
        else:
            self._end(order, UpdateKind.CANCELLED)
        return True

    def drop(self, number: int) -> bool:
        """Forget an order, and take it back where it is at the exchange; False where it is done."""
        order = self.table.pop(number, None)
        self._idle = None
        if order is not None and order.sent:
            self._outbox.withdraw(order.sent)
        return order is not None

    def on_leg(self, leg: int | None) -> list[OwnOrder]:
        """The orders of a leg, or of all."""
        return [order for order in self.table.values() if leg is None or order.leg == leg]

    def take_back(self, leg: int | None) -> None:
        """The host cancels every order of a leg, or all, and the strategy hears of it."""
        for order in self.on_leg(leg):
            self._end(order, UpdateKind.CANCELLED)

    def move(self, leg: int, spread: Spread) -> None:
        """The leg trades another contract: what was placed meanwhile waits at the same place in its market."""
        tick = self._legs[leg].terms.price_tick
        for order in self.on_leg(leg):
            order.decision_price = spread.moved(order.decision_price)
            if order.type is not OrderType.MARKET:
                order.price = round_to_tick(spread.moved(order.price), tick)

    # --- the market ------------------------------------------------------------------------------------------------

    def idle(self, leg: int) -> list[OwnOrder]:
        """The orders of a leg that are not at the exchange."""
        if self._idle is None:
            self._idle = {at: [] for at in range(len(self._legs))}
            for order in self.table.values():
                if not order.sent:
                    self._idle[order.leg].append(order)
        return self._idle[leg]

    def on_price(self, leg: int, last: float, now: int) -> None:
        """A traded price of a leg reaches the orders that wait for it here."""
        tick = self._legs[leg].terms.price_tick
        for order in tuple(self.idle(leg)):
            if order.waits_for_price:
                if stop_reached(order.side, order.price, last, last, tick):
                    self.touch(order, last, now)
            elif order.resting and order.side * (order.price - last) >= 0:
                self.touch(order, last, now)

    def touch(self, order: OwnOrder, at_price: float, now: int) -> None:
        """The price of an order that waits here was reached: a stop acts; one to a target that is there ends."""
        if order.to_target and self._missing(order) <= 0:
            self._end(order, UpdateKind.CANCELLED, at_price)
        elif order.waits_for_price:
            order.triggered = True
            self._send(order, now)

    def send_due(self, leg: int, now: int) -> None:
        """Send what waits and may go out."""
        for order in tuple(self.idle(leg)):
            self._send(order, now)

    # --- what became of them ---------------------------------------------------------------------------------------

    def on_fill(self, order: Working, lots: int, now: int) -> None:
        """A fill on a leg: the order's own, or another's, which changes what orders to a target lack."""
        own = self.table.get(order.place.own) if order.place.own else None
        if own is not None:
            own.left -= 0 if own.to_target else lots
            if order.left <= 0 and own.sent == order.place.number:
                own.sent, self._idle = 0, None
                self._after_fill(own, now)
        for other in self.on_leg(order.place.leg):
            if other is not own and other.resting and other.to_target:
                self._resize(other, now)

    def on_end(self, order: Working, news: News) -> None:
        """An order of ours ended unfilled, or in part."""
        own = self.table.get(order.place.own)
        if own is None or own.sent != order.place.number:
            return
        own.sent, self._idle = 0, None
        if order.withdrawing and not self._day_only and news.reason in ("", _ENDS_BY_HAND):
            self._send(own, news.at)  # the host's own doing: with other lots, or when it may open again
        elif self._goes_on(own, news):
            self._wait(own, order, news)
        else:
            kind = UpdateKind.REJECTED if news.kind is NewsKind.REJECTED else UpdateKind.CANCELLED
            self._end(own, kind)

    def begin_day(self) -> None:
        """What could not be placed yesterday may be today."""
        for order in self.table.values():
            order.not_before = order.tries = 0

    def end_day(self) -> None:
        """On ticks no order outlives its day; those at the exchange end there."""
        if self._day_only:
            for order in self.on_leg(None):
                if not order.sent:
                    self._end(order, UpdateKind.CANCELLED)

    def hold_back(self) -> None:
        """From now on nothing that opens goes out; what rests and would is taken back until that ends."""
        self.closing_only = True
        for order in self.table.values():
            if order.sent and order.resting and self._allowed(order, 0) <= 0:
                self._outbox.withdraw(order.sent)

    def take_over(self, other: "OwnOrders") -> None:
        """Keep what rests in another table, as orders that are to be sent; market orders are not of yesterday.

        The other one's are at the prices that the strategy sees.
        """
        for order in other:
            if order.type is not OrderType.MARKET and not order.triggered:
                order.sent = 0
                self._put_back(order)
                self.table[order.number] = order
        self.numbers, self._idle = other.numbers, None

    def _put_back(self, order: OwnOrder) -> None:
        """From the prices that the strategy sees to the contract's."""
        sight, tick = self._legs[order.leg].sight, self._legs[order.leg].terms.price_tick
        order.price, order.decision_price = sight.resting(order.price, tick), sight.recorded(order.decision_price)
        if order.distance:
            order.distance = sight.distance(order.distance, tick)

    def let_go(self) -> None:
        """Orders may open again; what waits goes out with the next tick."""
        self.closing_only = self.barred = False

    def _goes_on(self, own: OwnOrder, news: News) -> bool:
        """Whether what is left is placed again: day orders that expired, remainders, and what came at a bad time."""
        if self._day_only:
            return False
        if news.reason in NOT_NOW:
            return True
        if own.resting:
            return news.reason == _EXPIRED or news.reason in NOT_TODAY
        return news.kind is NewsKind.CANCELLED and news.reason != _ENDS_BY_HAND

    def _wait(self, own: OwnOrder, order: Working, news: News) -> None:
        """When it may be placed again: with the next tick, after a while, or on the next trading day."""
        if news.reason in NOT_TODAY:
            own.not_before = _NEXT_DAY
            return
        untouched = order.left == order.place.lots and news.reason != _EXPIRED
        own.tries = own.tries + 1 if untouched else 0
        own.not_before = news.at + pause_after(own.tries) if untouched else 0

    def _after_fill(self, own: OwnOrder, now: int) -> None:
        if self._missing(own) > 0:
            return  # what pausing or a target's change left over goes out with the next tick
        self.drop(own.number)
        if own.distance > 0:
            self.add(self._reply_to(own, now), now)

    def _reply_to(self, own: OwnOrder, now: int) -> OwnOrder:
        terms = self._legs[own.leg].terms
        price = round_to_tick(own.price + own.side * own.distance, terms.price_tick)
        distance = own.distance if own.repeat else 0.0
        return OwnOrder(
            self.next_number(), own.leg, OrderType.LIMIT, Direction(-own.side), own.volume, own.volume, price,
            distance, own.repeat, to_target=False, cause=Cause.REPLY, decision_price=price, decided_at=now,
        )  # fmt: skip

    def _end(self, own: OwnOrder, kind: UpdateKind, price: float = math.nan) -> None:
        self.drop(own.number)
        self._tell(kind, own, self._missing(own), own.price if math.isnan(price) else price)

    # --- sending ---------------------------------------------------------------------------------------------------

    def _missing(self, order: OwnOrder) -> int:
        """Lots that the order still is about."""
        if not order.to_target:
            return order.left
        return max(0, order.side * (order.volume - self._legs[order.leg].lots.net))

    def _allowed(self, order: OwnOrder, asked: int) -> int:
        """Of the lots asked for, those that close; ``asked`` 0 means all that the order is about."""
        asked = asked or self._missing(order)
        if self.barred:
            return 0
        if not self.closing_only:
            return asked
        held = self._legs[order.leg].lots.net
        if held * order.side >= 0:
            return 0
        working = self._outbox.on_leg(order.leg)
        under_way = sum(w.left for w in working if w.place.direction == order.side and w.place.number != order.sent)
        return min(asked, abs(held) - under_way)

    def _send(self, order: OwnOrder, now: int) -> None:
        leg = self._legs[order.leg]
        if order.sent or order.waits_for_price or leg.shut or leg.rolling or now < order.not_before:
            return
        missing = self._missing(order)
        lots = self._allowed(order, missing) if missing else 0
        if lots <= 0:
            if missing and not order.resting:  # paused: what would open at the market now is refused
                self._end(order, UpdateKind.REJECTED)
            return
        order.sent, self._idle = self._outbox.next_number(), None
        kind, price = (OrderType.LIMIT, order.price) if order.resting else (OrderType.MARKET, math.nan)
        cause = Cause.STOP if order.triggered else order.cause
        place = Place(
            order.sent, order.leg, order.side, kind, lots, price, order.decision_price, order.decided_at, cause,
            order.number,
        )  # fmt: skip
        self._outbox.send((place,))

    def _resize(self, order: OwnOrder, now: int) -> None:
        """Another fill changed what an order to a target lacks."""
        working = self._outbox.working.get(order.sent) if order.sent else None
        if working is None:
            self._send(order, now)
        elif working.left != self._allowed(order, 0):
            self._outbox.withdraw(order.sent)
