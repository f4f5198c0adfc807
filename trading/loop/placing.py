"""How an order comes from the inbox to the exchange, or is refused on the way, or waits for another one to go.

Clock and calendar, then stops and rules, then funds and lots, then the orders of its control group. What is decided is
stored before the exchange hears of it (``commands.py``).
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.utils import timezone

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.choices import StatusName
from trading.domain import events
from trading.domain.gateway import Outgoing, Report
from trading.ledger.book_rows import Tracked
from trading.ledger.keeper import Keeper
from trading.ledger.orders import HELD, MET
from trading.ledger.risk_view import is_opening
from trading.ledger.verbs import reject_closed
from trading.loop.desk_rules import Moment, age_reason, clock_reason, market_moment, price_limits
from trading.loop.exchange import Exchange
from trading.loop.market import Market
from trading.loop.market_days import MarketDays
from trading.loop.risk_check import RiskCheck
from trading.loop.risk_desk import RiskDesk
from trading.loop.risk_tell import RiskTeller
from trading.loop.self_trade import Met, SelfTrade, WouldMeetError
from trading.metrics import HELD_ORDERS, REFUSED, TAKEN_SECONDS
from trading.order_models import AccountCommand, Order

log = structlog.get_logger(__name__)

HOLD_SECONDS = 10.0
"""After so long people are told that an order still waits, and again after as long."""


@dataclass
class Hold:
    """A reducing order that waits, with its command; ``own`` are the account's orders among those it waits for."""

    row: Order
    command: int
    own: set[int] = field(default_factory=set)
    others: bool = False
    told_at: float = field(default_factory=time.monotonic)


