"""What is asked of a trial."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.objectives import MINIMISED, Constraint, Goal, pareto_front, statistic_names
from quantsite.common.errors import RuleError

FIGURES = {"sharpe": 1.5, "max_drawdown": -0.2, "trade_count": 30, "commission": 12.0, "calmar": None}


def test_every_statistic_of_the_standard_block_may_be_asked_for() -> None:
    names = statistic_names()
    assert {"sharpe", "net_profit", "total_return", "max_drawdown", "win_rate", "payoff_ratio"} <= set(names)
    assert MINIMISED - {"tracking_error"} <= set(names)
    for name in names:
        assert Goal.read([name], []).objectives[0].name == name


def test_directions_are_known_and_can_be_turned() -> None:
    goal = Goal.read(["sharpe", "commission", "trade_count:min", {"name": "max_drawdown", "direction": "maximise"}], [])
    assert [objective.sign for objective in goal.objectives] == [1, -1, -1, 1]
    assert goal.scores(FIGURES) == [1.5, -12.0, -30.0, -0.2]
    assert Goal.read([objective.document() for objective in goal.objectives], []) == goal


@pytest.mark.parametrize(
    ("text", "holds", "violation"),
    [
        ("max_drawdown>=-0.2", True, 0.0),
        ("max_drawdown>-0.2", False, 1.0),
        ("trade_count >= 31", False, 1.0),
        ("sharpe<=1", False, 0.5),
        ("sharpe<2", True, 0.0),
        ("trade_count==30", True, 0.0),
        ("calmar>=0", False, 1.0),
    ],
)
def test_constraints(text: str, holds: bool, violation: float) -> None:
    [limit] = Goal.read(["sharpe"], [text]).constraints
    assert limit.holds(FIGURES) is holds
    assert limit.violation(FIGURES) == pytest.approx(violation)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_stored_limit_keeps_every_digit(number: float) -> None:
    text = str(Constraint("sharpe", ">=", number))
    assert Goal.read(["sharpe"], [text]).constraints == (Constraint("sharpe", ">=", number),)


def test_an_undefined_objective_is_not_feasible() -> None:
    assert Goal.read(["sharpe"], []).feasible(FIGURES)
    assert not Goal.read(["calmar"], []).feasible(FIGURES)
    assert not Goal.read(["sharpe"], ["trade_count>30"]).feasible(FIGURES)


@pytest.mark.parametrize(
    ("objectives", "constraints", "field"),
    [
        (["nonsense"], [], "objectives"),
        (["sharpe:up"], [], "objectives"),
        (["sharpe", "sharpe:min"], [], "objectives"),
        ([], [], "objectives"),
        (["sharpe", "calmar", "sortino", "omega", "win_rate"], [], "objectives"),
        (["sharpe"], ["sharpe=1"], "constraints"),
        (["sharpe"], ["sharpe>=nan"], "constraints"),
        (["sharpe"], ["sharpe>=x"], "constraints"),
        (["sharpe"], ["sharp>=1"], "constraints"),
    ],
)
def test_refusals(objectives: list[str], constraints: list[str], field: str) -> None:
    with pytest.raises(RuleError) as refusal:
        Goal.read(objectives, constraints)
    assert list(refusal.value.fields) == [field]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int, int]]) -> None:
    def beaten(one: tuple[int, ...]) -> bool:
        return any(all(a >= b for a, b in zip(other, one, strict=True)) and other != one for other in points)

    expected = [place for place, one in enumerate(points) if not beaten(one)]
    assert pareto_front(np.array(points, dtype=np.float64).reshape(-1, 3)) == expected
