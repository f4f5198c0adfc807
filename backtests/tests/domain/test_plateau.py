"""The plateau score: hills, needles and noise of which the answer is known."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.plateau import Plateau, plateau

Points = list[dict[str, Any]]

GRID: Points = [{"fast": fast, "slow": slow} for fast, slow in product(range(5, 25), range(30, 80, 5))]


def of(points: Points, values: Sequence[float | None], **options: bool) -> Plateau:
    found = plateau(points, values, **options)
    assert found is not None
    return found


def around(fast: int, slow: int) -> set[tuple[int, int]]:
    """The neighbours on the grid by hand: a step is 1 in ``fast`` and 5 in ``slow``."""
    return {(fast + a, slow + b) for a in (-1, 0, 1) for b in (-5, 0, 5)} - {(fast, slow)}


def test_neighbours_on_a_grid_are_one_step_away_in_every_direction() -> None:
    values = [-abs(point["fast"] - 12) - abs(point["slow"] - 50) / 5 for point in GRID]
    found = of(GRID, values)
    assert found.grid
    assert GRID[found.best] == {"fast": 12, "slow": 50}
    assert {(GRID[trial]["fast"], GRID[trial]["slow"]) for trial in found.neighbours} == around(12, 50)
    middle = float(np.median(values))
    assert found.middle == middle
    assert found.score == pytest.approx(np.mean([(-1 - middle) / -middle] * 4 + [(-2 - middle) / -middle] * 4))
    assert found.around == pytest.approx(-1.5)


def test_a_corner_has_three_neighbours() -> None:
    found = of(GRID, [point["fast"] + point["slow"] for point in GRID])
    assert {(GRID[trial]["fast"], GRID[trial]["slow"]) for trial in found.neighbours} == {(23, 75), (23, 70), (24, 70)}


def test_a_hill_scores_high_a_needle_nothing() -> None:
    hill = [-(((point["fast"] - 14) / 10) ** 2) - ((point["slow"] - 55) / 25) ** 2 for point in GRID]
    assert of(GRID, hill).score > 0.9
    needle = [10.0 if point == {"fast": 14, "slow": 55} else 0.0 for point in GRID]
    assert of(GRID, needle).score == 0.0
    level = [1.0] * len(GRID)
    assert of(GRID, level).score == 1.0


def test_noise_scores_little() -> None:
    """The mean over 200 grids of noise: half the neighbours lie below the middle, the others a third of the way up."""
    random = np.random.default_rng(1)
    scores = [of(GRID, list(random.normal(size=len(GRID)))).score for _ in range(200)]
    assert np.mean(scores) < 0.2


def test_scattered_trials_of_a_hill_and_of_a_needle() -> None:
    random = np.random.default_rng(2)
    points: Points = [{"a": float(a), "b": float(b)} for a, b in random.uniform(0, 1, (400, 2))]
    hill = [-((point["a"] - 0.4) ** 2) - (point["b"] - 0.6) ** 2 for point in points]
    found = of(points, hill)
    assert not found.grid
    assert found.score > 0.9
    top = points[found.best]
    for trial in found.neighbours:
        apart = max(abs(points[trial][name] - top[name]) for name in "ab")
        assert 0.0099 <= apart <= 0.1
    needle: list[float | None] = [0.0] * 400
    needle[17] = 5.0
    assert of(points, needle).score == 0.0


def test_an_optimiser_that_closes_in_on_a_needle_is_not_taken_in() -> None:
    """300 trials at nearly one point and 60 elsewhere: the crowd is the same point, not its neighbourhood."""
    random = np.random.default_rng(3)
    crowd, rest = random.normal(0.5, 0.0005, (300, 2)), random.uniform(0, 1, (60, 2))
    points: Points = [{"a": float(a), "b": float(b)} for a, b in np.concatenate((crowd, rest))]
    values = [1.0 + random.uniform(0, 0.01)] * 300 + [0.0] * 60
    found = of(points, values)
    assert set(found.neighbours) <= set(range(300, 360))
    assert len(found.neighbours) >= 4


def test_one_irregular_parameter_is_not_taken_for_a_grid() -> None:
    points: Points = [{"a": float(a)} for a in np.random.default_rng(4).uniform(0, 1, 50)]
    assert not of(points, [point["a"] for point in points]).grid
    even: Points = [{"a": a} for a in range(50)]
    assert of(even, [-abs(point["a"] - 20) for point in even]).neighbours == (19, 21)


def test_words_and_switches_must_be_the_same() -> None:
    points: Points = [{"a": a, "mode": mode, "on": on} for a, mode, on in product(range(5), "xy", (True, False))]
    values = [float(point["a"] == 2 and point["mode"] == "x" and point["on"] is True) for point in points]
    found = of(points, values)
    assert [points[trial] for trial in found.neighbours] == [
        {"a": 1, "mode": "x", "on": True},
        {"a": 3, "mode": "x", "on": True},
    ]


def test_undefined_neighbours_count_nothing_and_undefined_trials_are_never_best() -> None:
    points: Points = [{"a": a} for a in range(5)]
    found = of(points, [0.0, None, 4.0, 4.0, float("nan")])
    assert (found.best, found.neighbours, found.score) == (2, (1, 3), 0.0 / 2 + 0.5)
    assert found.around == 4.0


def test_smaller_may_be_better() -> None:
    points: Points = [{"a": a} for a in range(9)]
    values: list[float | None] = [abs(point["a"] - 6) for point in points]
    found = of(points, values, maximise=False)
    up = of(points, [-value for value in values if value is not None])
    assert (found.best, found.best_value, found.middle, found.around) == (6, 0.0, 2.0, 1.0)
    assert found.score == up.score == 0.5


def test_a_point_tried_twice_counts_once() -> None:
    points: Points = [{"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}, {"a": 3}]
    found = of(points, [0.0, 1.0, 1.0, 1.0, 0.5])
    assert found.neighbours == (0, 4)
    chosen = plateau(points, [0.0, 1.0, 1.0, 1.0, 0.5], best=3)
    assert chosen is not None
    assert (chosen.best, chosen.neighbours) == (3, (0, 4))


@pytest.mark.parametrize(
    ("points", "values", "best"),
    [
        ([{"a": 1}, {"a": 2}], [None, float("nan")], None),  # nothing known
        ([{"a": 1}], [1.0], None),  # nobody around
        ([{"a": 1}, {"a": 1}], [1.0, 2.0], None),
        ([{"mode": "x"}, {"mode": "y"}], [1.0, 2.0], None),
        ([{"a": 1}, {"a": 2}], [None, 1.0], 0),  # the chosen one has no value
    ],
)
def test_where_there_is_nothing_to_compare(points: Points, values: list[float | None], best: int | None) -> None:
    assert plateau(points, values, best=best) is None


@given(st.integers(2, 60), st.integers(1, 3), st.booleans(), st.integers(0, 500))
def test_the_score_lies_between_zero_and_one(trials: int, numbers: int, whole: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    drawn = random.uniform(0, 5, (trials, numbers))
    points = [{f"p{place}": int(x) if whole else float(x) for place, x in enumerate(row)} for row in drawn]
    values = [None if random.random() < 0.2 else float(random.normal()) for _ in range(trials)]
    found = plateau(points, values)
    if found is not None:
        assert 0.0 <= found.score <= 1.0
        assert found.best not in found.neighbours
        shifted = plateau(points, [None if value is None else 3.0 * value + 7.0 for value in values])
        assert shifted is not None
        assert shifted.score == pytest.approx(found.score, abs=1e-9), "the unit does not matter"
