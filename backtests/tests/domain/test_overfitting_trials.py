"""How many trials were different: against numpy's matrix of correlations and trials made to be alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.overfitting_trials import (
    average_correlation,
    by_average_correlation,
    by_clusters,
    daily_sharpes,
    sharpe_variance,
)


def drawn(trials: int, days: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0003, 0.01, (trials, days))


def groups(count: int, size: int, days: int, noise: float) -> np.ndarray:
    """``count`` independent strategies, each in ``size`` versions that differ a little, shuffled."""
    random = np.random.default_rng(3)
    rows = np.repeat(random.normal(0, 0.01, (count, days)), size, axis=0)
    rows += random.normal(0, noise, rows.shape)
    return random.permutation(rows)


@settings(max_examples=30)
@given(st.integers(2, 700), st.integers(2, 40), st.integers(0, 1000))
def test_the_average_correlation_is_that_of_all_pairs(trials: int, days: int, seed: int) -> None:
    returns = drawn(trials, days, seed)
    pairs = np.corrcoef(returns)[np.triu_indices(trials, 1)]
    assert average_correlation(returns) == pytest.approx(pairs.mean(), abs=1e-9)


@given(st.integers(1, 30), st.integers(2, 40), st.integers(0, 1000))
def test_effective_numbers_lie_between_one_and_the_trials(trials: int, days: int, seed: int) -> None:
    returns = drawn(trials, days, seed)
    assert 1 <= by_average_correlation(returns) <= trials
    assert 1 <= by_clusters(returns) <= trials


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_versions_of_ten_strategies_are_ten_clusters(dtype: type) -> None:
    returns: np.ndarray = groups(10, 120, 300, noise=0.001).astype(dtype)  # more than one chunk of rows
    assert by_clusters(returns) == 10
    # A tenth of the pairs agree, so that the other estimate leaves most of them: it is not made for groups.
    assert by_average_correlation(returns) == pytest.approx(1200 - 1199 * average_correlation(returns), rel=1e-5)
    assert by_average_correlation(returns) > 1000


def test_members_of_a_cluster_correlate_with_its_leader() -> None:
    returns = groups(5, 20, 200, noise=0.006)
    near = np.corrcoef(returns) >= 0.8
    leaders: list[int] = []
    for row in range(len(returns)):
        if not near[row, leaders].any():
            leaders.append(row)
    assert by_clusters(returns, threshold=0.8) == len(leaders)
    assert 5 < len(leaders) < 100


def test_copies_are_one_and_strangers_are_all() -> None:
    row = drawn(1, 250, 4)
    assert by_average_correlation(np.repeat(row, 50, axis=0)) == pytest.approx(1.0)
    assert by_clusters(np.repeat(row, 50, axis=0)) == 1
    assert by_clusters(drawn(600, 250, 5)) == 600


def test_trials_that_never_trade_are_one_together() -> None:
    returns = np.concatenate((drawn(3, 100, 6), np.zeros((7, 100))))
    assert by_clusters(returns) == 4
    assert by_clusters(np.zeros((7, 100))) == 1
    assert average_correlation(np.zeros((7, 100))) == 0.0


def test_without_trials_there_are_none() -> None:
    assert by_clusters(np.empty((0, 10))) == 0
    assert by_average_correlation(np.empty((0, 10))) == 0.0
    assert sharpe_variance(np.array([0.1])) == 0.0


def test_daily_ratios_and_their_variance() -> None:
    returns = np.concatenate((drawn(600, 50, 7), np.zeros((1, 50))))
    ratios = daily_sharpes(returns)
    expected = [row.mean() / row.std(ddof=1) for row in returns[:-1]]
    assert ratios.tolist() == pytest.approx([*expected, 0.0], abs=1e-12)
    assert sharpe_variance(ratios) == pytest.approx(np.var([*expected, 0.0], ddof=1), abs=1e-12)
    assert daily_sharpes(np.ones((2, 1))).tolist() == [0.0, 0.0]
