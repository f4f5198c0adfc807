"""What waits in an account's inbox, carried out in the order of its rows: orders, cancels, money, the day's end."""

import time
from collections.abc import Collection

import structlog

from accounts.leases import LeaseKeeper, LeaseLostError
from quantsite.common.errors import RuleError
from trading.account_models import TradingAccount
from trading.choices import CommandKind, StatusName
from trading.domain.gateway import Outgoing
from trading.ledger.apply import SPOILT
from trading.ledger.keeper import Keeper
from trading.ledger.verbs import carry_out
from trading.loop.broker_books import BrokerBooks
from trading.loop.exchange import Exchange
from trading.loop.flattening import Flattening
from trading.loop.inbox import Inbox
from trading.loop.market import Market
from trading.loop.placing import Placing
from trading.loop.risk_desk import RiskDesk
from trading.loop.stops import Stops
from trading.order_models import AccountCommand
from trading.wake import wake_gateway

log = structlog.get_logger(__name__)

OF_BROKER = (CommandKind.ADOPT, CommandKind.CONFIRM)
COMMANDS = 200
"""Carried out in one transaction."""


class Commands:
    """Takes command after command, as long as the lease is the account's for certain.

    ``suspects`` are the commands in hand: where taking them fails, one of them is why. Those in ``spoilt`` did so
    before and are refused.
    """

    def __init__(
        self,
        keeper: Keeper,
        market: Market,
        exchange: Exchange,
        lease: LeaseKeeper | None = None,
        spoilt: Collection[int] = (),
        *,
        one_by_one: bool = False,
    ) -> None:
        self.suspects: tuple[int, ...] = ()
        self.inbox = Inbox(keeper.account, market)
        self.desk = RiskDesk(keeper)
        self.placing = Placing(keeper, market, exchange, self.desk)
        self.books = BrokerBooks(keeper, exchange, exchange.expire_all)
        self.stops = Stops(keeper, market, exchange, self.placing, self.desk)
        self.flattening = Flattening(keeper, market, exchange, self.placing, self.desk)
        self._awaited: dict[int, int] = {}  # orders to be withdrawn, and the account whose own order waits for that
        self._keeper = keeper
        self._market = market
        self._exchange = exchange
        self._lease = lease
        self._spoilt = spoilt
        self._batch = 1 if one_by_one else COMMANDS

    @property
    def account(self) -> TradingAccount:
        """Whose inbox this is."""
        return self._keeper.account

    @property
    def ours(self) -> bool:
        """Whether the account is ours for certain."""
        return self._lease is None or self._lease.valid

    def load(self) -> None:
        """At the loop's start: what holds, and what was sent and stopped before."""
        self.desk.load()
        self.placing.check.load()
        self.stops.load()

    def heed(self) -> None:
        """Limits, stops or rates may have changed: read them, and withdraw what is to be withdrawn, first of all."""
        self.desk.refresh()
        self.stops.obey()
        if self.desk.rates != self._keeper.rates:
            self._keeper.renew_terms(self.desk.rates)
        self.flattening.tend()

    def carry_out(self) -> None:
        """All that waits: what each step decides is stored before the exchange hears of it.

        Orders that are held back stay in the inbox: they are tried once, and again as soon as nothing is in their way.
        """
        tried: set[int] = set()
        while self.ours:
            if self.desk.due:
                self.heed()
            batch = self.inbox.commands(self._batch, tried)
            if not batch:
                return
            self._step(batch)
            self.suspects = ()
            freed = self.placing.freed()
            tried = (tried | self.placing.held_commands | self.books.waiting) - freed
            if len(batch) < self._batch and not freed:
                return

    def _step(self, batch: list[AccountCommand]) -> None:
        decided: list[tuple[Outgoing, int]] = []
        with self.placing.reserved(batch):
            for command in batch:
                self.suspects = (command.pk,)
                decided += self._take(command)
            self.suspects = tuple(command.pk for command in batch)
            to_send = [(order, now) for order, now in decided if self._exchange.still_wanted(order, now)]
            for order, now in to_send:
                self._exchange.prepare(order, now)
            self._exchange.store()
        for order, now in to_send:
            self._hold_on()
            self._exchange.send(order, now)
        self._exchange.send_cancels()
        self._exchange.store_reports()
        self.tell_holders()

    def _hold_on(self) -> None:
        """Raises :class:`LeaseLostError` where the account is not ours for certain: nothing may be sent then."""
        if not self.ours:
            raise LeaseLostError("lease_lost", f"account {self.account.code} is not ours for certain any more")

    def _take(self, command: AccountCommand) -> list[tuple[Outgoing, int]]:
        """Decide on one command; gives the order to hand over once the decision is stored."""
        if command.order is not None:
            command.order.account = self.account
            command.order.instrument = self._keeper.facts.instrument(command.order.instrument_id)
        if command.pk in self._spoilt:
            self._give_up(command)
        elif command.kind == CommandKind.PLACE:
            return [] if self._is_early(command) else self.placing.place(command)
        elif command.kind == CommandKind.CANCEL:
            self._cancel(command)
        elif command.kind in OF_BROKER:
            self.books.obey(command)
        else:  # what rests at the exchange ends with the day that is settled
            carry_out(self._keeper, command, self._exchange.expire_all)
        return []

    def _give_up(self, command: AccountCommand) -> None:
        """Refuse a command that made the loop fail; its order is rejected."""
        log.error("command given up", account=self.account.code, command=command.pk, kind=command.kind)
        order = command.order
        if command.kind == CommandKind.PLACE and order is not None and order.status == StatusName.PENDING:
            self._keeper.reject(self._keeper.adopt(order), self._keeper.market_now or time.time_ns(), *SPOILT)
        self._keeper.refuse(command, RuleError(*SPOILT))

    def _is_early(self, command: AccountCommand) -> bool:
        """Whether a new order stays in the inbox, because its market has not said a word yet."""
        order = command.order
        if order is None or not command.account.is_active:
            return False
        new = order.status == StatusName.PENDING and order.pk not in self._keeper.orders
        return new and self.inbox.keeps(order)

    def _cancel(self, command: AccountCommand) -> None:
        if self.inbox.holds(command.order_id):
            return
        self._keeper.finish(command)
        order = command.order
        if order is None or self.placing.withdraw_held(order.pk):
            return
        if "holder" in command.payload:
            self._awaited[order.pk] = command.payload["holder"]
        tracked = self._keeper.orders.get(order.pk)
        if tracked is not None:  # else it has ended meanwhile, which its own events tell
            self.placing.withdraw(order.pk, self.placing.told_now(tracked.row.instrument.code))

    def tell_holders(self) -> None:
        """Wake the gateways whose orders waited for one of this account that is gone now."""
        for order in [order for order in self._awaited if order not in self._keeper.orders]:
            wake_gateway(self._awaited.pop(order))
