"""What a worker does about trading accounts."""

from celery import shared_task

from trading.marks import prune_marks


@shared_task(name="trading.prune_marks")
def prune_old_marks() -> int:
    """See ``marks.prune_marks``; gives how many are gone."""
    return prune_marks()
