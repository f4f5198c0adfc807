"""What a worker does about trading accounts."""

from celery import shared_task

from trading.marks import prune_marks
from trading.risk_sweep import sweep
from trading.verbs.comparing import prune_comparisons


@shared_task(name="trading.prune_marks")
def prune_old_marks() -> int:
    """See ``marks.prune_marks``; gives how many are gone."""
    return prune_marks()


@shared_task(name="trading.prune_comparisons")
def prune_old_comparisons() -> int:
    """See ``comparing.prune_comparisons``; gives how many are gone."""
    return prune_comparisons()


@shared_task(name="trading.sweep_risk")
def sweep_risk() -> int:
    """See ``risk_sweep.sweep``; gives how many accounts nobody watches."""
    return sweep()
