"""Limits, stops and counts as the loop of one account knows them: read each second, and at once when some change.

Reading must succeed: after :data:`FRESH_SECONDS` without, nobody knows whether trading was stopped meanwhile, and
nothing may be opened (``risk_unknown``).
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from quantsite.web.database import DATABASE_AWAY
from trading.account_models import TradingAccount
from trading.domain.checks import Reason
from trading.domain.risk.figures import DayCounts
from trading.domain.risk.limits import Limit, Table, effective, large_volume, table_of
from trading.domain.risk.order_rules import Ask, asks_of
from trading.domain.risk.peak import Reset
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import Scope
from trading.domain.risk.switches import Strength, stop_reason, strongest
from trading.ledger.day_counts import DayCounters
from trading.ledger.keeper import Keeper
from trading.ledger.stop_effects import order_scopes, reaches
from trading.limit_models import KillSwitch, RiskLimit, RiskRevision
from trading.metrics import RISK_UNREAD
from trading.order_models import Order
from trading.verbs.risk_picture import last_reset, remembered

log = structlog.get_logger(__name__)

FRESH_SECONDS = 3.0
LOOK_SECONDS = 1.0
TERMS = ("desk", "control_group", "live_enabled", "cancel_when_blind")
"""What of the account itself may change while its loop runs."""


class Standing(NamedTuple):
    """What holds for an order: the limits, also as its rules ask by them, and the stop that goes farthest with what it
    says to openings."""

    limits: Mapping[Rule, Limit]
    asks: tuple[Ask, ...]
    stop: KillSwitch | None
    stop_reason: Reason | None


class RiskDesk:
    """``mates`` are the other accounts of the control group, by number; ``stops`` those in force, by number.

    ``revision`` and ``rates`` are the numbers of the last changes that were read: of anything, and of rates. ``peak``
    is the balance from which a drawdown counts, in yuan; None before anybody has said. ``reset`` is the last time that
    people set it anew.
    """

    def __init__(self, keeper: Keeper) -> None:
        self.revision, self.rates = -1, 0
        self.stops: dict[int, KillSwitch] = {}
        self.mates: dict[int, str] = {}
        self.peak: float | None = None
        self.reset: Reset | None = None
        self._keeper = keeper
        self._table: Table = {}
        self._standings: dict[tuple[str, str, str], Standing] = {}
        self._usernames: dict[int, str] = {}
        self._resets = 0
        self._others = DayCounters()
        self._read_at = self._looked = -FRESH_SECONDS - LOOK_SECONDS

    @property
    def table(self) -> Table:
        """Every limit that is set; another one after each change."""
        return self._table

    @property
    def known(self) -> bool:
        """Whether limits and stops have been read so lately that they count."""
        return time.monotonic() - self._read_at <= FRESH_SECONDS

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() - self._looked >= LOOK_SECONDS

    def load(self) -> None:
        """At the loop's start: everything."""
        before = remembered(self._keeper.account)
        self.peak = None if before.peak is None else before.peak.balance
        self._resets = before.resets
        self.refresh()

    def refresh(self) -> None:
        """Read what has changed. A failure is noted, and lets what was read last grow old.

        Raises the database's errors where it cannot be reached, which the loop's other steps cannot do without either.
        """
        self._looked = time.monotonic()
        try:
            number, rates = RiskRevision.objects.filter(pk=1).values_list("number", "rates").first() or (0, 0)
            if number != self.revision:
                self._read()
                self.revision, self.rates = number, rates
            self._count_others()
        except DATABASE_AWAY:
            raise
        except Exception:  # a limit that nobody can read must not end the account's loop, which still has to cancel
            RISK_UNREAD.inc()
            log.exception("limits and stops not read", account=self._keeper.account.code)
        else:
            self._read_at = self._looked

    def scopes(self, order: Order) -> tuple[Scope, ...]:
        """Every scope that an order stands in, the narrowest first."""
        return order_scopes(self._keeper.account, order, user=self._username(order.created_by_id))

    def standing(self, order: Order, product: str) -> Standing:
        """What holds for an order in a product (its full code)."""
        key = (product, self._username(order.created_by_id), order.strategy_key)
        found = self._standings.get(key)
        if found is None:
            scopes = self.scopes(order)
            stops = [row.to_domain() for row in self.stops.values()]
            stop, reason = strongest(stops, scopes), stop_reason(stops, scopes, opening=True)
            limits = effective(self._table, scopes)
            found = Standing(limits, asks_of(limits), self.stops[stop.number] if stop else None, reason)
            self._standings[key] = found
        return found

    def reaching(self) -> list[KillSwitch]:
        """The stops that may concern orders of this account, in the order in which they were set."""
        return [stop for _number, stop in sorted(self.stops.items()) if reaches(stop, self._keeper.account)]

    def counts(self, code: str, limits: Mapping[Rule, Limit]) -> DayCounts:
        """What the control group has sent and withdrawn of an instrument on the running day."""
        large = large_volume(limits)
        counters = self._keeper.counters
        if not self.mates:
            return counters.of(code, large)
        if self._others.day != counters.day:
            self._count_others()
        return counters.of(code, large) + self._others.of(code, large)

    def counted(self) -> set[str]:
        """The instruments in which the control group has sent anything on the running day."""
        return self._keeper.counters.codes() | (self._others.codes() if self.mates else set())

    def _read(self) -> None:
        account = self._keeper.account
        account.refresh_from_db(fields=TERMS)
        table = table_of(row.to_domain() for row in RiskLimit.objects.all())
        stops = {row.to_domain().number: row for row in KillSwitch.objects.active().select_related("set_by")}
        self._table, self.stops = table, stops  # both or neither: one that cannot be read must not half replace them
        group = TradingAccount.objects.filter(control_group=account.control_group_id).exclude(pk=account.pk)
        self.mates = dict(group.values_list("pk", "code"))
        self._standings.clear()
        self.reset = last_reset(account)
        if self.reset is not None and self.reset.number > self._resets:  # new orders go by it at once
            self._resets, self.peak = self.reset.number, self.reset.peak.balance

    def _count_others(self) -> None:
        if self.mates:
            self._others.load(self.mates.keys(), self._keeper.trading_day)

    def _username(self, number: int | None) -> str:
        if number is None:
            return ""
        found = self._usernames.get(number)
        if found is None:
            people = Order._meta.get_field("created_by").related_model._default_manager
            found = self._usernames[number] = people.values_list("username", flat=True).get(pk=number)
        return found


def withdraws(stop: KillSwitch) -> bool:
    """Whether a stop has working orders withdrawn, not only new ones refused."""
    return stop.strength >= Strength.CANCEL_ALL
