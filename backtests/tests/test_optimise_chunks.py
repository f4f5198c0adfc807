"""A number of a trial belongs to one chunk, a chunk to one worker at a time. Time is moved in the rows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from accounts.models import AuditEntry, User
from backtests.claims import LeaseLostError
from backtests.optimise import evaluate, services, steps
from backtests.optimise.chunks import ChunkClaim, StepClaim, chunk_size, release, take
from backtests.optimise.inputs import INPUTS
from backtests.optimise.models import OptimizationRun, TrialChunk
from backtests.optimise.requests import OptimizationRequest
from backtests.optimise.rows import TrialRow, store_trials
from backtests.optimise.work import perform, work_for
from backtests.states import MAX_ATTEMPTS, RunStatus
from backtests.tests.optimisations import optimized, outcome
from marketdata.models import Bar
from marketdata.services import store_simulated_bars
from quantsite.common.errors import ConflictError, RefusedError
from quantsite.testing.patience import SOON

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def taken(run: OptimizationRun, worker: str = "worker") -> ChunkClaim:
    """The claim on the next chunk."""
    claim = take(run.pk, worker)
    assert isinstance(claim, ChunkClaim)
    return claim


def let_lease_run_out(claim: ChunkClaim | StepClaim) -> None:
    """As if the worker had been silent for a lease and a second."""
    claim.row().update(lease_until=Now() - timedelta(seconds=1))


def final_step(run: OptimizationRun, worker: str) -> StepClaim:
    """The claim on the end, all chunks done."""
    claim = take(run.pk, worker)
    while isinstance(claim, ChunkClaim):
        evaluate.compute(claim)
        claim = take(run.pk, worker)
    assert claim is not None
    return claim


def test_chunks_hand_out_every_number_once(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    numbers: list[int] = []
    claim = take(run.pk, "one")
    while isinstance(claim, ChunkClaim):
        assert claim.chunk.first == len(numbers)
        numbers += range(claim.chunk.first, claim.chunk.last + 1)
        claim = take(run.pk, "two")
    assert claim is None, "nothing more is to be had while the chunks are at work"
    assert numbers == list(range(12))
    row = OptimizationRun.objects.get(pk=run.pk)
    assert (row.status, row.next_trial) == (RunStatus.RUNNING, 12)


def test_the_size_of_a_chunk_follows_the_pace_and_shrinks_towards_the_end() -> None:
    assert chunk_size(None, 10_000) == 4
    assert chunk_size(0.01, 10_000) == 100
    assert chunk_size(0.000_001, 10**6) == 5_000
    assert chunk_size(30.0, 10_000) == 1
    assert chunk_size(0.01, 120) == 30
    assert chunk_size(0.01, 8) == 8
    assert chunk_size(0.01, 1) == 1


def test_a_silent_worker_loses_its_chunk_and_stores_nothing(alice: User, searched: OptimizationRequest) -> None:
    expected = outcome(optimized(alice, searched))
    run = services.optimize(alice, searched)
    late = taken(run, "late")
    let_lease_run_out(late)
    other = taken(run, "other")
    assert (other.chunk.pk, other.attempt) == (late.chunk.pk, 2)
    with pytest.raises(LeaseLostError):
        late.renew()
    with pytest.raises(LeaseLostError):
        evaluate.compute(late)
    assert not run.trials.exists()
    perform(other)
    work_for(run.pk, "other")
    assert outcome(run) == expected


def test_a_stored_chunk_cannot_be_stored_again(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    claim = taken(run)
    evaluate.compute(claim)
    stored = run.trials.count()
    with pytest.raises(LeaseLostError):
        evaluate.compute(claim)
    assert run.trials.count() == stored
    row = OptimizationRun.objects.get(pk=run.pk)
    assert row.done + row.skipped == claim.chunk.last - claim.chunk.first + 1


def test_a_number_has_one_row_whatever_happens(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    evaluate.compute(taken(run))
    first = run.trials.earliest("number")
    with pytest.raises(IntegrityError), transaction.atomic():
        store_trials(run.pk, 0, [TrialRow(first.number, first.parameters)])
    with pytest.raises(IntegrityError), transaction.atomic():
        TrialChunk.objects.create(run=run, first=0, last=1)


def test_a_worker_known_to_be_dead_gives_back_what_it_held(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    dead = taken(run, "dead")
    release("dead")
    assert taken(run, "other").chunk.pk == dead.chunk.pk


def test_the_end_happens_once(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    first = final_step(run, "first")
    assert first.finishes
    assert take(run.pk, "second") is None
    let_lease_run_out(first)
    second = take(run.pk, "second")
    assert isinstance(second, StepClaim)
    with pytest.raises(LeaseLostError):
        steps.perform(first)
    steps.perform(second)
    row = OptimizationRun.objects.get(pk=run.pk)
    assert (row.status, row.claimed_by, row.lease_until) == (RunStatus.SUCCEEDED, "", None)
    assert take(run.pk, "third") is None


def test_a_generation_is_planned_once(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, replace(searched, method="tpe", trials=25))
    first = take(run.pk, "first")
    assert isinstance(first, StepClaim)
    assert not first.finishes
    assert take(run.pk, "second") is None
    let_lease_run_out(first)
    second = take(run.pk, "second")
    assert isinstance(second, StepClaim)
    steps.perform(second)
    with pytest.raises(LeaseLostError):
        steps.perform(first)
    numbers = [(chunk.first, chunk.last) for chunk in run.chunks.order_by("first")]
    assert (numbers[0][0], numbers[-1][1]) == (0, 19)
    assert all(left[1] + 1 == right[0] for left, right in pairwise(numbers))


def test_attempts_on_a_part_are_limited(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claim = taken(run)
        assert (claim.chunk.first, claim.attempt) == (0, attempt)
        let_lease_run_out(claim)
    assert taken(run).chunk.first > 0


def test_a_cancelled_optimisation_stops_and_a_resumed_one_ends_as_if_nothing_had_been(
    alice: User, searched: OptimizationRequest
) -> None:
    whole = optimized(alice, searched)
    run = services.optimize(alice, searched)
    evaluate.compute(taken(run))
    held = taken(run)
    services.cancel_optimization(alice, run.pk)
    kept = run.trials.count()
    with pytest.raises(LeaseLostError):
        held.renew()
    perform(held)
    assert run.trials.count() == kept > 0
    assert take(run.pk, "another") is None
    with pytest.raises(ConflictError):
        services.cancel_optimization(alice, run.pk)

    services.resume_optimization(alice, run.pk)
    work_for(run.pk, "another")
    row = OptimizationRun.objects.get(pk=run.pk)
    assert (row.status, row.done, row.skipped) == (RunStatus.SUCCEEDED, 9, 3)
    assert outcome(run) == outcome(whole)
    assert row.best == whole.best
    verbs = list(AuditEntry.objects.filter(object_id=str(run.pk)).order_by("seq").values_list("verb", flat=True))
    assert verbs == ["optimization.run", "optimization.cancel", "optimization.resume"]
    with pytest.raises(ConflictError):
        services.resume_optimization(alice, run.pk)


def test_only_the_owner_and_administrators_cancel_and_resume(
    alice: User, ada: User, searched: OptimizationRequest
) -> None:
    run = services.optimize(alice, searched)
    erin = User.objects.create_user("erin2", password=None)
    erin.groups.set(alice.groups.all())
    services.share_optimization(alice, run.pk, erin)
    with pytest.raises(RefusedError):
        services.cancel_optimization(erin, run.pk)
    services.cancel_optimization(ada, run.pk)
    with pytest.raises(RefusedError):
        services.resume_optimization(erin, run.pk)


def test_bars_that_change_on_the_way_end_the_optimisation(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    evaluate.compute(taken(run))
    cover = run.instrument.coverage.get(interval="5m")
    assert cover.last_day is not None
    store_simulated_bars(
        None, interval="5m", first=cover.last_day + timedelta(days=1), last=cover.last_day + timedelta(days=7), seed=7
    )
    INPUTS.clear()  # another worker, which reads the bars as they are now
    perform(taken(run))
    row = OptimizationRun.objects.get(pk=run.pk)
    assert row.status == RunStatus.FAILED
    assert "changed while the optimisation ran" in row.error
    assert Bar.objects.filter(instrument=run.instrument, trading_day__gt=cover.last_day).exists()


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_make_the_same_trials_once(alice: User, searched: OptimizationRequest) -> None:
    wide = replace(searched, space={"fast": "2:12:1", "slow": "5:30:5"})
    expected = optimized(alice, wide)
    run = services.optimize(alice, wide)
    start = Barrier(4)

    def work(name: str) -> None:
        start.wait(SOON)
        try:
            while OptimizationRun.objects.filter(pk=run.pk, status__in=["queued", "running"]).exists():
                work_for(run.pk, name)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, [f"worker {number}" for number in range(4)]))
    row = OptimizationRun.objects.get(pk=run.pk)
    assert (row.status, row.error) == (RunStatus.SUCCEEDED, "")
    assert outcome(run) == outcome(expected)
    assert (row.done, row.skipped) == (expected.done, expected.skipped)
    assert row.best == expected.best
