"""Messages that wake the site's workers. A row is the truth: a message that is lost only delays (``sweep``)."""

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from backtests.services import ONE_ATTEMPT

TASK = "backtests.optimize"
WALK_TASK = "backtests.walk_forward"

log = structlog.get_logger(__name__)


def wake(*run_ids: int) -> None:
    """Tell some worker that there are trials to be had."""
    _send(TASK, run_ids)


def wake_walk(*run_ids: int) -> None:
    """Tell some worker that all optimisations of a walk-forward are over."""
    _send(WALK_TASK, run_ids)


def _send(task: str, run_ids: tuple[int, ...]) -> None:
    try:
        # A connection of its own: those of the pool try again for seconds, and a caller waits for this one.
        with current_app.connection_for_write(connect_timeout=1.0, transport_options=ONE_ATTEMPT) as connection:
            for run_id in run_ids:
                current_app.send_task(task, args=[run_id], connection=connection, retry=False)
    except (OperationalError, OSError):
        log.warning("broker unreachable, the sweep will find the optimisations", runs=run_ids, exc_info=True)
