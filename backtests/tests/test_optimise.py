"""Optimisations, computed in the process of the test by the code that a worker uses."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.models import User
from backtests.optimise import services
from backtests.optimise.models import OptimizationRun
from backtests.optimise.requests import OptimizationRequest
from backtests.optimise.work import work_for
from backtests.requests import RunRequest
from backtests.states import RunStatus
from backtests.tests.runs import finished

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def searched(asked: RunRequest) -> OptimizationRequest:
    """double_ma on a small grid, a third of it refused by the strategy."""
    return OptimizationRequest(replace(asked, parameters={}), {"fast": "3:9:2", "slow": "5:15:5"}, ["sharpe"])


def optimized(actor: User | None, request: OptimizationRequest) -> OptimizationRun:
    """An optimisation that has succeeded."""
    run = services.optimize(actor, request)
    work_for(run.pk, "worker")
    run.refresh_from_db()
    assert run.status == RunStatus.SUCCEEDED, run.error
    return run


def trials_of(run: OptimizationRun) -> list[tuple[Any, ...]]:
    """What must be the same however it was computed."""
    return list(run.trials.order_by("number").values_list("number", "parameters", "result_hash", "score"))


def test_a_trial_is_the_single_run_with_its_parameters(
    alice: User, asked: RunRequest, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    assert (run.total, run.done, run.skipped, run.failed) == (12, 9, 3, 0)
    for trial in run.trials.all():
        single = finished(alice, replace(asked, parameters=trial.parameters))
        assert trial.result_hash == single.result_hash
        assert trial.net_profit == single.net_profit
        assert trial.fills == single.fill_count
        assert trial.statistics == single.statistics["standard"]
    print(run.best, run.overfitting, run.timing, run.warnings)
