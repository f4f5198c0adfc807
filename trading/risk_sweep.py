"""The second line of the watch over accounts: what holds lots or orders and is watched by no gateway.

Beat has it done once a minute. An account is watched while its gateway holds its lease and has stored a picture of its
risk lately. Of any other one that may lose money the figures that need no live market are computed from rows, limits
are held against them as the gateway would, and an alarm calls for a person.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Alarm, Lease, Severity
from quantsite.common.times import iso_utc
from trading.account_models import LEASE_PREFIX, TradingAccount
from trading.alarms import RISK_UNWATCHED
from trading.domain.risk.account_limits import AccountLimits
from trading.domain.risk.limits import Table, table_of
from trading.domain.risk.measuring import measured
from trading.domain.risk.peak import Peak
from trading.domain.risk.picture import picture
from trading.limit_models import RiskLimit, RiskRevision
from trading.metrics import MONITOR_FAILURES
from trading.risk_models import AccountRisk
from trading.verbs.risk_findings import Watched, tell_findings, tell_kept
from trading.verbs.risk_of_rows import RowRisk
from trading.verbs.risk_picture import RUNNING, UNWATCHED, bookkeeping, looked_at, paid_in, remembered, replace_picture

log = structlog.get_logger(__name__)

OLD = timedelta(seconds=30)
"""A gateway stores a picture every five seconds at least; one that starts anew needs up to twenty."""

ALONE = gettext_noop(
    "Account %(account)s holds %(lots)s lots and has %(orders)s orders at work, and its gateway does not watch it."
)


def sweep() -> int:
    """Look at every open account that its gateway does not watch; gives how many of them are exposed.

    What fails for one account is logged and counted, and the others are looked at all the same.
    """
    table, revision = _limits()
    watched = _watched()
    exposed = []
    accounts = TradingAccount.objects.filter(is_active=True).select_related("desk", "control_group")
    for account in accounts.exclude(pk__in=watched):
        try:
            if _look(account, table, revision):
                exposed.append(account.code)
        except Exception:
            MONITOR_FAILURES.inc()
            log.exception("account not swept", account=account.code)
            exposed.append(account.code)  # nobody knows: an alarm that stands is left
    for subject in Alarm.objects.open().filter(code=RISK_UNWATCHED).exclude(subject__in=exposed):
        clear_alarm(RISK_UNWATCHED, subject.subject)
    return len(exposed)


def _watched() -> set[int]:
    """The accounts whose gateway holds its lease and has stored a picture lately."""
    living = set(Lease.objects.filter(expires_at__gt=Now()).values_list("name", flat=True))
    fresh = AccountRisk.objects.filter(updated_at__gt=timezone.now() - OLD, figures__gateway=RUNNING)
    return {pk for pk, code in fresh.values_list("pk", "account__code") if f"{LEASE_PREFIX}{code}" in living}


def _limits() -> tuple[Table, int]:
    """Every limit, and the number of the change that it was read after at least."""
    revision = RiskRevision.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    return table_of(row.to_domain() for row in RiskLimit.objects.all()), revision


def _look(account: TradingAccount, table: Table, revision: int) -> bool:
    """Compute, tell and store what rows say of one account; False where it has nothing to lose."""
    risk = RowRisk(account)
    if not risk.exposed:
        return False
    before, paid = remembered(account), paid_in(account)
    peak = (before.peak or Peak(risk.balance, paid)).moved(risk.balance, paid)
    limits = AccountLimits(table, desk=account.desk.code, account=account.code)
    seen = measured(risk.known(limits, peak), limits)
    look = looked_at(seen.usages, before.told)
    state = risk.state
    row = AccountRisk(
        peak=peak.balance, revision=revision, trading_day=state.trading_day, market_time=state.market_time
    )
    row.figures = {
        **picture(seen),
        **bookkeeping(peak, before.resets, look.memory),
        "gateway": UNWATCHED,
        "trading_day": state.trading_day.isoformat() if state.trading_day else None,
        "market_time": iso_utc(state.market_time) if state.market_time else None,
    }
    with transaction.atomic():
        if not replace_picture(account, row, before.at):
            return False  # a gateway has come meanwhile
        tell_findings(Watched(account, state.trading_day, state.market_time), look.findings)
        if look.kept:
            tell_kept(account)
        severity = Severity.CRITICAL if risk.working else Severity.WARNING
        lots = sum(held.long + held.short for held in seen.holdings)
        what = {"account": account.code, "lots": str(lots), "orders": str(risk.working)}
        raise_alarm(RISK_UNWATCHED, account.code, ALONE, severity, what)
    return True
