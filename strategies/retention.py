"""Signals and log lines of strategies go when they are old: they grow with every decision, and nothing else ends them.

Of each instance the newest stay however old they are: its page shows them, its numbers go on from them, and the
runner reads from its last lines how it was ended. Younger than the setting allows nothing goes, so that every recent
day can be compared with the backtester (and compared again). Orders, fills, days and the audit trail stay for ever.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import models
from django.utils import timezone

from strategies.event_models import Signal, StrategyLog
from strategies.instance_models import StrategyInstance
from strategies.metrics import PRUNED

NEWEST = 200
"""Rows of each instance that stay; more than any page or socket shows at once."""
BATCH = 2_000
"""Rows deleted at a time: the runner writes in between."""
LASTING = ("stop", "demote", "fail", "loss_limit")
"""Lines by which the runner knows that an instance was ended: the newest of them stays too."""

log = structlog.get_logger(__name__)


def prune() -> int:
    """Delete what is older than ``STRATEGY_SIGNAL_DAYS`` and ``STRATEGY_LOG_DAYS`` days; gives how many rows."""
    gone = {"signal": 0, "log": 0}
    for instance in StrategyInstance.objects.order_by("pk").values_list("pk", flat=True):
        signals, lines = Signal.objects.filter(instance=instance), StrategyLog.objects.filter(instance=instance)
        gone["signal"] += _prune(signals.filter(created_at__lt=_border(settings.STRATEGY_SIGNAL_DAYS)), signals)
        ended = lines.filter(kind__in=LASTING).order_by("-pk").values_list("pk", flat=True)[:1]
        old = lines.filter(at__lt=_border(settings.STRATEGY_LOG_DAYS)).exclude(pk__in=list(ended))
        gone["log"] += _prune(old, lines)
    for kind, count in gone.items():
        PRUNED.labels(kind).inc(count)
    log.info("old rows of strategies are gone", signals=gone["signal"], lines=gone["log"])
    return sum(gone.values())


def _border(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _prune(old: models.QuerySet[models.Model], every: models.QuerySet[models.Model]) -> int:
    """Delete the ``old`` ones among ``every`` row of an instance, but for its newest."""
    newest = every.order_by("-pk").values_list("pk", flat=True)[NEWEST - 1 : NEWEST]
    kept = next(iter(newest), None)
    gone = 0
    while kept is not None:
        batch = list(old.filter(pk__lt=kept).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not batch:
            break
        gone += every.filter(pk__in=batch).order_by().delete()[0]
    return gone
