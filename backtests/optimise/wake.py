"""Messages that wake the site's workers. A row is the truth: a message that is lost only delays (``sweep``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from backtests.services import ONE_ATTEMPT

TASK = "backtests.optimize"
WALK_TASK = "backtests.walk_forward"

log = structlog.get_logger(__name__)


def wake(*run_ids: int) -> None:
    """Tell some worker that there are trials to be had."""
    with _broker(run_ids) as connection:
        for run_id in run_ids:
            current_app.send_task(TASK, args=[run_id], connection=connection, retry=False)


def wake_walk(*run_ids: int) -> None:
    """Tell some worker that all optimisations of a walk-forward are over."""
    with _broker(run_ids) as connection:
        for run_id in run_ids:
            current_app.send_task(WALK_TASK, args=[run_id], connection=connection, retry=False)


@contextmanager
def _broker(run_ids: tuple[int, ...]) -> Iterator[Any]:
    """A connection of its own: those of the pool try again for seconds, and a caller waits for this one."""
    try:
        with current_app.connection_for_write(connect_timeout=1.0, transport_options=ONE_ATTEMPT) as connection:
            yield connection
    except (OperationalError, OSError):
        log.warning("broker unreachable, the sweep will find the optimisations", runs=run_ids, exc_info=True)
