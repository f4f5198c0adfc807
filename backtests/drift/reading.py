"""Who reads comparisons and asks for one anew: whoever sees the instance, and whoever may operate it."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from backtests.drift.models import DriftQuerySet, DriftReport
from backtests.drift.rows import told_rows
from backtests.states import OPEN_STATES, RunStatus
from quantsite.common.errors import ConflictError, MissingError
from strategies.models import StrategyDay, StrategyInstance
from strategies.permissions import demand_operate, find_instance

if TYPE_CHECKING:
    from accounts.models import User


def reports_for(instance: StrategyInstance, user: "User | None") -> DriftQuerySet:
    """The instance's comparisons that ``user`` may see, the newest day first."""
    rows = DriftReport.objects.all()
    seen = rows if user is None else rows.visible_to(user)
    return seen.filter(instance=instance).order_by("-trading_day")


def report_rows(report: DriftReport) -> list[dict[str, Any]]:
    """The differences with their sentences, in the reader's language."""
    return told_rows(report.rows)


def may_compare(day: StrategyDay) -> bool:
    """Whether the signals of a day are still kept: without them everything would look missed."""
    return day.updated_at > timezone.now() - timedelta(days=settings.STRATEGY_SIGNAL_DAYS)


def ask_again(actor: "User | None", instance_id: int, day: date) -> DriftReport:
    """Have a day compared, once more where it was: with data that came later, say. Audited.

    Raises ``MissingError`` for an instance that the actor does not see and for a day that it did not run on,
    ``RefusedError`` where he may not operate it, ``ConflictError`` while the comparison is under way, and where its
    signals are not kept any more.
    """
    instance = find_instance(actor, instance_id)
    demand_operate(actor, instance)
    ran = StrategyDay.objects.filter(instance=instance, trading_day=day).first()
    if ran is None:
        text = _("%(key)s did not run on %(day)s: there is nothing to compare.")
        raise MissingError("no_day", text % {"key": instance.key, "day": day})
    if not may_compare(ran):
        text = _("The signals of %(day)s are not kept any more: it cannot be compared again.")
        raise ConflictError("no_signals", text % {"day": day})
    with transaction.atomic():
        report, made = DriftReport.objects.select_for_update().get_or_create(instance=instance, trading_day=day)
        if not made:
            if report.status in OPEN_STATES:
                text = _("The comparison of %(day)s is under way.")
                raise ConflictError("under_way", text % {"day": day})
            DriftReport.objects.filter(pk=report.pk).update(status=RunStatus.QUEUED, attempt=0, error=None)
            report.refresh_from_db()
        record(actor, "strategy.compare_day", instance, after={"trading_day": str(day)})
    return report
