"""Monte Carlo of trades and days: all orders counted by hand, and what must hold for any trades."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain import monte_carlo
from backtests.domain.monte_carlo import bootstrap_sharpe, redraw_trades, trade_order
from quantsite.common.errors import RuleError

PROFITS = np.array([100.0, -50.0, 30.0, -80.0, 20.0])
trades = st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=40).map(np.array)


def drawdown(profits: tuple[float, ...], capital: float) -> float:
    """By the definition, one trade after the other."""
    equity, peak, deepest = capital, capital, 0.0
    for profit in profits:
        equity += profit
        peak = max(peak, equity)
        deepest = min(deepest, equity / peak - 1)
    return deepest


def test_shuffling_meets_every_order_about_equally_often() -> None:
    """The quantiles of 20,000 orders against those of all 120, which were each computed by the definition."""
    every = [drawdown(order, 1000.0) for order in permutations(PROFITS.tolist())]
    found = trade_order(PROFITS, 1000.0, runs=20_000, seed=1)
    assert found is not None
    assert found.drawdown == pytest.approx(drawdown(tuple(PROFITS), 1000.0), abs=1e-12)
    assert found.drawdowns.median == pytest.approx(np.median(every), abs=1e-3)
    assert found.drawdowns.p5 == pytest.approx(np.percentile(every, 5), abs=1e-3)
    assert found.worse == pytest.approx(np.mean([depth <= found.drawdown + 1e-12 for depth in every]), abs=0.01)
    assert (found.trades, found.runs, found.ruin) == (5, 20_000, 0.0)


def test_redrawing_meets_every_draw_about_equally_often() -> None:
    profits = np.array([100.0, -60.0, 10.0])
    ends = [1000.0 + sum(draw) for draw in product(profits, repeat=3)]
    found = redraw_trades(profits, 1000.0, runs=20_000, seed=2)
    assert found is not None
    assert found.loss == pytest.approx(np.mean(np.array(ends) < 1000.0), abs=0.01)
    assert found.end_equity.median == pytest.approx(np.median(ends), abs=1e-9)


@settings(max_examples=50)
@given(trades, st.integers(0, 100))
def test_what_holds_for_all_trades(profits: np.ndarray, seed: int) -> None:
    order, again = (trade_order(profits, 1e5, runs=50, seed=seed) for _ in range(2))
    redrawn = redraw_trades(profits, 1e5, runs=50, seed=seed)
    assert order is not None
    assert redrawn is not None
    assert order == again, "the seed decides everything"
    assert order.drawdown == pytest.approx(drawdown(tuple(profits), 1e5), abs=1e-9)
    for spread in (order.drawdowns, redrawn.drawdowns):
        assert spread.p5 <= spread.p25 <= spread.median <= spread.p75 <= spread.p95 <= 0.0
    assert 0.0 <= order.worse <= 1.0
    assert redrawn.end_equity.p5 >= 1e5 + len(profits) * min(profits) - 1e-6
    assert redrawn.end_equity.p95 <= 1e5 + len(profits) * max(profits) + 1e-6


def test_pieces_are_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trade_order(PROFITS, 1000.0, runs=100, seed=3), redraw_trades(PROFITS, 1000.0, runs=100, seed=3)
    monkeypatch.setattr(monte_carlo, "CELLS", 7)  # one run at a time
    assert (trade_order(PROFITS, 1000.0, runs=100, seed=3), redraw_trades(PROFITS, 1000.0, runs=100, seed=3)) == whole


def test_ruin_is_counted_on_the_way() -> None:
    """Win 300 and lose 150 twice from 200: ruined in the one order of three in which both losses come first."""
    found = trade_order(np.array([300.0, -150.0, -150.0]), 200.0, runs=6000, seed=4)
    assert found is not None
    assert found.ruin == pytest.approx(1 / 3, abs=0.02)
    assert found.drawdowns.p5 == pytest.approx(-1.5)


def test_too_few_trades_say_nothing() -> None:
    assert trade_order(np.array([5.0]), 1e6) is None
    assert redraw_trades(np.empty(0), 1e6) is None
    assert bootstrap_sharpe(np.zeros(100)) is None
    assert bootstrap_sharpe(np.array([0.1, 0.2])) is None


def test_the_interval_of_a_ratio_is_that_of_theory() -> None:
    """Of 1,000 independent normal days the deviation of the estimate is sqrt((1 + SR ** 2 / 2) / n)."""
    returns = np.random.default_rng(5).normal(0.001, 0.01, 1000)
    for block in (1, None):
        found = bootstrap_sharpe(returns, runs=4000, seed=6, block=block)
        assert found is not None
        ratio = returns.mean() / returns.std(ddof=1)
        half = 1.6449 * math.sqrt((1 + ratio**2 / 2) / 1000)
        assert found.value == pytest.approx(ratio, abs=1e-12)
        assert found.low == pytest.approx(ratio - half, abs=0.15 * half)
        assert found.high == pytest.approx(ratio + half, abs=0.15 * half)
        assert found.confidence == 0.9


def test_stretches_keep_what_follows_from_day_to_day() -> None:
    """Returns that go on as they went vary more in the mean than independent draws of them would."""
    noise = np.random.default_rng(7).normal(0, 0.01, 2000)
    returns = noise.copy()
    for day in range(1, len(returns)):
        returns[day] += 0.7 * returns[day - 1]
    single, stretches = (bootstrap_sharpe(returns, seed=8, block=block) for block in (1, 30))
    assert single is not None
    assert stretches is not None
    assert stretches.high - stretches.low > 1.5 * (single.high - single.low)


def test_refusals_name_the_value() -> None:
    with pytest.raises(RuleError, match=r"capital must be above 0, not -1\.0.* runs must be from 1 to") as refusal:
        trade_order(PROFITS, -1.0, runs=0)
    assert refusal.value.code == "invalid_monte_carlo"
    assert set(refusal.value.fields) == {"capital", "runs"}
    with pytest.raises(RuleError):
        redraw_trades(PROFITS, math.nan)
    with pytest.raises(RuleError):
        bootstrap_sharpe(np.random.default_rng(0).normal(size=50), runs=2_000_000)
