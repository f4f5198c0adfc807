"""The exchange as an account's loop meets it: orders and ticks go there, and what it reports is booked and stored."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.db import transaction

from marketdata.domain.calendar import to_day_number
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.times import utc_to_ns
from trading.alarms import end_doubt, tell_doubt
from trading.choices import StatusName
from trading.domain import events
from trading.domain.checks import day_is_over, session_reason
from trading.domain.gateway import Gateway, Outgoing, Report, Stranger
from trading.ledger.facts import day_at
from trading.ledger.keeper import Keeper
from trading.loop.market import Market

DOUBT_SECONDS = 30.0
"""So long nobody is told of an order in doubt: after a loss most are found within some seconds."""
AFTER_CLOSE = 5 * 10**9
"""So long (ns) after the last session working orders expire: its last ticks have come by then."""


class Exchange:
    """The account's gateway with its orders; ``positions`` says up to which id each stream has been matched."""

    def __init__(self, keeper: Keeper, market: Market) -> None:
        self.positions: dict[str, str] = {}
        self.gateway: Gateway
        self._keeper = keeper
        self._market = market
        self._to_cancel: dict[int, None] = {}
        self._moved: set[str] = set()
        self._doubt_told = False

    def restore(self, gateway: Gateway, memory: Mapping[str, Any]) -> None:
        """Hand the working orders back to a fresh gateway, with what the one before had kept; stores what that did."""
        self.gateway = gateway
        outgoing = [self._keeper.outgoing(each) for each in self._keeper.orders.values()]
        gateway.restore(outgoing, memory)
        for order in outgoing:
            self._resume(order)
        self.store_reports(always=True)

    def send(self, order: Outgoing, now: int) -> None:
        """Hand an order over that is stored as being handed over."""
        self.gateway.send(order, now)
        self._remember(order.order_id)

    def objection(self, order: Outgoing, *, opening: bool, live: bool) -> None:
        """Raise ``RuleError`` where the gateway would not send an order."""
        reason = self.gateway.objection(order, opening=opening, live=live)
        if reason is not None:
            raise RuleError(reason.code, reason.text)

    def prepare(self, order: Outgoing, now: int) -> None:
        """What names the order to the exchange is stored with its being handed over."""
        self.gateway.prepare(order, now)
        self._remember(order.order_id)

    def work(self) -> None:
        """Take what the exchange's side has told by itself, orders of other terminals first: they get their rows."""
        self.gateway.work()
        strangers = self.gateway.strangers()
        if strangers:
            with transaction.atomic():
                for stranger in strangers:
                    self._take_in(stranger)
                self.store_reports(always=True)
        else:
            self.store_reports()
        self.gateway.flush()

    def to_cancel(self, order_id: int) -> None:
        """Withdraw an order as soon as the exchange takes that."""
        self._to_cancel[order_id] = None

    def still_wanted(self, order: Outgoing, now: int) -> bool:
        """False for an order that has ended, or was to be withdrawn, before it could be handed over."""
        tracked = self._keeper.orders.get(order.order_id)
        if tracked is None or tracked.over:
            return False
        if order.order_id not in self._to_cancel:
            return True
        del self._to_cancel[order.order_id]
        self._keeper.apply(Report(order.order_id, events.Cancelled(at=now, traded=0)))
        return False

    def send_cancels(self) -> None:
        """Hand over the cancels that the exchange takes now; others wait for its hours."""
        clocks: dict[str, int] = {}  # asked once for each instrument: a stop may withdraw hundreds of orders
        for order_id in list(self._to_cancel):
            tracked = self._keeper.orders.get(order_id)
            if tracked is None or tracked.over:
                del self._to_cancel[order_id]
                continue
            code = tracked.row.instrument.code
            if code not in clocks:
                clocks[code] = self._cancel_clock(code)
            if clocks[code]:
                del self._to_cancel[order_id]
                self.gateway.cancel(order_id, clocks[code])
                self._remember(order_id)

    def match(self, source: str, tick: Tick) -> None:
        """Orders meet the ticks of their own trading day; one of the next day ends them."""
        self._moved.add(tick.instrument)
        running = self._keeper.trading_day
        if running is None or tick.flags or not self._market.comes_from(source, tick.instrument):
            return
        day = to_day_number(running)
        if tick.trading_day > day:
            self.expire({tick.instrument})
        elif tick.trading_day == day:
            self.gateway.on_tick(tick)

    def tell_clocks(self) -> None:
        """Let the orders reach the exchange whose way there is over, though no tick has come."""
        for code in self._keeper.working_codes():
            now = self._market.now(code)
            if now is not None:
                self.gateway.on_clock(code, now)

    def end_days(self) -> None:
        """The clocks move on, and orders of a day that is over expire."""
        for code in self._keeper.working_codes():
            now = self._market.now(code)
            if now is None:
                continue
            self._keeper.now = now
            if self._ends_day(code, now):
                self.expire({code})
            else:
                self.gateway.on_clock(code, now)

    def expire(self, codes: Iterable[str]) -> None:
        """The trading day is over for the orders in these instruments."""
        for code in codes:
            now = self._market.told_on(code) or self._keeper.market_now or time.time_ns()
            self.gateway.expire(code, now)
        self._take_reports()

    def expire_all(self) -> None:
        """The trading day is over for everything that rests at the exchange."""
        self.expire(self._keeper.working_codes())

    def store_reports(self, *, always: bool = False) -> None:
        """Take what the gateway reports into the book; without any there is nothing to store."""
        if self._take_reports() or always or self._keeper.changes:
            self.store()

    def store(self) -> None:
        """Store what has changed, and with it how far the streams were matched and what that did to the queues."""
        if self._moved:
            moved = {self._keeper.facts.row(code).pk for code in self._moved}
            for order_id, tracked in self._keeper.orders.items():
                if tracked.row.instrument_id in moved:
                    self._remember(order_id)
            self._moved.clear()
        kept: dict[str, Any] = {"streams": dict(self.positions), "exchange": self.gateway.memory()}
        kept["sources"] = self._market.sources_of(self._keeper.working_codes())
        self._keeper.commit(kept)

    def tell_doubt(self) -> None:
        """People are told of orders that have been in doubt for long, and that none is any more."""
        doubtful = self.gateway.doubtful(DOUBT_SECONDS)
        if doubtful and not self._doubt_told:
            tell_doubt(self._keeper.account, doubtful)
        elif self._doubt_told and not doubtful:
            end_doubt(self._keeper.account)
        self._doubt_told = bool(doubtful)

    def _take_in(self, stranger: Stranger) -> None:
        """Give an order of another terminal its row; one that cannot have any is told of, and its trades are not."""
        order_id = self._keeper.take_in(stranger)
        self.gateway.known(stranger.number, order_id)
        if order_id is not None:
            self._remember(order_id)

    def _take_reports(self) -> bool:
        """Whether there were any."""
        reports = self.gateway.reports()
        for report in reports:
            self._remember(report.order_id)
            self._keeper.apply(report)
        return bool(reports)

    def _remember(self, order_id: int) -> None:
        tracked = self._keeper.orders.get(order_id)
        if tracked is None:
            return
        memory = self.gateway.order_memory(order_id)
        if memory != tracked.row.matching:
            tracked.row.matching = memory
            self._keeper.changes.orders[order_id] = tracked.row

    def _resume(self, order: Outgoing) -> None:
        """An order that was being handed over, or a cancel that had been asked for, when the process before died."""
        row = self._keeper.orders[order.order_id].row
        taken_up = self.gateway.resends and not order.memory and row.submitted_at is not None
        if taken_up and row.status == StatusName.SUBMITTING and row.submitted_at is not None:
            now = self._market.now(order.instrument) or utc_to_ns(row.submitted_at)
            if row.trading_day == day_at(now):
                self.gateway.send(order, now)
            else:
                self._keeper.apply(Report(order.order_id, events.Expired(at=now)))
        if order.cancel_requested:
            self.to_cancel(order.order_id)

    def _cancel_clock(self, code: str) -> int:
        """The market clock of an instrument (ns UTC), 0 while its exchange takes no cancels.

        Whoever wants to be rid of an order need not wait until a silent source is heard again.
        """
        now = self._market.told_on(code) or self._keeper.market_now
        return now if now and self._takes_orders(code, now) else 0

    def _takes_orders(self, code: str, now: int) -> bool:
        with suppress(RuleError):  # beyond the calendar nothing trades
            return session_reason(self._keeper.facts.contract(code).table, now) is None
        return False

    def _ends_day(self, code: str, now: int) -> bool:
        day, table = self._keeper.trading_day, self._keeper.facts.contract(code).table
        return day is not None and day_is_over(table, to_day_number(day), now - AFTER_CLOSE)
