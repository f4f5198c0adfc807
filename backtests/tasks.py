"""What a worker does: compute one run, and look after the rows that no message leads to."""

import structlog
from celery import shared_task
from celery.signals import worker_init, worker_process_init, worker_ready
from django.db import DatabaseError, connection

from backtests.claims import claim, worker_name
from backtests.drift.evening import compare_days
from backtests.optimise.chunks import take
from backtests.optimise.sweep import sweep_optimizations
from backtests.optimise.wake import wake
from backtests.optimise.walk import finish
from backtests.optimise.work import TASK_SECONDS, perform, work_for
from backtests.runner import execute
from backtests.sweep import sweep
from backtests.warm import warm_up

log = structlog.get_logger(__name__)


@shared_task(name="backtests.run")
def run(run_id: int) -> None:
    """Compute the run if it is still to be had; a second message for it finds nothing to do."""
    taken = claim(run_id, worker_name())
    if taken is not None:
        execute(taken)


@shared_task(name="backtests.sweep")
def sweep_runs() -> int:
    """See ``backtests.sweep``; returns how many runs were woken."""
    return sweep() + sweep_optimizations()


@shared_task(name="backtests.optimize")
def optimize(run_id: int) -> None:
    """Compute parts of an optimisation for a while.

    As soon as there is something to do one more message goes out: whoever is idle takes it and sends the next, so
    that any number of workers come to help while exactly one message waits.
    """
    worker = worker_name()
    claim = take(run_id, worker)
    if claim is None:
        return
    wake(run_id)
    perform(claim)
    work_for(run_id, worker, TASK_SECONDS)


@shared_task(name="backtests.walk_forward")
def end_walk_forward(run_id: int) -> None:
    """Judge the windows of a walk-forward whose optimisations are over."""
    finish(run_id)


@shared_task(name="backtests.drift")
def compare_strategy_days() -> int:
    """See ``drift.evening.compare_days``; gives how many days were compared."""
    return compare_days()


@worker_init.connect
def warm_at_start(**_kwargs: object) -> None:
    """Before the worker takes its first message, and before it forks: its processes inherit the compiled kernel."""
    log.info("worker is warm", seconds=round(warm_up(), 3))


@worker_process_init.connect
def connect_at_start(**_kwargs: object) -> None:
    """A forked process opens its connection before the first message too; without a database it goes on waiting."""
    try:
        connection.ensure_connection()
    except DatabaseError:
        log.warning("no database yet", exc_info=True)


@worker_ready.connect
def sweep_at_start(**_kwargs: object) -> None:
    """A worker looks once by itself when it starts, also where no beat runs."""
    sweep_runs.delay()
