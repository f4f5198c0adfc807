"""Finds what a lost message or a killed worker left of an optimisation; called with the sweep of the runs."""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from accounts.alarms import raise_alarm
from accounts.models import Severity
from backtests.alarms import GIVEN_UP, OPTIMISATION, OPTIMISATIONS
from backtests.optimise.models import OptimizationRun, TrialChunk, WalkForwardRun
from backtests.optimise.wake import wake, wake_walk
from backtests.states import MAX_ATTEMPTS, OPEN_STATES, RunStatus
from backtests.sweep import GAVE_UP, STUCK_AFTER, tell_of_queue

QUEUED_FOR = timedelta(seconds=2)
"""One whose message arrived is taken well within this, where a worker is idle."""

WAKE_AGAIN = timedelta(seconds=10)
"""While all workers are busy every waiting one gets one more message in this time, not one every sweep."""

WAKE_AT_MOST = 50

STUCK = gettext_noop("%(count)d optimisations wait for more than %(minutes)d minutes: is a worker running?")

log = structlog.get_logger(__name__)


def sweep_optimizations() -> int:
    """Do it once; returns how many optimisations and walk-forwards were woken."""
    give_up()
    _watch_queue()
    due = _waiting()
    if due:
        wake(*due)
        log.info("optimisations woken", runs=due)
    ended = _ended_walks()
    if ended:
        wake_walk(*ended)
    return len(due) + len(ended)


def give_up(run_ids: list[int] | None = None) -> None:
    """Optimisations of which one part killed every worker that took it fail with a sentence, and somebody is told."""
    chunks = TrialChunk.objects.filter(
        run=OuterRef("pk"), status=RunStatus.RUNNING, lease_until__lt=Now(), attempt__gte=MAX_ATTEMPTS
    )
    spent = Q(lease_until__lt=Now(), attempt__gte=MAX_ATTEMPTS) | Q(Exists(chunks))
    runs = OptimizationRun.objects.filter(spent, status=RunStatus.RUNNING)
    if run_ids is not None:
        runs = runs.filter(pk__in=run_ids)
    for run_id in list(runs.values_list("pk", flat=True)):
        with transaction.atomic():
            row = OptimizationRun.objects.filter(pk=run_id, status=RunStatus.RUNNING)
            if row.update(status=RunStatus.FAILED, error=GAVE_UP, finished_at=Now(), claimed_by="", lease_until=None):
                raise_alarm(GIVEN_UP, f"{OPTIMISATION} {run_id}", GAVE_UP, Severity.WARNING)


def _watch_queue() -> None:
    """An alarm while the oldest one waits too long for a worker of the site; it clears itself."""
    queued = OptimizationRun.objects.all().open().for_the_site().filter(status=RunStatus.QUEUED)
    tell_of_queue(OPTIMISATIONS, STUCK, queued.filter(created_at__lt=Now() - STUCK_AFTER).count())


def _waiting() -> list[int]:
    """The optimisations to wake now, marked as woken."""
    late = Q(status=RunStatus.RUNNING) | Q(created_at__lt=Now() - QUEUED_FOR)
    quiet = Q(woken_at=None) | Q(woken_at__lt=Now() - WAKE_AGAIN)
    due = OptimizationRun.objects.all().open().for_the_site().idle().filter(late, quiet).order_by("pk")
    run_ids = list(due.values_list("pk", flat=True)[:WAKE_AT_MOST])
    OptimizationRun.objects.filter(pk__in=run_ids).update(woken_at=Now())
    return run_ids


def _ended_walks() -> list[int]:
    """Walk-forwards whose optimisations are all over, a while after the last: its worker died before the end."""
    children = OptimizationRun.objects.filter(walk_forward=OuterRef("pk"))
    fresh = children.filter(finished_at__gt=Now() - WAKE_AGAIN)
    ended = WalkForwardRun.objects.filter(
        ~Exists(children.filter(status__in=OPEN_STATES)), ~Exists(fresh), status__in=OPEN_STATES
    )
    return list(ended.order_by("pk").values_list("pk", flat=True)[:WAKE_AT_MOST])
