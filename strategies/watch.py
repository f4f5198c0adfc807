"""Whether somebody runs the strategies that are to run: a worker asks the rows, for a dead runner tells nobody."""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Lease
from strategies import alarms
from strategies.choices import ActivityName, Health
from strategies.instance_models import LEASE, RAN, InstanceQuerySet, StrategyInstance

STALLED = timedelta(seconds=30)
"""The runner speaks once a second of each; a new lease, or a machine that begins, takes some seconds."""
MOST_NAMED = 5


def check_runner(now: datetime | None = None) -> int:
    """Raise or clear the alarm; gives of how many strategies nobody has said anything for too long."""
    silent = silent_ones(now or timezone.now())
    keys = list(silent.order_by("key").values_list("key", flat=True))
    if not keys:
        alarms.end(alarms.STALLED, alarms.RUNNER)
        return 0
    alarms.tell_stalled(keys[:MOST_NAMED], len(keys), STALLED.seconds, running=_lease_held())
    return len(keys)


def silent_ones(now: datetime) -> InstanceQuerySet:
    """Those that are to run or to be closed, and have been for a while, without a word of the runner for as long.

    While it speaks of others, those that are being warmed up are only waiting for their turn.
    """
    before = now - STALLED
    wanted = Q(stage__in=RAN) & ~Q(activity=ActivityName.STOPPED) | Q(flatten_done__lt=F("flatten_asked"))
    rows = StrategyInstance.objects.filter(wanted)
    silent = rows.filter(Q(told_at=None) | Q(told_at__lt=before), changed_at__lt=before)
    return silent.exclude(health=Health.WARMING) if rows.filter(told_at__gte=before).exists() else silent


def _lease_held() -> bool:
    return Lease.objects.filter(name__startswith=LEASE, expires_at__gt=Now()).exists()
