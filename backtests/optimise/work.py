"""One worker on one optimisation: take a part, do it, take the next; the same under Celery and under a command."""

import time

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from backtests.claims import LeaseLostError
from backtests.optimise import evaluate, steps
from backtests.optimise.chunks import ChunkClaim, StepClaim, take
from backtests.optimise.models import OptimizationRun
from backtests.optimise.walk import after
from backtests.states import RunStatus
from quantsite.common.errors import RuleError

TASK_SECONDS = 2.0
"""A task of a site's worker takes parts for this long, so that a single backtest never waits for hours."""

INTERNAL_ERROR = gettext_noop("The optimisation stopped on an internal error; the log has the details.")

log = structlog.get_logger(__name__)


def work_for(run_id: int, worker: str, seconds: float | None = None) -> int:
    """Take parts until there is none at this moment, or ``seconds`` have passed; returns how many were done.

    Raises only where the database is away: the leases then run out and others try.
    """
    started, parts = time.monotonic(), 0
    while seconds is None or time.monotonic() - started < seconds:
        claim = take(run_id, worker)
        if claim is None:
            break
        perform(claim)
        parts += 1
    return parts


def perform(claim: ChunkClaim | StepClaim) -> None:
    """Do one part; what is wrong with the whole ends the optimisation with a sentence."""
    with structlog.contextvars.bound_contextvars(optimization=claim.run.pk):
        try:
            if isinstance(claim, ChunkClaim):
                evaluate.compute(claim)
            else:
                steps.perform(claim)
        except LeaseLostError as error:
            log.info("part of an optimisation lost", reason=str(error))
        except RuleError as error:
            fail(claim.run, error.text)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # whatever it was, the row must say that it is over
            log.exception("optimisation failed")
            fail(claim.run, INTERNAL_ERROR)
    after(claim.run)


def fail(run: OptimizationRun, error: str) -> None:
    """The optimisation is over without a result; the trials that there are stay."""
    open_rows = OptimizationRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING)
    if open_rows.update(status=RunStatus.FAILED, error=error, finished_at=Now(), claimed_by="", lease_until=None):
        log.warning("optimisation failed", run=run.pk, error=error)
