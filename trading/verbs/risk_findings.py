"""What follows from a limit that is near or broken after the order: an event, an alarm, and what the limit asks for.

Written by whoever watches the account: its gateway each second, the sweep where no gateway does. Call it inside the
transaction that stores how far each limit was told: so each level is told and acted on once, whatever dies in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Severity
from trading.account_models import TradingAccount
from trading.alarms import RISK_BREACH
from trading.domain.risk.findings import Finding
from trading.domain.risk.rules import BreachAction
from trading.domain.risk.scopes import ScopeKind
from trading.domain.risk.switches import Strength
from trading.domain.risk.wording import refusal
from trading.metrics import LIMITS_TOLD
from trading.risk_choices import RiskEventKind
from trading.verbs.risk_events import found, found_by
from trading.verbs.switches import set_switch

log = structlog.get_logger(__name__)

BROKEN = gettext_noop("Account %(account)s is beyond a limit: %(what)s")

STRENGTHS: Mapping[BreachAction, Strength] = {
    BreachAction.NO_OPENING: Strength.NO_OPENING,
    BreachAction.CANCEL: Strength.CANCEL_ALL,
    BreachAction.FLATTEN: Strength.FLATTEN,
}
"""The stop that the system sets on the account for what a limit asks for; one that closes positions makes a plan."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The account that was looked at, on which trading day, and when it was on the market clock."""

    account: TradingAccount
    trading_day: date | None = None
    market_time: datetime | None = None


def tell_findings(seen: Watched, findings: Sequence[Finding]) -> None:
    """Write what has reached a higher level, in the caller's transaction; of what is broken, act as the limit says."""
    for finding in findings:
        kind = RiskEventKind.BREACH if finding.broken else RiskEventKind.WARNING
        what = found_by(kind, finding, finding.share)
        found(replace(what, account=seen.account, trading_day=seen.trading_day, market_time=seen.market_time))
        LIMITS_TOLD.labels(finding.rule.value, kind.value).inc()
        log.warning(
            "limit broken" if finding.broken else "limit near",
            account=seen.account.code,
            rule=finding.rule.value,
            subject=finding.subject,
            value=finding.value,
            share=finding.share,
        )
    broken = [finding for finding in findings if finding.broken]
    if broken:
        _raise(seen.account, broken)
    for finding in strongest_first(broken):
        strength = STRENGTHS.get(finding.limit.action)
        if strength is not None:
            reason = refusal(finding.text, finding.limit)
            set_switch(None, ScopeKind.ACCOUNT.value, seen.account.code, strength.value, reason)


def tell_kept(account: TradingAccount) -> None:
    """No limit of the account is broken any more: the alarm about it is over. Its events stay until they are closed."""
    clear_alarm(RISK_BREACH, account.code)


def strongest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Those first whose limit asks for most: a stop that goes as far as another one is not set twice."""
    order = list(BreachAction)
    return sorted(findings, key=lambda finding: -order.index(finding.limit.action))


def _raise(account: TradingAccount, broken: Sequence[Finding]) -> None:
    acted = any(finding.limit.action is not BreachAction.WARN for finding in broken)
    severity = Severity.CRITICAL if acted else Severity.WARNING
    told = [finding.text for finding in broken]
    raise_alarm(RISK_BREACH, account.code, BROKEN, severity, {"account": account.code, "what": told})
