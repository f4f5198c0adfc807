"""The block ``standard`` to 1e-9 against definitions written a second time, by other means.

The oracle uses pandas, scipy, the standard library's ``statistics`` and plain loops; it shares no line with
the code under test.
"""

import math
import statistics

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.domain.statistics import standard
from backtests.tests.domain.statistics_cases import equity_curves, result_of

DAYS_A_YEAR = 252


def _returns(equity: list[float]) -> pd.Series:
    return pd.Series([100.0, *equity]).pct_change().iloc[1:].reset_index(drop=True)


def _percentile(values: list[float], percent: int) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _longest_spell(equity: list[float]) -> int:
    """For each day at a peak: how many days until a later day is as high, else until the end."""
    path = [100.0, *equity]
    longest = 0
    for day, level in enumerate(path):
        if level < max(path[: day + 1]):
            continue
        later = next((other for other in range(day + 1, len(path)) if path[other] >= level), None)
        if later is None:
            longest = max(longest, len(path) - 1 - day)
        elif later > day + 1:
            longest = max(longest, later - day)
    return longest


def _close(actual: float | None, expected: float) -> bool:
    if not math.isfinite(expected):
        return actual is None
    return actual is not None and math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-9)


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_return_and_risk(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    returns = _returns(equity)
    growth = math.prod(1 + returns)
    try:
        annual = growth ** (DAYS_A_YEAR / len(returns)) - 1
    except OverflowError:
        annual = math.inf
    assert _close(figures["total_return"], growth - 1)
    assert _close(figures["annual_return"], annual)
    assert _close(figures["annual_volatility"], returns.std() * math.sqrt(DAYS_A_YEAR))
    deviation = returns.std()
    sharpe = returns.mean() / deviation * math.sqrt(DAYS_A_YEAR) if deviation > 1e-13 else math.nan
    assert deviation <= 1e-13 or _close(figures["sharpe"], sharpe)


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_downside(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    returns = _returns(equity)
    losing = [r for r in returns if r < 0]
    if len(returns) < 2 or not losing:
        assert figures["sortino"] is None
        assert figures["omega"] is None
        return
    yearly_risk = math.sqrt(math.fsum(r * r for r in losing) / len(returns) * DAYS_A_YEAR)
    assert _close(figures["sortino"], statistics.fmean(returns) * DAYS_A_YEAR / yearly_risk)
    assert _close(figures["omega"], math.fsum(r for r in returns if r > 0) / -math.fsum(losing))


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_tails(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    returns = list(_returns(equity))
    low, high = _percentile(returns, 5), _percentile(returns, 95)
    assert _close(figures["var_95"], low)
    assert _close(figures["cvar_95"], statistics.fmean(sorted(returns)[: int((len(returns) - 1) * 0.05) + 1]))
    if abs(low) > 1e-12:
        assert _close(figures["tail_ratio"], abs(high) / abs(low))
    elif low == 0:
        assert figures["tail_ratio"] is None


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_drawdown_and_calmar(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    path = pd.Series([100.0, *equity])
    depth = float((path / path.cummax() - 1).min())
    assert _close(figures["max_drawdown"], depth)
    assert figures["max_drawdown_days"] == _longest_spell(equity)
    annual = figures["annual_return"]
    if depth < -1e-12 and annual is not None:
        assert figures["calmar"] == pytest.approx(annual / -depth, rel=1e-9)
    if depth == 0:
        assert figures["calmar"] is None


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_stability_is_the_r_squared_of_a_regression(equity: list[float]) -> None:
    figures = standard(result_of(equity), 100.0)
    path = [math.log(value / 100.0) for value in equity]
    if len(path) < 2 or max(path) - min(path) < 1e-9:
        return
    fit = stats.linregress(range(len(path)), path)
    assert _close(figures["stability"], float(fit.rvalue) ** 2)


@given(st.lists(st.one_of(st.floats(0.01, 1e4), st.floats(-1e4, -0.01), st.just(0.0)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_trades(profits: list[float]) -> None:
    figures = standard(result_of([100.0], profits), 100.0)
    wins = pd.Series([p for p in profits if p > 0], dtype=float)
    losses = pd.Series([-p for p in profits if p < 0], dtype=float)
    assert figures["trade_count"] == len(profits)
    assert _close(figures["win_rate"], len(wins) / len(profits) if profits else math.nan)
    assert _close(figures["expectancy"], math.fsum(profits) / len(profits) if profits else math.nan)
    payoff = wins.mean() / losses.mean() if len(wins) and len(losses) else math.nan
    factor = wins.sum() / losses.sum() if len(losses) else math.nan
    assert _close(figures["payoff_ratio"], payoff)
    assert _close(figures["profit_factor"], factor)
