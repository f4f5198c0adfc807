"""Ranges, lists and grids; every point the same as typed by hand."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.search_space import SearchSpace, read_space
from quantsite.common.errors import RuleError
from strategies.domain.parameters import StrategyParameters, parameter


@dataclass(frozen=True)
class Parameters(StrategyParameters):
    """One of each kind, and a rule between two."""

    fast: int = parameter(10, minimum=1, maximum=500)
    slow: int = parameter(30, minimum=2, maximum=500)
    width: float = parameter(2.0, minimum=0.0, maximum=10.0)
    mode: str = parameter("breakout", choices=("breakout", "reversion"))
    both: bool = parameter(default=True)

    def check(self) -> dict[str, str]:
        """Fast below slow."""
        return {} if self.fast < self.slow else {"fast": "fast must be below slow"}


def space(asked: dict[str, Any], fixed: dict[str, Any] | None = None, *, grid: bool = True) -> SearchSpace:
    """The space over the parameters above."""
    return read_space(Parameters, asked, fixed or {}, grid=grid)


def values(asked: Any, name: str = "fast") -> list[Any]:
    """All values of one dimension."""
    [dimension] = space({name: asked}, {"slow": 500} if name == "fast" else None).dimensions
    assert dimension.size is not None
    return [dimension.value(place) for place in range(dimension.size)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("5:8:1", [5, 6, 7, 8]),
        ("5:24:10", [5, 15]),
        ("5:7", [5, 6, 7]),
        ("7", [7]),
        ("3,9,4", [3, 9, 4]),
        ([3, "4"], [3, 4]),
        ({"low": 5, "high": 9, "step": 2}, [5, 7, 9]),
        (6, [6]),
    ],
)
def test_what_was_typed_is_what_is_tried(asked: Any, expected: list[int]) -> None:
    found = values(asked)
    assert found == expected
    assert all(type(value) is int for value in found)


def test_decimal_steps_give_the_numbers_that_a_person_types() -> None:
    assert values("0:1:0.1", "width") == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert values("0.1:0.3:0.1", "width")[-1] == 0.3


def test_switches_and_words_are_lists() -> None:
    assert values("reversion,breakout", "mode") == ["reversion", "breakout"]
    assert values("true,false", "both") == [True, False]


def test_the_grid_is_nested_loops_in_the_order_of_the_parameters() -> None:
    grid = space({"slow": "20:30:10", "fast": "1:3:1"})
    assert grid.size == 6
    points = [tuple(grid.point(number).values()) for number in range(6)]
    assert points == [(1, 20), (1, 30), (2, 20), (2, 30), (3, 20), (3, 30)]


def test_the_document_reads_back_to_the_same_space() -> None:
    asked = {"fast": "1:9:2", "width": "0.5:1.5:0.25", "mode": "breakout,reversion"}
    first = space(asked, {"slow": "100"})
    again = space(first.document(), dict(first.fixed))
    assert again == first
    assert first.fixed == {"slow": 100}


def test_points_that_the_strategy_refuses_are_no_points() -> None:
    grid = space({"fast": "10:40:10", "slow": "20:30:10"})
    accepted = [grid.accept(grid.point(number)) for number in range(8)]
    pairs = [(one["fast"], one["slow"]) for one in accepted if one]
    assert pairs == [(10, 20), (10, 30), (20, 30)]
    assert accepted[0] == {"fast": 10, "slow": 20, "width": 2.0, "mode": "breakout", "both": True}


@given(seed=st.integers(0, 2**63 - 1), number=st.integers(0, 10**6))
def test_a_random_trial_depends_on_seed_and_number_alone(seed: int, number: int) -> None:
    random = space({"fast": "1:50", "slow": "2:60", "width": "0:3"}, grid=False)
    point, refused = random.draw(seed, number)
    assert random.draw(seed, number) == (point, refused)
    assert 1 <= point["fast"] < point["slow"] <= 60
    assert 0.0 <= point["width"] <= 3.0


def test_random_trials_cover_the_space_evenly() -> None:
    random = space({"fast": "1:4"}, {"slow": 9}, grid=False)
    drawn = [random.draw(3, number)[0]["fast"] for number in range(4_000)]
    counts = np.bincount(drawn, minlength=5)[1:]
    assert counts.min() > 900


def test_what_a_sampler_rounded_is_put_back() -> None:
    [dimension] = space({"width": "0:1:0.1"}).dimensions
    assert dimension.snap(0.30000000000000004) == 0.3


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({"fast": "9:5:1"}, {}, "fast", "swap them"),
    ({"fast": "5:9:0"}, {}, "fast", "whole number above 0"),
    ({"fast": "5:9:0.5"}, {}, "fast", "whole number above 0"),
    ({"fast": "0:9:1"}, {}, "fast", "at least 1"),
    ({"fast": "5:501:1"}, {}, "fast", "at most 500"),
    ({"fast": "a:b"}, {}, "fast", "whole number"),
    ({"fast": "1:2:3:4"}, {}, "fast", "a:b:step"),
    ({"fast": "3,3"}, {}, "fast", "differ"),
    ({"fast": []}, {}, "fast", "differ"),
    ({"width": "0:1"}, {}, "width", "needs a step"),
    ({"mode": "a:b"}, {}, "mode", "a list such as"),
    ({"mode": "breakout,sideways"}, {}, "mode", "one of"),
    ({"fats": "1:2"}, {}, "fats", "Did you mean 'fast'?"),
    ({"fast": "1:2"}, {"fast": 3}, "fast", "both searched and fixed"),
    ({"fast": "1:2"}, {"slow": "x"}, "slow", "whole number"),
    ({}, {}, "space", "at least one"),
    ({"fast": "50:60", "slow": "2:9"}, {}, "space", "refuses every combination"),
    ({"fast": "1:500", "slow": "2:500", "width": "0:10:0.1"}, {}, "space", "at most"),
    ({"width": "0:10:0.000001"}, {}, "width", "at most"),
]


@pytest.mark.parametrize(("asked", "fixed", "field", "text"), REFUSED)
def test_each_refusal_names_the_input_and_the_fix(
    asked: dict[str, Any], fixed: dict[str, Any], field: str, text: str
) -> None:
    with pytest.raises(RuleError) as refusal:
        space(asked, fixed)
    assert text in refusal.value.fields[field]


def test_a_fixed_value_may_stand_ill_with_a_default_that_is_searched() -> None:
    """slow=5 is below the default of fast, but fast is searched."""
    grid = space({"fast": "2:4:1"}, {"slow": 5})
    assert [grid.accept(grid.point(number)) is not None for number in range(3)] == [True, True, True]
