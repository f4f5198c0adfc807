"""The trials of an optimisation as columns, for its charts: a whole grid by place, scattered trials by a sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import F, Q

from backtests.domain.search_space import Dimension, SearchSpace, read_space
from backtests.optimise.models import Method, OptimizationRun
from strategies import registry

FETCH = 10_000
FAR = 3.0
MOST_SIDE = 120
"""Cells of a map on either side; of a larger grid neighbouring points share one."""

MOST_POINTS = 4_000
"""Scattered trials that are drawn: every second, third ... of more."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of a map: its values as texts, one a place."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """A map over two parameters: one row a cell that was tried, all of shape ``(cells,)``.

    ``value`` is the mean of the first objective over the feasible trials of the cell (NaN where there is none),
    ``trials`` how many trials share the cell; ``x`` and ``y`` are places on the axes. ``best`` is the place of the
    best trial, None without one; ``around`` are its neighbours by which the plateau is judged.
    """

    x_axis: Axis
    y_axis: Axis
    x: Floats
    y: Floats
    value: Floats
    trials: npt.NDArray[np.int64]
    best: tuple[float, float] | None
    around: tuple[tuple[float, float], ...]
    others: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scattered:
    """Trials in the order of their numbers: parameters and objectives by name, all of shape ``(trials,)``."""

    number: npt.NDArray[np.int64]
    parameters: dict[str, list[Any]]
    objectives: dict[str, Floats]
    feasible: Flags
    total: int


def space_of_run(run: OptimizationRun) -> SearchSpace:
    """The search space of a stored request. Raises ``RuleError`` where the strategy has changed since."""
    parameters = registry.parameters_of(run.strategy)
    return read_space(parameters, run.space, run.fixed, grid=run.method == Method.GRID)


def signs_of(run: OptimizationRun) -> dict[str, int]:
    """Objective -> 1 where more is better, else -1."""
    return {asked["name"]: 1 if asked["direction"] == "maximise" else -1 for asked in run.objectives}


def scores_of(run: OptimizationRun) -> tuple[Floats, Flags]:
    """The first objective of every trial that has one, as the statistics have it, and whether it is feasible."""
    rows = run.trials.exclude(score=None).order_by().values_list("score", "feasible")
    found = np.fromiter(rows.iterator(FETCH), dtype=[("score", np.float64), ("feasible", np.bool_)])
    sign = next(iter(signs_of(run).values()))
    return sign * found["score"], found["feasible"]


def cells_of(run: OptimizationRun, x: str, y: str) -> Cells | None:
    """The map of a grid over ``x`` and ``y``; other parameters stay at the best trial's values.

    None where the run is no grid or has no trial.
    """
    space = space_of_run(run)
    sizes = [dimension.size for dimension in space.dimensions]
    if run.method != Method.GRID or None in sizes:
        return None
    rows = run.trials.order_by("number").values_list("number", "score", "feasible")
    kinds = [("number", np.int64), ("score", np.float64), ("feasible", np.bool_)]
    found = np.fromiter(
        ((number, np.nan if score is None else score, feasible) for number, score, feasible in rows.iterator(FETCH)),
        dtype=kinds,
    )
    if not len(found):
        return None
    found["score"] *= next(iter(signs_of(run).values()))
    return _laid_out(run, space, found, (x, y))


