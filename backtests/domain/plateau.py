"""Does the best trial stand on a plateau or on a needle? How well its neighbours do, 0 to 1.

``score = mean over the neighbours of clip((value - middle) / (best - middle), 0, 1)``, where ``middle`` is the
median value of all trials: 1 where the neighbours are as good as the best, 0 where they are no better than any
trial taken by chance. A neighbour without a value (an undefined statistic, a refused pair) counts 0. What is
found by chance has no good neighbours; what is there in the market seldom vanishes by one bar more.

Which trials are neighbours:

- On a *grid* (at least half of all combinations of the values that occur were tried, and no step between two
  values is more than ``EVEN`` times another): those that differ by at most one step in every number, up to
  ``3 ** d - 1`` of them. A step leads to the next value that was tried.
- *Scattered* trials (random, TPE): those within a tenth of the tried range in every number, but not nearer than a
  hundredth in all of them: an optimiser that closes in on a point repeats it rather than tests it. With fewer
  than ``2 * d`` such trials the nearest ``2 * d`` serve.

Parameters that are words or switches must be equal in both cases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Value = int | float | bool | str

NEAR = 0.1
SAME = 0.01
EVEN = 4.0


@dataclass(frozen=True, slots=True)
class Plateau:
    """``score`` 0 to 1 with what it was made of.

    ``best`` is the index of the trial, ``grid`` says how its ``neighbours`` were found;
    ``around`` is the mean value of the neighbours that have one, None if none has.
    """

    score: float
    best: int
    best_value: float
    middle: float
    around: float | None
    neighbours: tuple[int, ...]
    grid: bool


def plateau(
    parameters: Sequence[Mapping[str, Value]],
    values: Sequence[float | None],
    *,
    best: int | None = None,
    maximise: bool = True,
) -> Plateau | None:
    """The plateau around trial ``best`` (unless given, the first with the best value) among all trials.

    ``parameters`` and ``values`` have one entry a trial, all with the same names; None and NaN are undefined. A
    repeated point counts once, with its first value. None where no trial has a value, ``best`` has none, or it has
    no neighbour.
    """
    heights = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    heights = heights if maximise else -heights
    heights[~np.isfinite(heights)] = np.nan
    if np.isnan(heights).all():
        return None
    top = int(np.nanargmax(heights)) if best is None else best
    near, grid = _neighbours(parameters, top)
    if np.isnan(heights[top]) or not len(near):
        return None
    middle = float(np.nanmedian(heights))
    sign = 1.0 if maximise else -1.0
    around = heights[near][~np.isnan(heights[near])]
    return Plateau(
        score=_score(heights[near], float(heights[top]), middle),
        best=top,
        best_value=sign * float(heights[top]),
        middle=sign * middle,
        around=sign * float(around.mean()) if len(around) else None,
        neighbours=tuple(int(trial) for trial in near),
        grid=grid,
    )


def _score(around: Floats, best: float, middle: float) -> float:
    """The mean share of the way from the middle to the best; where there is no way, all trials are alike."""
    shares = np.where(np.isnan(around), 0.0, 1.0)
    height = best - middle
    if height > 1e-12 * max(abs(best), abs(middle)):
        shares *= np.clip((np.nan_to_num(around) - middle) / height, 0.0, 1.0)
    return float(shares.mean())


def _neighbours(parameters: Sequence[Mapping[str, Value]], top: int) -> tuple[npt.NDArray[np.int64], bool]:
    """The trials that count as neighbours of ``top``, ascending, and whether they lie on a grid."""
    names = list(parameters[top])
    words = [name for name in names if not _is_number(parameters[top][name])]
    trials = _distinct([tuple(row[name] for name in names) for row in parameters])
    numbers = [np.array([parameters[trial][name] for trial in trials], float) for name in names if name not in words]
    columns = [column for column in numbers if np.ptp(column) > 0]
    if not columns:
        return trials[:0], False
    grid = _fills_grid(parameters, trials, names) and all(_is_even(column) for column in columns)
    away = _steps(columns) if grid else _shares(columns)
    here = int(np.flatnonzero(trials == _first_of(parameters, top, trials, names))[0])
    distance = np.abs(away - away[here]).max(axis=1, initial=0.0)
    for name in words:
        distance[[parameters[trial][name] != parameters[top][name] for trial in trials]] = np.inf
    distance[here] = np.inf
    chosen = distance <= 1.0 if grid else _within(distance, 2 * len(columns))
    return trials[chosen], grid


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distinct(points: Sequence[tuple[Value, ...]]) -> npt.NDArray[np.int64]:
    """The first trial at each point, ascending."""
    first: dict[tuple[Value, ...], int] = {}
    for trial, point in enumerate(points):
        first.setdefault(point, trial)
    return np.array(list(first.values()), dtype=np.int64)


def _first_of(
    parameters: Sequence[Mapping[str, Value]], top: int, trials: npt.NDArray[np.int64], names: Sequence[str]
) -> int:
    """The trial among ``trials`` that stands for the point of ``top``."""
    point = [parameters[top][name] for name in names]
    return next(int(trial) for trial in trials if [parameters[trial][name] for name in names] == point)


def _fills_grid(parameters: Sequence[Mapping[str, Value]], trials: npt.NDArray[np.int64], names: Sequence[str]) -> bool:
    """Whether at least half of all combinations of the values that occur were tried."""
    combinations = 1
    for name in names:
        combinations *= len({parameters[trial][name] for trial in trials})
    return 2 * len(trials) >= combinations


def _is_even(column: Floats) -> bool:
    """Whether the values that occur lie at steps of about the same size."""
    steps = np.diff(np.unique(column))
    return bool(steps.max() <= EVEN * steps.min())


def _steps(columns: Sequence[Floats]) -> Floats:
    """Every number as its place among the values that occur: shape ``(trials, numbers)``."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in columns], axis=1).astype(np.float64)


def _shares(columns: Sequence[Floats]) -> Floats:
    """Every number as a share of the range that was tried: shape ``(trials, numbers)``."""
    return np.stack([(column - column.min()) / np.ptp(column) for column in columns], axis=1)


def _within(distance: Floats, least: int) -> npt.NDArray[np.bool_]:
    """The trials between ``SAME`` and ``NEAR``; if they are fewer than ``least``, the nearest beyond ``SAME``."""
    apart = distance > SAME
    inside = apart & (distance <= NEAR)
    if inside.sum() >= least:
        return inside
    reach = np.sort(distance[apart & np.isfinite(distance)])[:least]
    return apart & (distance <= (reach[-1] if len(reach) else -1.0))
