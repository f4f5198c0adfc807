"""What a worker does about strategies."""

from celery import shared_task

from strategies.paper_days import show_days
from strategies.retention import prune
from strategies.watch import check_runner


@shared_task(name="strategies.prune")
def prune_old_rows() -> int:
    """See ``retention.prune``; gives how many rows are gone."""
    return prune()


@shared_task(name="strategies.check_runner")
def check_strategies() -> int:
    """See ``watch.check_runner``; gives of how many strategies nobody has said anything."""
    return check_runner()


@shared_task(name="strategies.show_paper_days")
def show_paper_days() -> int:
    """See ``paper_days.show_days``; gives how many days became evidence."""
    return show_days()
