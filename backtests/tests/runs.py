"""Runs computed in the process of the test, by the code that a worker uses."""

from accounts.models import User
from backtests import services
from backtests.claims import Claim, claim
from backtests.models import BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.runner import execute


def taken(run: BacktestRun, worker: str = "worker") -> Claim:
    """The claim on a run that is to be had."""
    found = claim(run.pk, worker)
    assert found is not None
    return found


def finished(actor: User | None, asked: RunRequest) -> BacktestRun:
    """A run that has succeeded."""
    run = services.run_backtest(actor, asked)
    execute(taken(run))
    run.refresh_from_db()
    assert run.status == RunStatus.SUCCEEDED, run.error
    return run
