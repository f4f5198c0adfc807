"""Who works on which part of an optimisation: claims with a lease on chunks of trials and on the single steps.

The row of the optimisation is locked for the moment in which a part is handed out, so that a number of a trial
never comes into two chunks; rows of chunks that somebody is storing are passed over, never waited for.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from backtests.claims import Leased, LeaseLostError
from backtests.optimise.models import LEARNING, ChunkQuerySet, OptimizationQuerySet, OptimizationRun, TrialChunk
from backtests.states import LEASE, MAX_ATTEMPTS, OPEN_STATES, RunStatus

TARGET_SECONDS = 1.0
"""Work of one chunk: long beside the cost of handing it out, short beside a lease and a person's patience."""

FIRST_SIZE = 4
"""Trials of the first chunks, before anybody knows how long one takes."""

MOST = 5_000
"""Trials of a chunk at most: what a worker holds in memory before it is stored."""


@dataclass(frozen=True, slots=True)
class ChunkClaim(Leased):
    """The right to store the results of one chunk."""

    run: OptimizationRun
    chunk: TrialChunk
    worker: str
    attempt: int

    def row(self) -> ChunkQuerySet:
        """The chunk while the claim holds and the optimisation goes on, else nothing."""
        return TrialChunk.objects.all().held_by(self.chunk.pk, self.worker, self.attempt)

    def renew(self) -> None:
        """A new lease. Raises ``LeaseLostError``, also where the optimisation was cancelled."""
        if not self.extend():
            raise LeaseLostError(f"chunk {self.chunk} is no longer held by {self.worker}")


@dataclass(frozen=True, slots=True)
class StepClaim(Leased):
    """The right to choose the next generation, or to finish."""

    run: OptimizationRun
    worker: str
    attempt: int

    def row(self) -> OptimizationQuerySet:
        """The optimisation while the claim holds, else nothing."""
        return OptimizationRun.objects.filter(
            pk=self.run.pk, status=RunStatus.RUNNING, claimed_by=self.worker, attempt=self.attempt
        )

    @property
    def finishes(self) -> bool:
        """Whether nothing is left but to finish."""
        return self.run.next_trial >= self.run.total


def take(run_id: int, worker: str) -> ChunkClaim | StepClaim | None:
    """The next part to work on; ``None`` where there is none at this moment."""
    with transaction.atomic():
        run = OptimizationRun.objects.select_for_update(no_key=True).filter(pk=run_id, status__in=OPEN_STATES).first()
        if run is None:
            return None
        if run.status == RunStatus.QUEUED:
            OptimizationRun.objects.filter(pk=run_id).update(
                status=RunStatus.RUNNING, started_at=Coalesce("started_at", Now())
            )
            run.status = RunStatus.RUNNING
        chunk = _left_over(run) or _carve(run)
        return _claim_chunk(run, chunk, worker) if chunk else _claim_step(run, worker)


def _left_over(run: OptimizationRun) -> TrialChunk | None:
    """A planned chunk, or one of a silent worker."""
    chunks = TrialChunk.objects.all().claimable().filter(run=run).defer("returns").order_by("first")
    return chunks.select_for_update(skip_locked=True, of=("self",)).first()


def _carve(run: OptimizationRun) -> TrialChunk | None:
    """The next numbers as a chunk of their own, for methods whose points follow from the numbers."""
    if run.method in LEARNING or run.next_trial >= run.total:
        return None
    size = chunk_size(run.trial_seconds, run.total - run.next_trial)
    chunk = TrialChunk.objects.create(run=run, first=run.next_trial, last=run.next_trial + size - 1)
    OptimizationRun.objects.filter(pk=run.pk).update(next_trial=F("next_trial") + size)
    return chunk


def chunk_size(trial_seconds: float | None, left: int) -> int:
    """Trials of the next chunk; towards the end they get smaller, so that workers finish together."""
    size = FIRST_SIZE if trial_seconds is None else int(TARGET_SECONDS / max(trial_seconds, 1e-9))
    return max(1, min(size, MOST, max(left // 4, min(size // 8, left)), left))


def _claim_chunk(run: OptimizationRun, chunk: TrialChunk, worker: str) -> ChunkClaim:
    attempt = chunk.attempt + 1
    TrialChunk.objects.filter(pk=chunk.pk).update(
        status=RunStatus.RUNNING, claimed_by=worker, lease_until=Now() + LEASE, attempt=attempt
    )
    return ChunkClaim(run, chunk, worker, attempt)


def _claim_step(run: OptimizationRun, worker: str) -> StepClaim | None:
    """The one step that is due once every chunk is stored."""
    if run.chunks.filter(status__in=OPEN_STATES).exists():
        return None
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    taken = OptimizationRun.objects.filter(free, pk=run.pk, attempt__lt=MAX_ATTEMPTS).update(
        claimed_by=worker, lease_until=Now() + LEASE, attempt=F("attempt") + 1
    )
    return StepClaim(run, worker, run.attempt + 1) if taken else None


def release(worker: str) -> None:
    """Give back what a worker held that is known to be dead; nobody need wait for its leases."""
    past = Now() - LEASE
    TrialChunk.objects.filter(status=RunStatus.RUNNING, claimed_by=worker).update(lease_until=past)
    OptimizationRun.objects.filter(status=RunStatus.RUNNING, claimed_by=worker).update(lease_until=past)
