"""Runs beside each other: what differs, the best of a row, how days move together."""

import numpy as np
import pytest

from backtests.domain.comparison import correlations, different_facts, figure_rows, rebased

CAPITAL = 100.0


def test_only_facts_that_differ_are_told_by_their_path() -> None:
    one = {"strategy": "a", "parameters": {"fast": 5, "slow": 9}, "costs": {"fees": [1]}}
    other = {"strategy": "a", "parameters": {"fast": 6, "slow": 9, "mode": "x"}, "costs": {"fees": [2]}}
    assert [(row.name, row.values) for row in different_facts([one, other])] == [
        ("parameters.fast", (5, 6)),
        ("costs.fees", ([1], [2])),
        ("parameters.mode", (None, "x")),
    ]


@pytest.mark.parametrize(
    ("name", "values", "best", "differences"),
    [
        ("sharpe", (1.0, 3.0, 2.0), (1,), (0.0, 2.0, 1.0)),
        ("annual_volatility", (0.2, 0.1, None), (1,), (0.0, -0.1, None)),
        ("max_drawdown", (-0.3, -0.1, -0.1), (1, 2), (0.0, 0.2, 0.2)),
        ("sharpe", (1.0, 1.0, 1.0), (), (0.0, 0.0, 0.0)),
        ("sharpe", (None, 1.0, None), (), (None, None, None)),
        ("trade_count", (5, 9, 7), (), (0, 4, 2)),
        ("max_drawdown_peak_day", (20240102, 20240105, None), (), (None, None, None)),
    ],
)
def test_the_best_of_a_row_and_how_far_the_others_are_from_the_first(
    name: str, values: tuple[float | None, ...], best: tuple[int, ...], differences: tuple[float | None, ...]
) -> None:
    [row] = figure_rows([{"standard": {name: value}} for value in values])
    assert (row.block, row.name, row.values, row.best) == ("standard", name, values, best)
    assert row.differences == pytest.approx(differences)


def test_a_figure_that_only_one_run_has_is_undefined_for_the_others() -> None:
    rows = figure_rows([{"standard": {"sharpe": 1.0}}, {"standard": {"sharpe": 2.0, "alpha": 0.5}, "vnpy": {}}])
    assert [(row.name, row.values) for row in rows] == [("sharpe", (1.0, 2.0)), ("alpha", (None, 0.5))]


def test_rebased_equity_starts_from_100() -> None:
    assert rebased(np.array([110.0, 99.0]), 110.0).tolist() == [100.0, 90.0]


def test_correlations_are_of_the_days_that_both_runs_have() -> None:
    generator = np.random.default_rng(5)
    days = np.arange(19_000, 19_040, dtype=np.int32)
    returns = generator.normal(0, 0.01, (2, 40))
    equity = CAPITAL * np.cumprod(1 + returns, axis=1)
    late = slice(10, None)
    runs = [(days, equity[0], CAPITAL), (days[late], equity[1][late], float(equity[1][9])), (days, equity[0], CAPITAL)]
    matrix = correlations(runs)
    expected = np.corrcoef(returns[0][late], returns[1][late])[0, 1]
    assert matrix[0][1].days == 30
    assert matrix[0][1].value == pytest.approx(expected)
    assert matrix[1][0] == matrix[0][1]
    assert [matrix[0][2].value, matrix[0][0].value] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("days", "equity"),
    [([1, 2], [101.0, 102.0]), ([1, 2, 3], [100.0, 100.0, 100.0]), ([1, 2, 3], [50.0, -5.0, 20.0])],
)
def test_a_correlation_that_says_nothing_is_undefined(days: list[int], equity: list[float]) -> None:
    steady = (np.array([1, 2, 3], np.int32), np.array([101.0, 103.0, 102.0]), CAPITAL)
    other = (np.array(days, np.int32), np.array(equity), CAPITAL)
    assert correlations([steady, other])[0][1] == (None, len(days))
