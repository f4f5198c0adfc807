"""What checks of orders have found, as risk events: gathered while orders go their way, written once a second."""

from collections.abc import Hashable
from dataclasses import replace

import structlog
from django.utils.translation import gettext_noop

from quantsite.common.errors import RuleError
from quantsite.web.database import DATABASE_AWAY
from trading.domain.risk.findings import Finding
from trading.domain.risk.order_rules import FAILED
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import STOPPED
from trading.ledger.facts import moment
from trading.ledger.keeper import Keeper
from trading.ledger.orders import HELD
from trading.loop.desk_rules import NO_PRICE
from trading.order_models import Order
from trading.risk_choices import RiskEventKind
from trading.verbs.risk_events import Found, found, found_by

log = structlog.get_logger(__name__)

UNKNOWN = "risk_unknown"
OF_RISK = frozenset({STOPPED, UNKNOWN, NO_PRICE, FAILED, *(rule.value for rule in Rule)})
"""Codes of refusals that risk officers are told of; what funds, lots and hours refuse concerns the trader."""
MOST_AT_ONCE = 20
"""Events written in one second: what is found meanwhile is counted with those that wait."""

REFUSED = gettext_noop("Order %(order)s was refused: %(reason)s")
WAITS = gettext_noop("Order %(order)s waits for order %(other)s of its control group to be withdrawn.")


class RiskTeller:
    """Gathers what was found on one account, each thing once with its number of times."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._near: dict[Hashable, tuple[Order, Finding, int]] = {}
        self._waiting: dict[str, Found] = {}

    def near(self, order: Order, finding: Finding) -> None:
        """An order comes near a limit; one that would break it is told as refused."""
        if not finding.broken:
            key = (finding.rule, finding.limit.scope, finding.subject, finding.level)
            before = self._near.get(key)
            self._near[key] = (order, finding, 1 if before is None else before[2] + 1)

    def refused(self, order: Order, error: RuleError, finding: Finding | None) -> None:
        """An order was refused, by the limit of ``finding`` where there is one."""
        if error.code not in OF_RISK:
            return
        what = Found(
            RiskEventKind.REFUSED,
            REFUSED,
            {"order": order.pk, "reason": error.text},
            rule=error.code if error.code in set(Rule) else "",
            subject=order.instrument.code,
            reason_code=error.code,
        )
        if finding is not None:
            limit = finding.limit
            what = replace(what, scope=limit.scope, value=finding.value, limit=limit.maximum, level=finding.share)
        self._note(order, what)

    def waits(self, order: Order, other: int) -> None:
        """An order has been held back for long."""
        values = {"order": order.pk, "other": other}
        rule, subject = Rule.SELF_TRADE.value, order.instrument.code
        self._note(order, Found(RiskEventKind.WARNING, WAITS, values, rule=rule, subject=subject, reason_code=HELD))

    def write(self) -> None:
        """Write what has gathered, the longest waiting first. A failure loses an event, never an order."""
        near, self._near = self._near, {}
        for order, finding, times in near.values():
            self._note(order, replace(found_by(RiskEventKind.WARNING, finding, finding.level), times=times))
        for key in list(self._waiting)[:MOST_AT_ONCE]:
            what = self._waiting.pop(key)
            try:
                found(what)
            except DATABASE_AWAY:
                raise
            except Exception:
                log.exception("risk event not written", account=self._keeper.account.code, event=key)

    def _note(self, order: Order, what: Found) -> None:
        keeper = self._keeper
        at = moment(keeper.market_now or None)
        what = replace(what, account=keeper.account, order=order, trading_day=keeper.trading_day, market_time=at)
        before = self._waiting.get(what.key)
        if before is not None:
            worse = max(before, what, key=lambda each: each.level or 0.0)
            what = replace(worse, times=before.times + what.times)
        self._waiting[what.key] = what