class Placing:
    """Takes the orders of one account; ``holds`` are those that wait, by their number."""

    def __init__(self, keeper: Keeper, market: Market, exchange: Exchange, desk: RiskDesk) -> None:
        self.days = MarketDays(keeper, market, exchange.expire_all)
        self.teller = RiskTeller(keeper)
        self.check = RiskCheck(keeper, market, desk, self.teller)
        self.holds: dict[int, Hold] = {}
        self._keeper = keeper
        self._market = market
        self._exchange = exchange
        self._desk = desk
        self._self_trade = SelfTrade(keeper, desk)

    def reserved(self, commands: list[AccountCommand]) -> AbstractContextManager[None]:
        """What is decided inside, nobody of the control group decides against; see :class:`SelfTrade`."""
        return self._self_trade.reserved(commands)

    def place(self, command: AccountCommand) -> list[tuple[Outgoing, int]]:
        """Decide on an order; gives it where it is to be handed over once the decision is stored."""
        order = command.order
        if order is None or order.status != StatusName.PENDING or order.pk in self._keeper.orders:
            self._finish(command)
            return []
        was_held = order.reason_code == HELD
        tracked = self._keeper.adopt(order)
        if not command.account.is_active:
            self._finish(command)
            reject_closed(self._keeper, tracked, self.told_now(order.instrument.code))
            return []
        try:
            live = command.account.live_enabled
            self._exchange.objection(self._keeper.outgoing(tracked), opening=is_opening(order), live=live)
            moment = self._open_day(order)
            self.check.demand(order, moment)
            parts = self._keeper.reserve(tracked, price_limits(self._market, order.instrument.code))
            met = self._meets(tracked)
        except RuleError as error:
            self._refuse(command, tracked, error)
            return []
        if met:
            self._hold(command, tracked, met, moment, was_held=was_held)
            return []
        self._finish(command)
        outgoing = self._keeper.place(tracked, moment.now, parts)
        self.check.note_sent(order)
        TAKEN_SECONDS.observe(max(0.0, (timezone.now() - order.created_at).total_seconds()))
        return [(outgoing, moment.now)]

    def withdraw_held(self, order: int) -> bool:
        """End an order that waits; False where it does not."""
        hold = self.holds.pop(order, None)
        if hold is None or order in self._keeper.orders:
            return False
        at = self.told_now(hold.row.instrument.code)
        row = Order.objects.select_related("account", "instrument", "created_by").get(pk=order)
        row.account, row.instrument = self._keeper.account, self._keeper.facts.instrument(row.instrument_id)
        self._keeper.adopt(row)
        self._keeper.apply(Report(order, events.Cancelled(at=at, traded=0)))
        self._keeper.finish(AccountCommand.objects.get(pk=hold.command))
        return True

    @property
    def held_commands(self) -> set[int]:
        """The commands of the orders that wait."""
        return {hold.command for hold in self.holds.values()}

    def freed(self) -> set[int]:
        """The commands of orders that waited for nothing but orders of this account, which are gone now."""
        at_work = self._keeper.orders.keys() | self.holds.keys()
        return {hold.command for hold in self.holds.values() if not hold.others and not hold.own & at_work}

    def told_now(self, code: str) -> int:
        """The market clock as it was told last, told on: of the account's own market where nothing is heard."""
        return self._market.told_on(code) or self._keeper.market_now or time.time_ns()

    def withdraw(self, order: int, at: int) -> None:
        """Ask for the withdrawal of a working order."""
        if self._keeper.apply(Report(order, events.CancelRequested(at=at))):
            self._exchange.to_cancel(order)

    def _open_day(self, order: Order) -> Moment:
        """Begin the order's trading day if it does not run yet; gives the market clock.

        Raises ``RuleError`` where clock and calendar refuse the order, or nobody tells the terms of its instrument.
        """
        code = order.instrument.code
        moment = market_moment(self._keeper, self._market, code, closing=not is_opening(order))
        taken = order.pk in self.holds  # its gateway has had it in time
        reason = (None if taken else age_reason(order)) or clock_reason(self._keeper, order, moment)
        if reason is not None:
            raise RuleError(reason.code, reason.text)
        self.days.open(moment)
        self.days.learn(code)
        return moment

    def _finish(self, command: AccountCommand, result: dict[str, Any] | None = None) -> None:
        """The command is carried out: its order waits for nothing any more."""
        self._keeper.finish(command, result)
        self.holds.pop(command.order_id or 0, None)

    def _refuse(self, command: AccountCommand, tracked: Tracked, error: RuleError) -> None:
        at = self.told_now(tracked.row.instrument.code)
        self._finish(command, {MET: error.order} if isinstance(error, WouldMeetError) else None)
        self._keeper.reject(tracked, at, error.code, error.text)
        self.check.tell_refusal(tracked.row, error)
        REFUSED.labels(error.code).inc()

    def _meets(self, tracked: Tracked) -> list[Met]:
        """The orders that a reducing order must wait for. Raises ``RuleError`` ``self_trade`` for an opening one."""
        order = tracked.row
        if not self.check.forbids_meeting(order):
            return []
        held = [hold.row for hold in self.holds.values() if hold.row.pk != order.pk]
        met = self._self_trade.meets(order, held)
        if not met:
            return []
        self._keeper.let_go(tracked)
        if is_opening(order):
            raise WouldMeetError(met[0], named=met[0].owner == order.account_id)
        return met

    def _hold(
        self, command: AccountCommand, tracked: Tracked, met: list[Met], moment: Moment, *, was_held: bool
    ) -> None:
        """Have withdrawn what the order would meet; it waits in the inbox until that is confirmed."""
        order = tracked.row
        hold = self.holds.setdefault(order.pk, Hold(order, command.pk))
        hold.row = order
        hold.own = {each.standing.order_id for each in met if each.owner == order.account_id}
        hold.others = any(each.owner != order.account_id for each in met)
        for each in met:
            self._have_withdrawn(each, moment.now)
        if not was_held:
            HELD_ORDERS.inc()
        first = met[0].standing.order_id
        text = say("The order waits until order %(order)d of its control group, which it would meet, is withdrawn.",
                   order=first)  # fmt: skip
        self._keeper.hold(tracked, moment.now, text, told=was_held)
        if time.monotonic() - hold.told_at > HOLD_SECONDS:
            hold.told_at = time.monotonic()
            log.warning("order still held", account=self._keeper.account.code, order=order.pk, waits_for=first)
            self.teller.waits(order, first)

    def _have_withdrawn(self, met: Met, now: int) -> None:
        number = met.standing.order_id
        if met.owner != self._keeper.account.pk:
            self._self_trade.ask_to_cancel(met)
        elif met.held:
            self.withdraw_held(number)
        else:
            self.withdraw(number, now)
