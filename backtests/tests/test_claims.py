"""A run belongs to one worker at a time, and a silent worker loses it. Time is moved in the rows, nobody waits."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from backtests import services
from backtests.claims import CancelledError, LeaseLostError, claim
from backtests.models import LEASE, MAX_ATTEMPTS, BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.runner import execute
from backtests.tests.runs import taken

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def let_lease_run_out(run: BacktestRun) -> None:
    """As if the worker had been silent for a lease and a second."""
    BacktestRun.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_a_claim_notes_worker_attempt_and_lease_and_is_not_to_be_had_twice(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    first = taken(run, "one")
    assert claim(run.pk, "two") is None
    run.refresh_from_db()
    assert (run.status, run.claimed_by, run.attempt, first.attempt) == (RunStatus.RUNNING, "one", 1, 1)
    assert run.started_at is not None
    assert run.lease_until is not None
    assert run.lease_until - run.started_at == LEASE


def test_a_silent_worker_loses_the_run_and_can_write_nothing(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    late = taken(run, "late")
    let_lease_run_out(run)
    other = taken(run, "other")
    assert other.attempt == 2
    with pytest.raises(LeaseLostError):
        late.renew(0.5)
    execute(late)
    run.refresh_from_db()
    assert (run.status, run.claimed_by, run.result_hash) == (RunStatus.RUNNING, "other", "")
    assert not run.fills.exists()
    execute(other)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)
    assert run.fills.count() == run.fill_count


def test_the_same_worker_name_does_not_bring_an_old_attempt_back(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    old = taken(run, "same")
    let_lease_run_out(run)
    taken(run, "same")
    assert not old.row().exists()


def test_renewing_writes_progress_and_hears_of_a_cancellation(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    mine = taken(run)
    let_lease_run_out(run)
    mine.renew(0.25)
    run.refresh_from_db()
    assert run.progress == 0.25
    assert claim(run.pk, "other") is None
    services.cancel_run(alice, run.pk)
    with pytest.raises(CancelledError):
        mine.renew(0.5)


def test_attempts_are_limited(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert taken(run).attempt == attempt
        let_lease_run_out(run)
    assert claim(run.pk, "one more") is None


@pytest.mark.django_db(transaction=True)
def test_of_many_claimers_exactly_one_gets_the_run(alice: User, asked: RunRequest) -> None:
    claimers = 6
    for _round in range(5):
        run = services.run_backtest(alice, asked)
        start = Barrier(claimers)

        def race(name: str, run_id: int = run.pk, start: Barrier = start) -> bool:
            start.wait(60)
            try:
                return claim(run_id, name) is not None
            finally:
                connection.close()

        with ThreadPoolExecutor(claimers) as pool:
            won = list(pool.map(race, [f"claimer {number}" for number in range(claimers)]))
        assert won.count(True) == 1
        run.refresh_from_db()
        assert run.attempt == 1
        assert run.claimed_by == f"claimer {won.index(True)}"


@pytest.mark.django_db(transaction=True)
def test_two_executions_of_one_run_store_one_result(alice: User, asked: RunRequest) -> None:
    """The first worker was silent for so long that a second one took over, and both finish at the same time."""
    run = services.run_backtest(alice, asked)
    first = taken(run, "first")
    let_lease_run_out(run)
    second = taken(run, "second")
    start = Barrier(2)

    def compute(mine: object) -> None:
        start.wait(60)
        try:
            execute(first if mine == 1 else second)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compute, [1, 2]))
    run.refresh_from_db()
    assert (run.status, run.claimed_by, run.attempt) == (RunStatus.SUCCEEDED, "second", 2)
    assert run.fills.count() == run.fill_count
    assert run.days.count() == run.statistics["standard"]["trading_days"]


@pytest.mark.django_db(transaction=True)
def test_a_long_step_without_reports_keeps_the_lease(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    mine = taken(run)
    with mine.kept(every=0.02):
        let_lease_run_out(run)
        deadline = time.monotonic() + 60
        while BacktestRun.objects.all().expired().exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert not BacktestRun.objects.all().expired().exists()
    assert claim(run.pk, "other") is None
