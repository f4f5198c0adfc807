"""Which trial is the best one, and which ones no other beats."""

from typing import Any

import numpy as np
from django.db.models import F

from backtests.domain.objectives import pareto_front
from backtests.optimise.batches import FETCH, batched
from backtests.optimise.inputs import Inputs
from backtests.optimise.models import OptimizationRun, Trial


def best_of(run: OptimizationRun, inputs: Inputs) -> dict[str, Any]:
    """The feasible trial with the best first objective (ties: further objectives, then the lower number).

    Empty where no trial is feasible.
    """
    feasible = run.trials.filter(feasible=True)
    top = feasible.order_by(F("score").desc(), "number").first()
    if top is None:
        return {}
    equals = list(feasible.filter(score=top.score).order_by("number")[:FETCH])
    return document_of(max(equals, key=lambda trial: [*trial.objectives, -trial.number]), inputs)


def document_of(trial: Trial, inputs: Inputs) -> dict[str, Any]:
    """A trial as JSON, objectives as they are called and counted."""
    return {
        "number": trial.number,
        "parameters": trial.parameters,
        "net_profit": trial.net_profit,
        "fills": trial.fills,
        "result_hash": trial.result_hash,
        "objectives": {
            objective.name: objective.sign * score if score is not None else None
            for objective, score in zip(inputs.goal.objectives, trial.objectives, strict=False)
        },
        "statistics": trial.statistics,
    }


def front_of(run: OptimizationRun) -> list[int]:
    """The numbers of the feasible trials on the Pareto front, ascending."""
    rows = run.trials.filter(feasible=True).order_by("number").values_list("number", "objectives")
    parts = [np.array([(number, *scores) for number, scores in part]) for part in batched(rows.iterator(FETCH))]
    if not parts:
        return []
    table = np.concatenate(parts)
    return [int(table[place, 0]) for place in pareto_front(table[:, 1:])]
