"""The ledger of an account whose broker keeps books too: begun from them, rolled with them, compared with them.

At every login the ledger comes to the broker's trading day, by adopting its figures where it is empty, by settling the
day before at the broker's prices else. Then the two are compared, and again every ``RECONCILE_SECONDS``.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import gettext_noop

from accounts.alarms import Value, clear_alarm, raise_alarm
from accounts.models import Severity
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.web.database import DATABASE_AWAY
from trading.alarms import BROKER_DAY
from trading.books_models import BrokerStatement
from trading.choices import CommandKind
from trading.domain.ctp.broker import BrokerGateway
from trading.domain.ctp.compare import compared
from trading.domain.ctp.own import own_books
from trading.domain.ctp.picture import BrokerPicture
from trading.ledger.adopting import adopt, book_cash_of, is_empty
from trading.ledger.keeper import Keeper
from trading.ledger.prices import day_prices
from trading.ledger.verbs import settle_at
from trading.loop.broker_told import BrokerTold
from trading.loop.exchange import Exchange
from trading.metrics import BROKER_COMPARISONS
from trading.order_models import AccountCommand
from trading.verbs.comparing import tell_comparison

log = structlog.get_logger(__name__)

LOGGED_IN = frozenset({"synchronising", "ready"})
"""States of a session in which the broker answers, and the day of its login counts."""
RATES_SECONDS = 60.0
"""The first figures wait for the rates of what is held no longer than this."""
STUCK_SECONDS = 60.0
NOT_BEGUN = gettext_noop("Account %(account)s does not trade: its broker is on %(day)s, and %(why)s.")


class BrokerBooks:
    """Looks after the books once a second; for a gateway without such a broker it does nothing."""

    def __init__(self, keeper: Keeper, exchange: Exchange, end_orders: Callable[[], None]) -> None:
        self.waiting: set[int] = set()
        """Commands that wait for the broker's picture; they stay in the inbox."""
        self._keeper = keeper
        self._exchange = exchange
        self._end_orders = end_orders
        self._login_at = 0
        self._first_seen = 0.0
        self._wanted_from: int | None = None
        self._next = 0.0
        self._stuck_at = -STUCK_SECONDS
        self._told = BrokerTold(keeper, exchange)

    @property
    def _gateway(self) -> BrokerGateway | None:
        gateway: Any = self._exchange.gateway
        return gateway if isinstance(gateway, BrokerGateway) else None

    def tend(self) -> None:
        """Bring the ledger to the broker's day, take in what was told, compare when it is time."""
        gateway = self._gateway
        if gateway is None:
            return
        session = gateway.session()
        self._told.tell_session(session)
        self._told.take_statements(gateway)
        if session.state not in LOGGED_IN or session.trading_day is None:
            self._login_at = 0
            return
        self._told.take_instruments(gateway, session.trading_day)
        if not self._told.take_terms(gateway):
            return  # the loop is made anew, with the terms that its book is to have
        self._told.take_rates(gateway)
        if session.login_at != self._login_at and not self._begin(gateway, session.trading_day):
            return
        if session.login_at != self._login_at:
            self._login_at, self._next = session.login_at, 0.0
            self._told.rates_of.clear()
            return  # what was replayed is booked before anything is compared
        self._compare(gateway)

    def obey(self, command: AccountCommand) -> None:
        """Carry a command about the broker out, or leave it in the inbox until the broker has answered."""
        gateway = self._gateway
        try:
            if gateway is None:
                text = say("Account %(code)s has no broker that keeps books.", code=self._keeper.account.code)
                raise RuleError("not_at_a_broker", text)
            if command.kind == CommandKind.CONFIRM:
                self._confirm(gateway, command)
            else:
                self._adopt(gateway, command)
        except RuleError as error:
            self.waiting.discard(command.pk)
            self._keeper.refuse(command, error)

    # --- the day --------------------------------------------------------------------------------------------

    def _begin(self, gateway: BrokerGateway, day: date) -> bool:
        """Whether the ledger stands on the trading day of the login."""
        keeper = self._keeper
        running = keeper.trading_day
        if running == day and keeper.settled_day != day:
            gateway.books_ready(day)
            return True
        if running is not None and day < running:
            return self._stuck(day, say("the ledger trades on %(day)s already", day=running))
        picture = gateway.picture()
        if picture is None or picture.trading_day != day:
            gateway.ask_picture()
            return False
        first = running is None and is_empty(keeper.account)
        if first and not self._rates_known(gateway, picture):
            return False
        try:
            self._begin_day(gateway, picture, first=first)
        except RuleError as error:
            return self._stuck(day, error.text)
        clear_alarm(BROKER_DAY, keeper.account.code)
        return True

    def _stuck(self, day: date, reason: str) -> bool:
        """Nothing can be traded until somebody helps: told once a minute."""
        now = time.monotonic()
        if now - self._stuck_at > STUCK_SECONDS:
            self._stuck_at = now
            code = self._keeper.account.code
            log.error("broker's day not begun", account=code, day=str(day), reason=reason)
            values: dict[str, Value] = {"account": code, "day": str(day), "why": reason}
            raise_alarm(BROKER_DAY, code, NOT_BEGUN, Severity.CRITICAL, values)
        return False

    def _begin_day(self, gateway: BrokerGateway, picture: BrokerPicture, *, first: bool) -> None:
        keeper, day = self._keeper, picture.trading_day
        running = keeper.trading_day
        if running is not None and keeper.settled_day != running:
            self._settle(picture, running)
        keeper.begin_day(day)
        if first:
            adopt(keeper, picture)
            log.info("broker's figures adopted", account=keeper.account.code, trading_day=str(day))
        gateway.books_ready(day, adopted=first)
        self._exchange.store_reports(always=True)

    def _settle(self, picture: BrokerPicture, running: date) -> None:
        """End the running day at the prices that the broker has settled its own books at."""
        keeper = self._keeper
        held = keeper.held_codes()
        last = {code: price for code in held if (price := keeper.last_price(code)) is not None}
        settle_at(keeper, None, day_prices(held, running, {}, broker=picture.settlements, last=last), self._end_orders)

    def _rates_known(self, gateway: BrokerGateway, picture: BrokerPicture) -> bool:
        """Whether the broker has told what the positions cost, or has had time enough for it."""
        now = time.monotonic()
        self._first_seen = self._first_seen or now
        wanted = {code for code, _side in picture.positions}
        gateway.ask_rates(wanted)
        return wanted <= self._told.rates_of or now - self._first_seen > RATES_SECONDS

    # --- the comparison -------------------------------------------------------------------------------------

    def _compare(self, gateway: BrokerGateway) -> None:
        keeper = self._keeper
        # What was traded and is not held has cost something too.
        gateway.ask_rates(keeper.book.known - self._told.rates_of)
        if self._wanted_from is None:
            if time.monotonic() < self._next:
                return
            self._wanted_from = time.time_ns()
        picture = gateway.picture()
        if picture is None or picture.asked_at < self._wanted_from or picture.trading_day != keeper.trading_day:
            gateway.ask_picture()
            return
        self._wanted_from, self._next = None, time.monotonic() + settings.RECONCILE_SECONDS
        if book_cash_of(keeper, picture.funds):
            self._exchange.store()
        try:
            found = compared(own_books(keeper.book), picture)
            if found.differences:
                gateway.ask_orders()  # something may not have been told to us
            tell_comparison(keeper.account, picture, found, seq=keeper.committed, epoch=keeper.epoch)
        except DATABASE_AWAY:
            raise
        except Exception:  # an account that cannot be compared must still cancel and close: its comparison grows old
            BROKER_COMPARISONS.labels("failed").inc()
            log.exception("books not compared", account=keeper.account.code)

    def compare_soon(self) -> None:
        """Compare as soon as the broker has answered anew."""
        self._next = 0.0

    # --- commands -------------------------------------------------------------------------------------------

    def _confirm(self, gateway: BrokerGateway, command: AccountCommand) -> None:
        gateway.confirm_statement()
        BrokerStatement.objects.filter(pk=command.payload.get("statement")).update(confirmed_by=command.actor)
        self._keeper.finish(command)

    def _adopt(self, gateway: BrokerGateway, command: AccountCommand) -> None:
        session = gateway.session()
        if session.state not in LOGGED_IN or session.login_at != self._login_at:
            text = say("The broker is not logged in to: its figures cannot be adopted now.")
            raise RuleError("broker_not_ready", text)
        asked = int(command.created_at.timestamp() * 1e9)
        picture = gateway.picture()
        if picture is None or picture.asked_at < asked:
            gateway.ask_picture()
            self.waiting.add(command.pk)
            return
        row = adopt(self._keeper, picture, command)
        gateway.books_ready(picture.trading_day, adopted=True)  # trades that could not be booked are in the figures now
        self._keeper.finish(command, {"seq": row.seq, "changes": len(row.changes)})
        self.waiting.discard(command.pk)
        self.compare_soon()