def _laid_out(run: OptimizationRun, space: SearchSpace, found: Any, names_of_axes: tuple[str, str]) -> Cells:
    x, y = names_of_axes
    shape = tuple(dimension.size or 1 for dimension in space.dimensions)
    names = [dimension.name for dimension in space.dimensions]
    places = dict(zip(names, np.unravel_index(found["number"], shape), strict=True))
    best = _places(run.best.get("number"), names, shape)
    here = best or {name: int(column[0]) for name, column in places.items()}
    others = [name for name in names if name not in {x, y}]
    chosen = np.ones(len(found), dtype=np.bool_)
    for name in others:
        chosen &= places[name] == here[name]
    dimensions = {dimension.name: dimension for dimension in space.dimensions}
    steps = [max(1, -(-(dimensions[name].size or 1) // MOST_SIDE)) for name in (x, y)]
    near = (run.overfitting.get("plateau") or {}).get("neighbours", [])
    around = [_places(number, names, shape) for number in near] if run.best else []
    axes = [_axis(dimensions[name], step) for name, step in zip((x, y), steps, strict=True)]
    rows = _joined(
        places[x][chosen] // steps[0],
        places[y][chosen] // steps[1],
        np.where(found["feasible"], found["score"], np.nan)[chosen],
        len(axes[1].labels),
    )
    return Cells(
        axes[0],
        axes[1],
        *rows,
        best=(best[x] // steps[0], best[y] // steps[1]) if best else None,
        around=tuple(
            (place[x] // steps[0], place[y] // steps[1])
            for place in around
            if place and steps == [1, 1] and all(place[name] == here[name] for name in others)
        ),
        others={name: dimensions[name].value(here[name]) for name in others},
    )


def _places(number: int | None, names: list[str], shape: tuple[int, ...]) -> dict[str, int] | None:
    """Where a trial of a grid lies, by parameter."""
    if number is None:
        return None
    return {name: int(place) for name, place in zip(names, np.unravel_index(number, shape), strict=True)}


def _axis(dimension: Dimension, step: int) -> Axis:
    places = range(0, dimension.size or 0, step)
    return Axis(dimension.name, tuple(text_of(dimension.value(place)) for place in places))


def _joined(x: Any, y: Any, value: Floats, width: int) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """One row a cell: its places, the mean value of what is feasible in it, how many trials it has."""
    keys, cell, trials = np.unique(x * width + y, return_inverse=True, return_counts=True)
    known = np.isfinite(value)
    sums = np.bincount(cell[known], value[known], len(keys))
    counts = np.bincount(cell[known], minlength=len(keys))
    means = np.divide(sums, counts, out=np.full(len(keys), np.nan), where=counts > 0)
    return (keys // width).astype(np.float64), (keys % width).astype(np.float64), means, trials


def scattered_of(run: OptimizationRun) -> Scattered:
    """A sample of the trials, evenly spread over their numbers, always with the best one and the Pareto front."""
    total = run.trials.count()
    step = max(1, -(-total // MOST_POINTS))
    rows = run.trials.all()
    if step > 1:
        keep = [*run.front[:MOST_POINTS], *([run.best["number"]] if run.best else [])]
        rows = rows.annotate(rest=F("number") % step).filter(Q(rest=0) | Q(number__in=keep))
    names = list(run.space)
    signs = signs_of(run)
    found = list(rows.order_by("number").values_list("number", "parameters", "objectives", "feasible"))
    return Scattered(
        np.array([number for number, *_rest in found], dtype=np.int64),
        {name: [point.get(name) for _number, point, *_rest in found] for name in names},
        {
            name: np.array([_turned(scores, place, sign) for _n, _p, scores, _f in found], dtype=np.float64)
            for place, (name, sign) in enumerate(signs.items())
        },
        np.array([feasible for *_rest, feasible in found], dtype=np.bool_),
        total,
    )


def _turned(scores: list[float | None], place: int, sign: int) -> float:
    value = scores[place] if place < len(scores) else None
    return np.nan if value is None else sign * value


def in_view(values: Floats, always: Floats) -> tuple[float, float]:
    """From where to where an axis shows ``values``: far-out ones are left out, ``always`` never.

    Far out is what lies more than three times the middle half beyond it.
    """
    first, third = np.quantile(values, (0.25, 0.75))
    reach = FAR * (third - first)
    low = min(float(values[values >= first - reach].min()), float(always.min(initial=np.inf)))
    high = max(float(values[values <= third + reach].max()), float(always.max(initial=-np.inf)))
    return low, high


def beyond(values: Floats, view: tuple[float, float]) -> int:
    """How many values an axis leaves out."""
    return int(((values < view[0]) | (values > view[1])).sum())


def text_of(value: Any) -> str:
    """A parameter's value, numbers without needless digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
