"""Watches the account after the order: once a second its figures, how near each limit is, and what follows from that.

Nothing here is on an order's way. What fails is counted and tried again a second later; the sweep
(``trading.risk_sweep``) notices where it goes on failing.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import structlog
from django.db import transaction

from quantsite.common.times import iso_utc
from quantsite.web.database import DATABASE_AWAY
from trading.domain.risk.account_limits import AccountLimits
from trading.domain.risk.figures import DayCounts, Held
from trading.domain.risk.levels import LevelMemory
from trading.domain.risk.measuring import Known, measured, tail_days
from trading.domain.risk.peak import Peak
from trading.domain.risk.picture import Measurements, picture
from trading.ledger.day_actions import DayActions
from trading.ledger.facts import moment
from trading.ledger.keeper import Keeper
from trading.ledger.risk_view import RiskView
from trading.loop.history import HISTORY
from trading.loop.market import Market
from trading.loop.risk_desk import RiskDesk
from trading.loop.risk_measure import ages_of, calendar_of, holdings_of, resting_of
from trading.metrics import MONITOR_FAILURES, MONITOR_SECONDS
from trading.risk_models import AccountRisk
from trading.verbs.risk_findings import Watched, tell_findings, tell_kept
from trading.verbs.risk_picture import (
    RUNNING,
    Look,
    bookkeeping,
    looked_at,
    paid_in,
    remembered,
    store_picture,
)

log = structlog.get_logger(__name__)


T = TypeVar("T")


class Seen(NamedTuple):
    """One look at the account: the picture, and what is to be told of it."""

    row: AccountRisk
    look: Look


class Monitor:
    """Looks at one account and stores what it saw, changed or not: by a picture's age everybody sees that it looks.

    ``view`` and ``desk`` are those by which its orders are judged: one truth for both."""

    def __init__(self, keeper: Keeper, market: Market, view: RiskView, desk: RiskDesk) -> None:
        self._keeper = keeper
        self._market = market
        self._view = view
        self._desk = desk
        self._actions = DayActions()
        self._limits: tuple[int, AccountLimits] | None = None
        self._memory = LevelMemory()
        self._peak: Peak | None = None
        self._resets = 0
        self._paid: tuple[tuple[object, ...], float] | None = None

    def load(self) -> None:
        """At the loop's start: what the one before has told, and the peak."""
        before = remembered(self._keeper.account)
        self._peak, self._resets, self._memory = before.peak, before.resets, before.told

    def look(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Measure, do what must not wait for it, then tell and store.

        Raises only what the loop cannot do without: a database that is away, and whatever ``meanwhile`` raises.
        """
        seen, measuring = self._guarded(self._see)
        meanwhile()
        storing = 0.0 if seen is None else self._guarded(partial(self._store, seen))[1]
        MONITOR_SECONDS.observe(measuring + storing)

    def _guarded(self, work: Callable[[], T]) -> tuple[T | None, float]:
        """What it gives, None where it failed, and how many seconds it took."""
        began, found = time.perf_counter(), None
        try:
            found = work()
        except DATABASE_AWAY:
            raise
        except Exception:  # an account that cannot be watched must still trade and cancel: the sweep raises an alarm
            MONITOR_FAILURES.inc()
            log.exception("risk not measured", account=self._keeper.account.code)
        return found, time.perf_counter() - began

    def measure(self) -> Measurements:
        """The figures as of now, and how much of each limit they use."""
        return measured(self._known(), self._account_limits())

    def _see(self) -> Seen:
        """Everything as of now, made ready to be stored: nothing in it moves with the account."""
        peak = self._peak = self._moved_peak()
        self._desk.peak = peak.balance
        seen = self.measure()
        look = looked_at(seen.usages, self._memory)
        return Seen(self._row({**picture(seen), **bookkeeping(peak, self._resets, look.memory)}, peak), look)

    def _store(self, seen: Seen) -> None:
        row, look, keeper = seen.row, seen.look, self._keeper
        with transaction.atomic():
            if store_picture(keeper.account, row, keeper.epoch):
                tell_findings(Watched(keeper.account, row.trading_day, row.market_time), look.findings)
                if look.kept:
                    tell_kept(keeper.account)
        self._memory = look.memory

    def _row(self, figures: dict[str, Any], peak: Peak) -> AccountRisk:
        """The row as of now, with who computed it and when it was on the market clock."""
        keeper = self._keeper
        row = AccountRisk(
            peak=peak.balance,
            revision=self._desk.revision,
            trading_day=keeper.trading_day,
            market_time=moment(keeper.market_now or None),
        )
        row.figures = {
            **figures,
            "gateway": RUNNING,
            "trading_day": row.trading_day.isoformat() if row.trading_day else None,
            "market_time": iso_utc(row.market_time) if row.market_time else None,
        }
        return row

    def _known(self) -> Known:
        keeper, market = self._keeper, self._market
        holdings = holdings_of(keeper, market)
        held = [row.instrument for row in holdings]
        calendar = calendar_of(keeper, held)
        counted = self._desk.counted()
        view = self._view.now(None if self._peak is None else self._peak.balance)
        view.long, view.short = _lots(view.long), _lots(view.short)
        view.long_product, view.short_product = _lots(view.long_product), _lots(view.short_product)
        named = {*held, *keeper.working_codes(), *counted, *view.long, *view.short}
        limits = self._account_limits()
        products = {code: self._view.contract(code).product for code in named}
        counts = {code: self._counts(code, products[code], limits) for code in sorted(counted)}
        returns = None
        if calendar is not None and keeper.trading_day is not None:
            returns = HISTORY.returns(held, calendar, keeper.trading_day, tail_days(limits.of()))
        return Known(
            view=view,
            holdings=holdings,
            products=products,
            day=keeper.trading_day,
            calendar=calendar,
            returns=returns,
            counts=counts,
            actions=self._actions.look([keeper.account.pk, *self._desk.mates], keeper.trading_day),
            resting=resting_of(keeper, market),
            working_orders=sum(tracked.row.is_working for tracked in keeper.orders.values()),
            orders_today=sum(count.orders for count in counts.values()),
            switches=[stop.pk for stop in self._desk.reaching()],
            ages=ages_of(market, {*held, *keeper.working_codes()}),
        )

    def _counts(self, code: str, product: str, limits: AccountLimits) -> DayCounts:
        return self._desk.counts(code, limits.of(product))

    def _account_limits(self) -> AccountLimits:
        revision, account = self._desk.revision, self._keeper.account
        if self._limits is None or self._limits[0] != revision:
            made = AccountLimits(self._desk.table, desk=account.desk.code, account=account.code)
            self._limits = (revision, made)
        return self._limits[1]

    def _moved_peak(self) -> Peak:
        """The peak with the balance of now in it."""
        funds = self._keeper.book.funds
        moved = (funds.deposit, funds.withdraw, self._keeper.settled_day)
        if self._paid is None or self._paid[0] != moved:  # the rows are asked only when money came or went
            self._paid = moved, paid_in(self._keeper.account)
        paid, reset = self._paid[1], self._desk.reset
        if reset is not None and reset.number > self._resets:
            self._resets, self._peak = reset
        before = self._peak or Peak(funds.balance, paid)
        return before.moved(funds.balance, paid)


def _lots(held: Held) -> Held:
    """Without what is not held any more."""
    return {subject: lots for subject, lots in held.items() if lots}
