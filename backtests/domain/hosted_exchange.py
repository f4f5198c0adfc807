"""Where a hosted strategy's intents go in a backtest: the simulated exchange's matchers and one account. No I/O.

Its answers are those of a live account on the simulated exchange: an order outside the hours in which the exchange
takes orders is refused (``outside_session``), so is one that the free funds do not reach for (``insufficient_funds``).
Own orders never meet (:mod:`backtests.domain.own_orders`): one that opens is refused where it would (``self_trade``),
one that closes waits until what it would meet has been withdrawn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

from backtests.domain.fill_booking import FillRow
from backtests.domain.legs import Leg
from backtests.domain.own_orders import OwnOrders
from backtests.domain.tick_account import TickAccount
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import Tick
from strategies.domain.hosting.intents import Intent, Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from trading.domain.checks import session_reason
from trading.domain.order import OrderType
from trading.domain.risk.rules import Rule
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Accepted, Outcome, Reason, Refused, Traded, Withdrawn

FUNDS = "insufficient_funds"
OTHER_CONTRACT = "other_contract"
"""A backtest has the instruments of its legs, and no contract that a position could be moved into."""


class HostedLeg(NamedTuple):
    """One instrument of a hosted run: what it costs, with the bars that its ticks close, and how it trades."""

    leg: Leg
    contract: Contract


@dataclass(slots=True)
class Sent:
    """An order that went out: when (ns UTC, market clock), what of it is not filled, why it was refused."""

    place: Place
    at: int
    left: int
    refused: str = ""


class HostedExchange:
    """The legs of one run; ``orders`` are all that were ever sent, by number, ``fills`` all their fills.

    ``held`` are the lots of each leg that the strategy begins with. With ``meet`` its own orders are not kept apart.
    """

    def __init__(
        self,
        legs: Sequence[HostedLeg],
        rules: MatchingRules,
        capital: float,
        held: Sequence[int] = (),
        *,
        meet: bool = False,
    ) -> None:
        self.account = TickAccount([each.leg for each in legs], capital)
        self.orders: dict[int, Sent] = {}
        self.fills: list[tuple[int, Traded]] = []
        self.short_of_funds = 0
        self.any_hour = False
        """Orders are taken outside the exchange's hours too: the last position is closed against the last book."""
        self._contracts = [each.contract for each in legs]
        self._rules = rules
        self._matchers: list[InstrumentMatcher] = []
        self._ticks: list[Tick | None] = [None] * len(legs)
        self._own = OwnOrders(held or [0] * len(legs), meet=meet)

    def begin_day(self, day: int) -> None:
        """A trading day begins; the exchange's books of the day before are nobody's."""
        self.account.begin(day)
        self._ticks = [None] * len(self._contracts)
        self._matchers = []
        for leg, contract in enumerate(self._contracts):
            terms = (self.account.price_tick(leg), self.account.multiplier(leg))
            matcher = InstrumentMatcher(contract.code, contract.exchange, *terms, self._rules)
            matcher.begin_day(contract.table.plan(day).opens)
            self._matchers.append(matcher)

    def on_tick(self, leg: int, tick: Tick) -> list[News]:
        """What a tick fills and ends."""
        news = self._told(self._matchers[leg].on_tick(tick))
        if not tick.flags:
            self._ticks[leg] = tick
            if not isnan(tick.last):
                self.account.mark(tick.last, leg)
        return news + self._let_go(tick.time)

    def on_clock(self, now: int) -> list[News]:
        """What arrives at the exchange by ``now``."""
        news = [news for matcher in self._matchers if len(matcher) for news in self._told(matcher.on_clock(now))]
        return news + self._let_go(now)

    def expire(self, leg: int, now: int) -> list[News]:
        """The leg's trading day is over."""
        waited = [self._ended(place.number, now, str(Reason.EXPIRED)) for place in self._own.forget(leg)]
        return self._told(self._matchers[leg].expire(now)) + waited

    def carry_out(self, intents: Iterable[Intent], now: int) -> list[News]:
        """Send and withdraw; gives what the exchange answers at once.

        As an account's loop does: about all orders it is decided before the first one is sent.
        """
        wanted = list(intents)
        for intent in wanted:
            if isinstance(intent, Place):
                self._decide(intent, now)
        news: list[News] = []
        for intent in wanted:
            if isinstance(intent, Place):
                news += self._place(intent, now)
            elif isinstance(intent, Withdraw):
                news += self._withdraw(intent.number, now)
        return news + self._let_go(now)

    def _decide(self, place: Place, now: int) -> None:
        sent = self.orders[place.number] = Sent(place, now, place.lots)
        sent.refused = self._objection(place, now)
        if sent.refused:
            return
        closing, met = self._own.closing(place), self._own.met(place)
        if not met:
            self._own.add(place, closing)
        elif closing:
            self._own.wait(place, closing)
        else:
            self.account.release(place.number)
            sent.refused = Rule.SELF_TRADE.value

    def _place(self, place: Place, now: int) -> list[News]:
        refused = self.orders[place.number].refused
        if refused:
            return [News(place.number, NewsKind.REJECTED, now, reason=refused)]
        if self._own.at_work(place.number):
            return self._submit(place, place.lots, now)
        return [news for number in self._own.met(place) for news in self._withdraw(number, now)]

    def _withdraw(self, number: int, now: int) -> list[News]:
        if self._own.drop(number):
            return [self._ended(number, now)]
        order = self.orders.get(number)
        return [] if order is None else self._told(self._matchers[order.place.leg].cancel(number, now))

    def _let_go(self, now: int) -> list[News]:
        """What waited for nothing but orders that are gone is sent; of one that would open too, that part never is."""
        news = []
        for place, closing in self._own.freed():
            self._own.add(place, closing)
            news += self._submit(place, closing, now)
        return news

    def _submit(self, place: Place, lots: int, now: int) -> list[News]:
        stop = place.price if place.type is OrderType.STOP else float("nan")
        price = float("nan") if place.type is OrderType.STOP else place.price
        order = MatchOrder(place.number, place.direction, place.type, lots, price, stop)
        return self._told(self._matchers[place.leg].submit(order, now))

    def _objection(self, place: Place, now: int) -> str:
        """Why the account takes no such order now, as its code; '' where it does."""
        contract = self._contracts[place.leg]
        if place.contract not in {"", contract.code}:
            return OTHER_CONTRACT
        closed = None if self.any_hour else session_reason(contract.table, now)
        if closed is not None:
            return closed.code
        tick = self._ticks[place.leg]
        known = (place.price, *(() if tick is None else (tick.last, tick.pre_settlement)), place.decision_price, 0.0)
        around = next(value for value in known if not isnan(value))
        if self.account.affords(place.number, place.direction, place.lots, around, place.leg):
            return ""
        self.short_of_funds += 1
        return FUNDS

    def _told(self, outcomes: Sequence[Outcome]) -> list[News]:
        return [news for outcome in outcomes for news in self._taken(outcome)]

    def _taken(self, outcome: Outcome) -> list[News]:
        """Book an outcome; gives what the strategy's host hears of it."""
        number, at = outcome.order_id, outcome.at
        match outcome:
            case Accepted():
                return [News(number, NewsKind.ACCEPTED, at)]
            case Traded():
                self._booked(outcome)
                news = News(number, NewsKind.FILLED, at, outcome.price, outcome.volume)
                return [news, *self._rest_refused(number, at)]
            case Refused():
                self._own.end(number)
                self.account.release(number)
                self.orders[number].refused = str(outcome.reason)
                return [News(number, NewsKind.REJECTED, at, reason=str(outcome.reason))]
            case Withdrawn():
                self._own.end(number)
                return [self._ended(number, at, "" if outcome.reason is Reason.CANCELLED else str(outcome.reason))]
        return []

    def _ended(self, number: int, at: int, reason: str = "") -> News:
        self.account.release(number)
        return News(number, NewsKind.CANCELLED, at, reason=reason)

    def _rest_refused(self, number: int, at: int) -> list[News]:
        """An order was filled as far as it was sent: of what was not, the strategy hears now."""
        sent = self.orders[number]
        if not sent.left or self._own.at_work(number):
            return []
        self.account.release(number)
        sent.refused = Rule.SELF_TRADE.value
        return [News(number, NewsKind.REJECTED, at, reason=sent.refused)]

    def _booked(self, traded: Traded) -> list[FillRow]:
        sent = self.orders[traded.order_id]
        sent.left -= traded.volume
        self._own.fill(sent.place, traded.volume)
        self.fills.append((traded.order_id, traded))
        return self.account.fill(sent.place.direction, traded, sent.left, sent.place.leg)
