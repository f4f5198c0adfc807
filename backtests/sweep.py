"""Finds what a lost message or a killed worker left behind, and gets it going again.

A message only wakes a worker: a file-system broker loses the task of a killed worker for good, Redis returns it
after an hour. So every few seconds the rows themselves are asked.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Alarm, Severity
from backtests.alarms import GIVEN_UP, QUEUE_STUCK, QUEUE_SUBJECT, subject_of
from backtests.models import MAX_ATTEMPTS, BacktestRun, RunStatus
from backtests.services import wake

QUEUED_FOR = timedelta(seconds=2)
"""A queued run whose message arrived is taken well within this, where a worker is idle."""

WAKE_AGAIN = timedelta(seconds=30)
"""While all workers are busy every waiting run gets one more message in this time, not one every sweep."""

WAKE_AT_MOST = 200
"""Messages sent by one sweep; the oldest runs first, the next sweep goes on."""

STUCK_AFTER = timedelta(minutes=10)
"""A run that waits this long waits for a worker that is not there."""

TELL_AGAIN = timedelta(minutes=5)
"""How often a stuck queue counts as a repeat of its alarm."""

STUCK = gettext_noop("%(count)d backtests wait for more than %(minutes)d minutes: is a worker running?")
GAVE_UP = gettext_noop("Every worker that took this run died over it; it is not tried again.")

log = structlog.get_logger(__name__)


def sweep() -> int:
    """Do it once; returns how many runs were woken."""
    _end_cancelled()
    _give_up()
    _watch_queue()
    woken = _waiting()
    if woken:
        wake(*woken)
        log.info("backtests woken", runs=woken)
    return len(woken)


def _end_cancelled() -> None:
    """Runs that were to be cancelled while their worker died."""
    BacktestRun.objects.all().expired().filter(cancel_requested=True).update(
        status=RunStatus.CANCELLED, finished_at=Now(), lease_until=None
    )


def _give_up() -> None:
    """Runs that used up their attempts fail with a sentence, and somebody is told."""
    spent = BacktestRun.objects.all().expired().filter(attempt__gte=MAX_ATTEMPTS)
    for run_id in spent.values_list("pk", flat=True):
        with transaction.atomic():
            row = BacktestRun.objects.all().expired().filter(pk=run_id, attempt__gte=MAX_ATTEMPTS)
            if row.update(status=RunStatus.FAILED, error=GAVE_UP, finished_at=Now(), lease_until=None):
                raise_alarm(GIVEN_UP, subject_of(run_id), GAVE_UP, Severity.WARNING)


def _watch_queue() -> None:
    """An alarm while the oldest run waits too long; it clears itself."""
    stuck = BacktestRun.objects.all().queued().filter(created_at__lt=Now() - STUCK_AFTER).count()
    tell_of_queue(QUEUE_SUBJECT, STUCK, stuck)


def tell_of_queue(subject: str, text: str, stuck: int) -> None:
    """Raise the alarm about one queue while ``stuck`` of its rows wait too long, clear it when none does."""
    if stuck and not _told_lately(subject):
        minutes = int(STUCK_AFTER.total_seconds() // 60)
        raise_alarm(QUEUE_STUCK, subject, text, Severity.WARNING, {"count": stuck, "minutes": minutes})
    elif not stuck:
        clear_alarm(QUEUE_STUCK, subject)


def _told_lately(subject: str) -> bool:
    """True while the open alarm is fresh: a repeat every sweep would count the sweeps, not the trouble."""
    open_alarms = Alarm.objects.open().filter(code=QUEUE_STUCK, subject=subject)
    return open_alarms.filter(last_at__gt=Now() - TELL_AGAIN).exists()


def _waiting() -> list[int]:
    """The runs to wake now, marked as woken."""
    late = Q(status=RunStatus.RUNNING) | Q(created_at__lt=Now() - QUEUED_FOR)
    quiet = Q(woken_at=None) | Q(woken_at__lt=Now() - WAKE_AGAIN)
    due = BacktestRun.objects.all().claimable().filter(late, quiet).order_by("pk")
    run_ids = list(due.values_list("pk", flat=True)[:WAKE_AT_MOST])
    BacktestRun.objects.filter(pk__in=run_ids).update(woken_at=Now())
    return run_ids
