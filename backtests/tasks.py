"""What a worker does: compute one run, and look after the rows that no message leads to."""

from celery import shared_task
from celery.signals import worker_ready

from backtests.claims import claim, worker_name
from backtests.runner import execute
from backtests.sweep import sweep


@shared_task(name="backtests.run")
def run(run_id: int) -> None:
    """Compute the run if it is still to be had; a second message for it finds nothing to do."""
    taken = claim(run_id, worker_name())
    if taken is not None:
        execute(taken)


@shared_task(name="backtests.sweep")
def sweep_runs() -> int:
    """See ``backtests.sweep``; returns how many runs were woken."""
    return sweep()


@worker_ready.connect
def sweep_at_start(**_kwargs: object) -> None:
    """A worker looks once by itself when it starts, also where no beat runs."""
    sweep_runs.delay()
