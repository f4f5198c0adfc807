"""The figures that empyrical-reloaded defines too, to 1e-9, where its definition is ours and its own code is right.

Not compared: where it gives NaN, infinity or a number made of rounding and we give None (no deviation, no losing
day), and ``information_ratio``, which it has per day.
"""

import math

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backtests.domain.statistics import standard
from backtests.domain.statistics_tables import monthly_returns, rolling
from backtests.tests.domain.statistics_cases import result_of

RETURNS = st.lists(st.floats(-0.09, 0.09).map(lambda step: round(step, 5)), min_size=3, max_size=150)
THEIRS = {
    "total_return": empyrical.cum_returns_final,
    "annual_return": empyrical.annual_return,
    "annual_volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "calmar": empyrical.calmar_ratio,
    "omega": empyrical.omega_ratio,
    "tail_ratio": empyrical.tail_ratio,
    "stability": empyrical.stability_of_timeseries,
    "var_95": empyrical.value_at_risk,
    "cvar_95": empyrical.conditional_value_at_risk,
    "max_drawdown": empyrical.max_drawdown,
}


def _equity(returns: list[float]) -> list[float]:
    return [float(value) for value in 100.0 * np.cumprod(1 + np.array(returns))]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(RETURNS.filter(lambda steps: max(steps) - min(steps) > 1e-4 and min(steps) < 0))
@settings(max_examples=80, deadline=None)
def test_the_block(steps: list[float]) -> None:
    figures = standard(result_of(_equity(steps)), 100.0)
    returns = pd.Series(steps)
    for name, function in THEIRS.items():
        wanted = float(function(returns))
        if figures[name] is None:  # a 5th percentile of 0, a line that never moves after the first day
            assert name in ("tail_ratio", "stability"), name
        else:
            assert figures[name] == pytest.approx(wanted, rel=1e-9, abs=1e-9), name


@given(st.lists(st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)), min_size=5, max_size=120))
@settings(max_examples=60, deadline=None)
def test_beside_a_benchmark(steps: list[tuple[float, float]]) -> None:
    own, other = ([round(step[side], 5) for step in steps] for side in (0, 1))
    assume(np.std(other) > 0.005)  # a flatter one has a beta of hundreds, made of rounding
    assume(np.std(np.subtract(own, other)) > 1e-4)
    figures = standard(result_of(_equity(own)), 100.0, benchmark=np.array(other))
    returns, factor = pd.Series(own), pd.Series(other)
    assert figures["beta"] == pytest.approx(float(empyrical.beta(returns, factor)), rel=1e-7, abs=1e-9)
    assert figures["alpha"] == pytest.approx(float(empyrical.alpha(returns, factor)), rel=1e-6, abs=1e-9)
    daily = float(empyrical.excess_sharpe(returns, factor))
    assert figures["information_ratio"] == pytest.approx(daily * math.sqrt(252), rel=1e-6, abs=1e-9)


def test_months_and_windows_of_three_years() -> None:
    steps = np.random.default_rng(5).normal(0.0003, 0.01, 750)
    index = pd.bdate_range("2021-03-15", periods=750)
    returns = pd.Series(steps, index=index)
    equity = np.asarray(100.0 * np.cumprod(1 + steps), dtype=np.float64)
    rows = monthly_returns(index.to_numpy().astype("datetime64[D]").astype(np.int32), equity, 100.0)
    found = {
        (row.year, month + 1): value for row in rows for month, value in enumerate(row.months) if value is not None
    }
    assert found == pytest.approx(empyrical.aggregate_returns(returns, "monthly").to_dict(), abs=1e-12)
    assert {row.year: row.total for row in rows} == pytest.approx(
        empyrical.aggregate_returns(returns, "yearly").to_dict(), abs=1e-12
    )
    window = rolling(steps, 60, 252)
    assert window.sharpe[59:] == pytest.approx(empyrical.roll_sharpe_ratio(returns, window=60).to_numpy(), rel=1e-9)
