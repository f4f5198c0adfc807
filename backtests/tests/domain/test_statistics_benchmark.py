"""The run beside a benchmark: definitions written a second time with the standard library."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backtests.domain.statistics import standard
from backtests.domain.statistics_benchmark import buy_and_hold
from backtests.tests.domain.statistics_cases import (
    MarketCase,
    market_case,
    market_cases,
    priced_bars,
    result_of,
)

STEPS = st.lists(st.tuples(st.floats(-0.08, 0.08), st.floats(-0.08, 0.08)), min_size=2, max_size=80)
ZERO = ("benchmark_return", "alpha", "beta", "information_ratio")


def _equity(returns: list[float]) -> list[float]:
    equity, last = [], 100.0
    for step in returns:
        last *= 1 + step
        equity.append(last)
    return equity


@given(STEPS)
@settings(max_examples=80, deadline=None)
def test_alpha_beta_and_information_ratio(steps: list[tuple[float, float]]) -> None:
    own, other = ([round(step[side], 6) for step in steps] for side in (0, 1))
    figures = standard(result_of(_equity(own)), 100.0, benchmark=np.array(other))
    assert figures["benchmark_return"] == pytest.approx(math.prod(1 + b for b in other) - 1, abs=1e-9)
    assume(statistics.pstdev(other) > 0.005)  # a flatter one has a beta of hundreds, made of rounding
    slope = statistics.linear_regression(other, own).slope
    assert figures["beta"] == pytest.approx(slope, rel=1e-7, abs=1e-9)
    left = statistics.fmean(r - slope * b for r, b in zip(own, other, strict=True))
    assert figures["alpha"] == pytest.approx((1 + left) ** 252 - 1, rel=1e-6, abs=1e-9)
    active = [r - b for r, b in zip(own, other, strict=True)]
    if statistics.stdev(active) > 1e-9:
        wanted = statistics.fmean(active) / statistics.stdev(active) * math.sqrt(252)
        assert figures["information_ratio"] == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_a_benchmark_that_never_moves_gives_no_beta() -> None:
    figures = standard(result_of([101.0, 99.0]), 100.0, benchmark=np.zeros(2))
    assert figures["benchmark_return"] == 0.0
    assert (figures["alpha"], figures["beta"]) == (None, None)
    assert figures["information_ratio"] == pytest.approx(figures["sharpe"])


def test_a_run_that_is_its_benchmark_has_beta_one_and_alpha_zero() -> None:
    own = [0.01, -0.02, 0.015]
    figures = standard(result_of(_equity(own)), 100.0, benchmark=np.array(own))
    assert figures["beta"] == pytest.approx(1.0)
    assert figures["alpha"] == pytest.approx(0.0, abs=1e-9)
    assert figures["information_ratio"] is None


def test_a_ruined_account_is_compared_with_nothing() -> None:
    figures = standard(result_of([120.0, -5.0, 60.0]), 100.0, benchmark=np.array([0.1, 0.1, 0.2]))
    assert figures["benchmark_return"] == pytest.approx(1.1 * 1.1 * 1.2 - 1)
    assert [figures[key] for key in ZERO[1:]] == [None] * 3


def test_holding_starts_at_the_first_open_and_ends_each_day_at_its_last_close() -> None:
    case = market_case()
    found = buy_and_hold(case.result.days.trading_day, case.legs)
    assert found is not None
    assert found.tolist() == pytest.approx([107 / 100 - 1, 92 / 107 - 1, 98 / 92 - 1])


@given(market_cases(legs=2))
@settings(max_examples=60, deadline=None)
def test_legs_are_held_in_equal_shares(case: MarketCase) -> None:
    days = case.result.days.trading_day
    expected = []
    for place, day in enumerate(days.tolist()):
        moves = []
        for bars in case.legs:
            rows = list(zip(bars.trading_day.tolist(), bars.close.tolist(), strict=True))
            today = [price for when, price in rows if when == day][-1]
            earlier = [price for when, price in rows if when < day]
            moves.append(today / (earlier[-1] if place else float(bars.open[0])) - 1)
        expected.append(sum(moves) / 2)
    found = buy_and_hold(days, case.legs)
    assert found is not None
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_leg_without_bars_on_a_day_stands_still() -> None:
    late = priced_bars([(2, 50.0, 50.0, 50.0, 55.0), (4, 60.0, 60.0, 60.0, 66.0)])
    found = buy_and_hold(np.array([1, 2, 3, 4], np.int32), [late])
    assert found is not None
    assert found.tolist() == pytest.approx([0.0, 0.1, 0.0, 0.2])


@pytest.mark.parametrize("price", [0.0, -3.0, math.nan])
def test_a_price_that_is_not_positive_gives_no_benchmark(price: float) -> None:
    case = market_case()
    bars = priced_bars([(20, 1.0, 1.0, 1.0, price), (21, 1.0, 1.0, 1.0, 2.0), (24, 1.0, 1.0, 1.0, 2.0)])
    figures = standard(case.result, 100_000.0, bars=bars)
    assert [figures[key] for key in ZERO] == [None] * 4
