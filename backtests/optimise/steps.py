"""What only one worker may do at a time: choose the next generation, and finish. Each happens once."""

import time

import structlog
from django.db import transaction
from django.db.models import F, Max, Min, Sum
from django.db.models.functions import Now
from django.utils import timezone

from backtests.claims import LeaseLostError
from backtests.optimise.best import best_of, front_of
from backtests.optimise.chunks import StepClaim, chunk_size
from backtests.optimise.honesty import overfitting_of
from backtests.optimise.inputs import INPUTS, Inputs
from backtests.optimise.learners import Asked, Seen, ask, generation_size
from backtests.optimise.models import OptimizationRun, TrialChunk
from backtests.optimise.sentences import warnings_of
from backtests.states import RunStatus

log = structlog.get_logger(__name__)


def perform(claim: StepClaim) -> None:
    """Do the step that is due.

    Raises ``LeaseLostError`` where the claim was lost (nothing is stored) and ``RuleError`` where the
    optimisation cannot go on.
    """
    with claim.kept():
        if claim.finishes:
            _finish(claim)
        else:
            _plan(claim)


def _plan(claim: StepClaim) -> None:
    """Ask for the next generation and lay it out in chunks."""
    run, inputs = claim.run, INPUTS.get(claim.run)
    asked = ask(
        run.method,
        inputs.space,
        _seen(run, inputs),
        seed=run.seed,
        generation=run.generation,
        objectives=len(inputs.goal.objectives),
        count=min(generation_size(run.method), run.total - run.next_trial),
    )
    with transaction.atomic():
        held = claim.row().select_for_update(no_key=True).first()
        if held is None:
            raise LeaseLostError(f"optimisation {run.pk} is no longer planned by {claim.worker}")
        TrialChunk.objects.bulk_create(_chunks(held, asked))
        claim.row().update(
            claimed_by="",
            lease_until=None,
            attempt=0,
            generation=F("generation") + 1,
            next_trial=F("next_trial") + len(asked.points),
            skipped=F("skipped") + asked.refused,
        )


def _seen(run: OptimizationRun, inputs: Inputs) -> list[Seen]:
    """All stored trials in the order of their numbers."""
    rows = run.trials.order_by("number").values_list("parameters", "objectives", "statistics", "generation")
    limits = inputs.goal.constraints
    return [
        Seen(point, scores, _violation(scores, [limit.violation(statistics) for limit in limits]), generation)
        for point, scores, statistics, generation in rows
    ]


def _violation(scores: list[float | None], broken: list[float]) -> float:
    """How far a trial is from feasible: an undefined or failed objective counts 1."""
    return sum(broken) + (1.0 if not scores or None in scores else 0.0)


def _chunks(run: OptimizationRun, asked: Asked) -> list[TrialChunk]:
    """The points of a generation in chunks of about a second, at least four where there are as many points."""
    count = len(asked.points)
    size = min(chunk_size(run.trial_seconds, count), max(1, count // 4))
    return [
        TrialChunk(
            run=run,
            first=run.next_trial + first,
            last=run.next_trial + min(first + size, count) - 1,
            points=asked.points[first : first + size],
            generation=run.generation,
        )
        for first in range(0, count, size)
    ]


def _finish(claim: StepClaim) -> None:
    """Best trial, Pareto front and the honest figures; then the optimisation has succeeded."""
    run, started = claim.run, time.perf_counter()
    inputs = INPUTS.get(run)
    best = best_of(run, inputs)
    front = front_of(run) if len(inputs.goal.objectives) > 1 else []
    overfitting = overfitting_of(run, inputs, best)
    seconds = time.perf_counter() - started
    with transaction.atomic():
        done = claim.row().update(
            status=RunStatus.SUCCEEDED,
            finished_at=Now(),
            claimed_by="",
            lease_until=None,
            attempt=0,
            held_by="",
            held_until=None,
            best=best,
            front=front,
            overfitting=overfitting,
            warnings=warnings_of(run, best, overfitting),
            timing=_timing(run, seconds),
        )
        if not done:
            raise LeaseLostError(f"optimisation {run.pk} is no longer finished by {claim.worker}")
    log.info("optimisation succeeded", run=run.pk, trials=run.done, refused=run.skipped)


def _timing(run: OptimizationRun, finish_seconds: float) -> dict[str, float | int]:
    """Wall time from the first claim, work of all workers, and how many there were."""
    sums = run.chunks.aggregate(work=Sum("seconds"), first=Min("pk"), last=Max("pk"))
    wall = (timezone.now() - run.started_at).total_seconds() if run.started_at else 0.0
    return {
        "total_seconds": wall,
        "work_seconds": float(sums["work"] or 0.0),
        "finish_seconds": finish_seconds,
        "trials_per_second": run.done / wall if wall else 0.0,
        "workers": run.chunks.values("claimed_by").distinct().count(),
        "chunks": run.chunks.count(),
    }
