"""Optuna's samplers, asked a generation at a time: the study is built anew from the stored trials each time.

No state lives outside of the rows: a killed worker loses nothing, and since every generation has a fixed size and
a seed of its own, the points do not depend on how many workers there are or who finished first. Imported by
workers only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, create_trial

from backtests.domain.search_space import MOST_DRAWS, Dimension, SearchSpace, empty_space
from backtests.optimise.models import Method

TPE_GENERATION = 20
"""Points asked at once: enough for the workers of a machine, few enough to learn from."""

TPE_STARTUP = 20
"""Random points before the first learned one."""

POPULATION = 50
"""Of NSGA-II: one generation."""

Point = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored trial as the sampler needs it: more is better in ``scores``, ``violation`` above 0 is infeasible."""

    point: Mapping[str, Any]
    scores: Sequence[float | None]
    violation: float
    generation: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A generation: parameters of each trial, and how many refused points were drawn."""

    points: list[Point]
    refused: int


def generation_size(method: str) -> int:
    """Trials of one generation."""
    return POPULATION if method == Method.NSGA2 else TPE_GENERATION


def ask(
    method: str, space: SearchSpace, seen: Sequence[Seen], *, seed: int, generation: int, objectives: int, count: int
) -> Asked:
    """The next ``count`` points after all trials of the generations before.

    Points that the strategy refuses are drawn again and never told. Raises ``RuleError`` ``empty_space`` where
    nothing else comes.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=_sampler(method, (seed * 1_000_003 + generation) % 2**32, generation),
        directions=["maximize"] * objectives,
    )
    distributions = {dimension.name: _distribution(dimension) for dimension in space.dimensions}
    study.add_trials(_told(seen, distributions, objectives))
    points: list[Point] = []
    refused = 0
    while len(points) < count:
        trial = study.ask(distributions)
        drawn = {dimension.name: dimension.snap(trial.params[dimension.name]) for dimension in space.dimensions}
        accepted = space.accept(drawn)
        if accepted is None:
            refused += 1
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            if refused > MOST_DRAWS + 100 * len(points):
                raise empty_space()
        else:
            points.append(accepted)
    return Asked(points, refused)


def _sampler(method: str, seed: int, generation: int) -> BaseSampler:
    if method == Method.NSGA2:
        return NSGAIISampler(population_size=POPULATION, seed=seed)
    startup = TPE_STARTUP if generation == 0 else 0
    return TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True)


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.listed:
        return CategoricalDistribution(list(dimension.listed))
    size = dimension.size
    if size is None:
        return FloatDistribution(dimension.low, dimension.high)
    last = dimension.value(size - 1)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(last), step=int(dimension.step or 1))
    return FloatDistribution(dimension.low, float(last), step=dimension.step)


def _told(seen: Sequence[Seen], distributions: Mapping[str, BaseDistribution], objectives: int) -> list[FrozenTrial]:
    """The stored trials as finished ones; what is undefined counts as the worst there was, and as infeasible."""
    columns = [[_score(trial, place) for trial in seen] for place in range(objectives)]
    worst = [min((score for score in column if score is not None), default=0.0) for column in columns]
    return [
        create_trial(
            params={name: trial.point[name] for name in distributions},
            distributions=dict(distributions),
            values=[low if score is None else score for score, low in zip(scores, worst, strict=True)],
            constraints={"violation": trial.violation},
            system_attrs={NSGAIISampler._get_generation_key(): trial.generation},
        )
        for trial, *scores in zip(seen, *columns, strict=True)
    ]


def _score(trial: Seen, place: int) -> float | None:
    """One score of a trial; None for one that failed."""
    return trial.scores[place] if place < len(trial.scores) else None
