"""How much of the best trial is luck: the honest figures of a finished optimisation, as one JSON object.

Trials counted are those of the whole *lineage*: every trial and single run that the strategy ever had on these
instruments, by anybody and with any parameters, so that asking again cannot hide how often was asked.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from backtests.domain.engine import RunConfig
from backtests.domain.monte_carlo import redraw_trades, trade_order
from backtests.domain.noise import noise_test
from backtests.domain.overfitting import (
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from backtests.domain.overfitting_pbo import blocks_for, pbo
from backtests.domain.overfitting_trials import by_clusters, sharpe_variance
from backtests.domain.plateau import plateau
from backtests.domain.result import RunResult
from backtests.domain.statistics_conventions import STANDARD_ANNUAL_DAYS
from backtests.domain.statistics_returns import simple_returns
from backtests.optimise.inputs import Inputs
from backtests.optimise.lineage import trials_of
from backtests.optimise.models import OptimizationRun
from backtests.optimise.returns import unpack
from strategies import registry

FETCH = 10_000
PLATEAU_TRIALS = 100_000
"""Trials that the plateau is looked for among: all of them, or the first so many of a larger optimisation's."""

NOISE_RUNS = 20
YEAR = math.sqrt(STANDARD_ANNUAL_DAYS)

Floats = npt.NDArray[np.float64]
Returns = npt.NDArray[np.float32]


def overfitting_of(run: OptimizationRun, inputs: Inputs, best: dict[str, Any]) -> dict[str, Any]:
    """The figures, None where one is undefined. Sharpe ratios are per year, probabilities from 0 to 1."""
    lineage = trials_of(run.strategy, run.codes())
    figures: dict[str, Any] = {"trials": run.done, "lineage_trials": lineage}
    if not best:
        return figures
    outcome = inputs.run(best["parameters"])
    figures["reproduced"] = outcome.result_hash == best["result_hash"]
    own = simple_returns(outcome.result.days.equity, inputs.capital)
    figures |= _sharpes(run, own, lineage)
    figures |= _cross_validation(run, best["number"], own)
    figures["plateau"] = _plateau(run, best["number"])
    figures |= _chance(run, inputs, outcome.result)
    figures["noise"] = _noise(run, inputs, best["parameters"])
    return figures


def _sharpes(run: OptimizationRun, own: Floats | None, lineage: int) -> dict[str, Any]:
    """Of the best trial: is its Sharpe ratio above 0, and above what luck gives the best of so many?"""
    rows = run.trials.filter(error="").order_by().values_list("sharpe", flat=True)
    daily = np.fromiter((0.0 if yearly is None else yearly / YEAR for yearly in rows.iterator(FETCH)), np.float64)
    variance = sharpe_variance(daily)
    moments = Moments.of(own) if own is not None else None
    by_luck = expected_maximum_sharpe(variance, lineage)
    return {
        "sharpe": moments.sharpe * YEAR if moments else None,
        "sharpe_by_luck": by_luck * YEAR,
        "sharpe_variance": variance * STANDARD_ANNUAL_DAYS,
        "probabilistic_sharpe": probabilistic_sharpe(moments) if moments else None,
        "deflated_sharpe": deflated_sharpe(moments, variance, lineage) if moments else None,
        "minimum_track_record": minimum_track_record(moments) if moments else None,
        "days": moments.days if moments else 0,
    }


def _cross_validation(run: OptimizationRun, best: int, own: Floats | None) -> dict[str, Any]:
    """PBO over the kept trials and the best one, and how many of them were really different."""
    numbers, returns = _kept(run)
    if own is not None and best not in numbers:
        returns = np.concatenate((returns.reshape(-1, len(own)), own.astype(np.float32)[None, :]))
    blocks = blocks_for(returns.shape[1])
    found: dict[str, Any] = {"pbo": None, "kept_trials": len(returns), "effective_trials": None}
    if len(returns) >= 2 and blocks is not None:
        split = pbo(returns, blocks)
        found |= {"pbo": split.pbo, "pbo_loss": split.loss, "pbo_slope": split.slope, "pbo_blocks": split.blocks}
        found |= {"pbo_splits": split.splits, "effective_trials": by_clusters(returns)}
    return found


def _kept(run: OptimizationRun) -> tuple[npt.NDArray[np.int64], Returns]:
    """The trials whose returns were kept, ascending, and the returns: shape ``(trials, days)``."""
    blocks = run.chunks.exclude(returns=None).order_by("first").values_list("returns", flat=True)
    parts = [unpack(bytes(block)) for block in blocks.iterator(100) if block is not None]
    if not parts:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return np.concatenate([numbers for numbers, _ in parts]), np.concatenate([returns for _, returns in parts])


def _plateau(run: OptimizationRun, best: int) -> dict[str, Any] | None:
    rows = run.trials.order_by("number").values_list("number", "parameters", "score")
    trials = list(rows[:PLATEAU_TRIALS].iterator(FETCH))
    if best not in {number for number, _, _ in trials}:
        trials += list(rows.filter(number=best))
    numbers = [number for number, _, _ in trials]
    space = set(run.space)
    points = [{name: value for name, value in point.items() if name in space} for _, point, _ in trials]
    found = plateau(points, [score for _, _, score in trials], best=numbers.index(best))
    if found is None:
        return None
    return {
        "score": found.score,
        "neighbours": [numbers[place] for place in found.neighbours],
        "middle": found.middle,
        "around": found.around,
        "grid": found.grid,
    }


def _chance(run: OptimizationRun, inputs: Inputs, result: RunResult) -> dict[str, Any]:
    """What other orders and draws of the best trial's trades would have given."""
    profits = result.trades.net_profit
    order = trade_order(profits, inputs.capital, seed=run.seed)
    drawn = redraw_trades(profits, inputs.capital, seed=run.seed)
    return {"trade_order": asdict(order) if order else None, "redrawn_trades": asdict(drawn) if drawn else None}


def _noise(run: OptimizationRun, inputs: Inputs, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The first objective of the best trial over bars with noise on their prices; None with several instruments."""
    if len(inputs.legs) > 1:
        return None
    objective, leg, setup = inputs.goal.objectives[0], inputs.legs[0], inputs.setup
    config = RunConfig(
        leg.code,
        inputs.interval,
        setup.capital,
        setup.volume,
        leg.costs,
        close_at_end=setup.close_at_end,
        rules=setup.rules,
        facts=leg.facts,
        form=setup.form,
    )
    found = noise_test(
        leg.bars,
        config,
        lambda: registry.create(run.strategy, parameters),
        lambda result: objective.score(inputs.statistics(result)),
        runs=NOISE_RUNS,
        seed=run.seed,
    )
    return {
        "objective": objective.name,
        "value": found.value,
        "ticks": found.ticks,
        "runs": found.runs,
        "spread": asdict(found.spread) if found.spread else None,
        "kept": found.kept,
        "loss": found.loss,
    }
