"""Which days are to be compared: each one that an instance ran on, once it is over. The rows are the truth."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from backtests.drift.models import DriftReport
from backtests.drift.work import claim_report, execute
from backtests.states import MAX_ATTEMPTS, RunStatus
from quantsite.common.texts import kept, stored
from strategies.models import StrategyDay

QUIET = timedelta(minutes=90)
"""A day on which nothing was written for so long is over, and what the recorder has of it is stored."""

AT_MOST = 50
"""Reports made by one look; the next one goes on."""


def plan_reports() -> list[int]:
    """Ask for every day that is over and has no report; gives the numbers of what waits, the oldest first."""
    known = DriftReport.objects.filter(instance=OuterRef("instance"), trading_day=OuterRef("trading_day"))
    # The runner says that a day is over when the next one begins; on the evening itself its silence does.
    closed = Q(trading_day__lte=timezone.now().date(), updated_at__lt=timezone.now() - QUIET)
    due = StrategyDay.objects.filter(Q(ended=True) | closed).exclude(Exists(known)).order_by("trading_day", "pk")
    rows = [DriftReport(instance_id=day.instance_id, trading_day=day.trading_day) for day in due[:AT_MOST]]
    DriftReport.objects.bulk_create(rows, ignore_conflicts=True)
    _give_up()
    return list(DriftReport.objects.all().claimable().order_by("pk").values_list("pk", flat=True)[:AT_MOST])


def compare_days() -> int:
    """Plan, then compute what can be had; gives how many."""
    done = 0
    for report_id in plan_reports():
        claim = claim_report(report_id)
        if claim is not None:
            execute(claim)
            done += 1
    return done


def _give_up() -> None:
    """Reports that killed every worker that took them."""
    spent = DriftReport.objects.filter(
        status=RunStatus.RUNNING, lease_until__lt=timezone.now(), attempt__gte=MAX_ATTEMPTS
    )
    error = stored(kept("Every worker that took this comparison died over it; it is not tried again."))
    spent.update(status=RunStatus.FAILED, error=error, finished_at=timezone.now(), lease_until=None)
