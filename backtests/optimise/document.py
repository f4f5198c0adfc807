"""An optimisation or a walk-forward as JSON: what the commands print and the exports hold."""

import json
from collections.abc import Iterator
from typing import Any

from backtests.optimise.models import OptimizationRun, Trial, WalkForwardRun
from backtests.optimise.sentences import sentences_of
from backtests.run_document import money
from backtests.states import RunStatus

FETCH = 5_000


def optimization_document(run: OptimizationRun) -> dict[str, Any]:
    """Everything but the trials."""
    return {
        "optimization": run.pk,
        "status": run.status,
        "strategy": run.strategy,
        "instrument": run.instrument.code,
        "legs": run.legs,
        "interval": run.interval,
        "start": run.start.isoformat() if run.start else None,
        "end": run.end.isoformat() if run.end else None,
        "space": run.space,
        "fixed": run.fixed,
        "method": run.method,
        "objectives": run.objectives,
        "constraints": run.constraints,
        "capital": run.capital,
        "volume": run.volume,
        "rules": run.rules,
        "seed": run.seed,
        "costs": {**run.costs, **run.cost_table},
        "counts": {name: getattr(run, name) for name in ("total", "done", "skipped", "failed", "feasible")},
        "best": _rounded(run.best) or None,
        "front": run.front,
        "overfitting": {**run.overfitting, "sentences": sentences_of(run.overfitting)},
        "warnings": run.warnings,
        "timing": run.timing,
        "data_hash": run.data_hash,
        "source_hash": run.source_hash,
        "engine_version": run.engine_version,
        "error": run.error,
    }


def trial_document(run: OptimizationRun, trial: Trial) -> dict[str, Any]:
    """One trial."""
    return {
        "number": trial.number,
        "parameters": trial.parameters,
        "net_profit": money(trial.net_profit),
        "fills": trial.fills,
        "result_hash": trial.result_hash,
        "feasible": trial.feasible,
        "objectives": objectives_of(run, trial),
        "statistics": trial.statistics,
        "error": trial.error,
    }


def objectives_of(run: OptimizationRun, trial: Trial) -> dict[str, float | None]:
    """The objectives by name, as the statistics have them; stored they are turned so that more is better."""
    signs = [(asked["name"], 1 if asked["direction"] == "maximise" else -1) for asked in run.objectives]
    return {
        name: None if score is None else sign * score
        for (name, sign), score in zip(signs, trial.objectives, strict=False)
    }


def json_parts(run: OptimizationRun) -> Iterator[str]:
    """The whole as one JSON object in parts: trials are never in memory together."""
    yield '{"trials": ['
    for place, trial in enumerate(run.trials.order_by("number").iterator(FETCH)):
        yield (", " if place else "") + _json(trial_document(run, trial))
    yield "], " + _json(optimization_document(run))[1:]


def walk_document(walk: WalkForwardRun) -> dict[str, Any]:
    """A walk-forward with its windows and the joined equity."""
    return {
        "walk_forward": walk.pk,
        "status": walk.status,
        "strategy": walk.strategy,
        "instrument": walk.instrument.code,
        "legs": walk.legs,
        "interval": walk.interval,
        "space": walk.space,
        "fixed": walk.fixed,
        "method": walk.method,
        "objectives": walk.objectives,
        "constraints": walk.constraints,
        "in_sample": walk.in_sample,
        "out_of_sample": walk.out_of_sample,
        "step": walk.step,
        "gap": walk.gap,
        "anchored": walk.anchored,
        "windows": [
            window_document(window) for window in walk.windows.select_related("optimization").order_by("number")
        ],
        "summary": walk.summary,
        "statistics": walk.statistics,
        "equity": [
            {"trading_day": day, "equity": money(equity), "window": number} for day, equity, number in walk.equity
        ],
        "error": walk.error,
    }


def window_document(window: Any) -> dict[str, Any]:
    """One window."""
    days = {name: getattr(window, name).isoformat() for name in ("in_first", "in_last", "out_first", "out_last")}
    optimization = window.optimization
    return {
        "number": window.number,
        **days,
        "optimization": optimization.pk,
        "trials": optimization.done,
        "parameters": window.parameters,
        "in_statistics": window.in_statistics,
        "out_statistics": window.out_statistics,
        "deflated_sharpe": optimization.overfitting.get("deflated_sharpe"),
        "pbo": optimization.overfitting.get("pbo"),
    }


def is_over(run: OptimizationRun | WalkForwardRun) -> bool:
    """Whether there is a result to show."""
    return run.status == RunStatus.SUCCEEDED


def _rounded(best: dict[str, Any]) -> dict[str, Any]:
    return {**best, "net_profit": money(best["net_profit"])} if best else {}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
