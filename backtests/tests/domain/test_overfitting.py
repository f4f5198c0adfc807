"""Probabilistic and deflated Sharpe ratio: the authors' own example, scipy, and what must hold for any returns."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from backtests.domain.overfitting import (
    Floats,
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)

returns_of_a_run = st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=60).map(np.array)


def moments_of(returns: Floats) -> Moments:
    moments = Moments.of(returns)
    assume(moments is not None)
    assert moments is not None
    return moments


def oracle_psr(returns: Floats, benchmark: float) -> float:
    """The formula over scipy's moments and normal distribution."""
    ratio = np.mean(returns) / np.std(returns, ddof=1)
    skewness, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    below = np.sqrt(1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2)
    return float(stats.norm.cdf((ratio - benchmark) * np.sqrt(len(returns) - 1) / below))


def test_the_example_of_the_deflated_sharpe_paper() -> None:
    """Section "A numerical example": annual 2.5 over five years of 250 days, skewness -3, kurtosis 10."""
    moments = Moments(days=1250, sharpe=2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0)
    variance = 0.5 / 250

    assert expected_maximum_sharpe(variance, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(moments, variance, 100) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(moments, variance, 46) == pytest.approx(0.9505, abs=5e-5)


def test_the_ratio_of_normal_returns_by_hand() -> None:
    """SR 0.1 of 101 days: 0.1 * 10 / sqrt(1 + 0.5 * 0.01)."""
    moments = Moments(days=101, sharpe=0.1, skewness=0.0, kurtosis=3.0)

    assert probabilistic_sharpe(moments) == pytest.approx(stats.norm.cdf(1 / math.sqrt(1.005)), abs=1e-12)
    assert probabilistic_sharpe(moments, 0.1) == pytest.approx(0.5, abs=1e-12)
    assert minimum_track_record(moments) == pytest.approx(1 + 1.005 * (1.6448536269514722 / 0.1) ** 2, abs=1e-9)


@given(returns_of_a_run, st.floats(-0.5, 0.5))
def test_the_probability_agrees_with_scipy(returns: Floats, benchmark: float) -> None:
    moments = moments_of(returns)
    assume(moments.spread() > 1e-6 and returns.std() > 1e-9)
    assert probabilistic_sharpe(moments, benchmark) == pytest.approx(oracle_psr(returns, benchmark), abs=1e-9)


@given(returns_of_a_run)
def test_the_spread_of_a_sample_is_never_negative(returns: Floats) -> None:
    assert moments_of(returns).spread() >= -1e-9


@given(returns_of_a_run, st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0, 0.1))
def test_more_trials_never_make_it_surer(returns: Floats, first: float, second: float, variance: float) -> None:
    moments = moments_of(returns)
    few, many = (deflated_sharpe(moments, variance, trials) for trials in sorted((first, second)))
    alone = probabilistic_sharpe(moments)
    assume(few is not None and many is not None and alone is not None)
    assert 0.0 <= many <= few <= alone <= 1.0  # type: ignore[operator]


@given(st.integers(2, 10**9), st.floats(1e-8, 1))
def test_the_expected_maximum_agrees_with_scipy(trials: int, variance: float) -> None:
    gamma = float(np.euler_gamma)
    highest = (1 - gamma) * stats.norm.isf(1 / trials) + gamma * stats.norm.isf(1 / (trials * math.e))
    assert expected_maximum_sharpe(variance, trials) == pytest.approx(math.sqrt(variance) * highest, rel=1e-9)


def test_the_expected_maximum_is_near_that_of_drawn_ratios() -> None:
    """The formula is an approximation: within 2 % of the mean of 4,000 maxima of 200 normal draws."""
    drawn = np.random.default_rng(5).normal(0, 0.05, (4000, 200)).max(axis=1).mean()
    assert expected_maximum_sharpe(0.05**2, 200) == pytest.approx(drawn, rel=0.02)


def test_one_trial_is_compared_with_nothing_and_equal_trials_neither() -> None:
    moments = Moments(days=500, sharpe=0.08, skewness=-0.5, kurtosis=6.0)
    assert expected_maximum_sharpe(0.01, 1) == 0.0
    assert expected_maximum_sharpe(0.01, 1.05) == 0.0, "the formula would go below 0"
    assert expected_maximum_sharpe(0.0, 1000) == 0.0
    assert deflated_sharpe(moments, 0.01, 1) == probabilistic_sharpe(moments)


@given(
    st.floats(0.001, 0.5), st.floats(-2, 2), st.floats(0, 20), st.floats(-0.5, 0.5), st.sampled_from([0.9, 0.95, 0.99])
)
def test_with_the_minimum_track_record_the_confidence_is_just_reached(
    sharpe: float, skewness: float, excess: float, benchmark: float, confidence: float
) -> None:
    assume(sharpe - benchmark > 1e-3)
    kurtosis = skewness**2 + 1 + excess
    days = minimum_track_record(Moments(0, sharpe, skewness, kurtosis), benchmark, confidence)
    assert days is not None
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    assume(spread > 1e-6)
    reached = stats.norm.cdf((sharpe - benchmark) * math.sqrt(days - 1) / math.sqrt(spread))
    assert reached == pytest.approx(confidence, abs=1e-9)


@pytest.mark.parametrize("sharpe", [0.0, -0.1])
def test_no_track_record_shows_what_is_not_there(sharpe: float) -> None:
    assert minimum_track_record(Moments(500, sharpe, 0.0, 3.0)) is None


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.02], [0.0] * 50, [0.001] * 50, [0.01, float("nan"), 0.02]])
def test_too_little_to_tell_has_no_moments(returns: list[float]) -> None:
    assert Moments.of(np.array(returns)) is None


def test_a_spread_of_zero_has_no_probability() -> None:
    """Two values only, with skewness * SR = 2: the variance of the estimate is 0."""
    moments = Moments(days=10, sharpe=1.0, skewness=2.0, kurtosis=5.0)
    assert moments.spread() == 0.0
    assert probabilistic_sharpe(moments) is None
    assert deflated_sharpe(moments, 0.01, 10) is None
