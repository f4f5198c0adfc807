"""Optimisations and walk-forwards computed in the process of the test, by the code that a worker uses."""

from typing import Any

from accounts.models import User
from backtests.optimise import services
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.work import work_for
from backtests.states import RunStatus


def optimized(actor: User | None, request: OptimizationRequest) -> OptimizationRun:
    """An optimisation that has succeeded."""
    run = services.optimize(actor, request)
    work_for(run.pk, "worker")
    run.refresh_from_db()
    assert run.status == RunStatus.SUCCEEDED, run.error
    return run


def walked(actor: User | None, request: WalkForwardRequest) -> WalkForwardRun:
    """A walk-forward that has succeeded."""
    walk = services.walk_forward(actor, request)
    for run in walk.optimizations.order_by("pk"):
        work_for(run.pk, "worker")
    walk.refresh_from_db()
    assert walk.status == RunStatus.SUCCEEDED, walk.error
    return walk


def outcome(run: OptimizationRun) -> list[tuple[Any, ...]]:
    """Everything about the trials that must be the same however they were computed."""
    names = ("number", "parameters", "net_profit", "fills", "result_hash", "score", "feasible", "generation")
    return list(run.trials.order_by("number").values_list(*names))
