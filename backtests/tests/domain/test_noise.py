"""Noise on prices: the bars stay bars, and what hangs on single ticks is told from what does not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig
from backtests.domain.noise import noise_test, noisy_bars, usual_ticks
from backtests.domain.result import RunResult
from backtests.tests.domain.series import CODE, Scripted, bar_series, flat_costs
from backtests.tests.domain.walks import random_walk
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.numbers import on_grid_array

CONFIG = RunConfig(CODE, "1h", 100_000.0, 1.0, flat_costs())
BARS = bar_series([(1 + i // 4, 4000.0 + 10 * i, 4005.0 + 10 * i, 5.0) for i in range(40)])


def net_profit(result: RunResult) -> float:
    return result.net_profit


@given(st.integers(0, 1000), st.floats(0, 30), st.sampled_from([1.0, 0.2, 5.0, 0.05]))
def test_noisy_bars_are_bars_on_the_grid(seed: int, ticks: float, tick: float) -> None:
    bars = random_walk(60, seed=seed, price_tick=tick, start=40)
    noisy = noisy_bars(bars, tick, ticks, seed)
    assert (noisy.low <= np.minimum(noisy.open, noisy.close)).all()
    assert (noisy.high >= np.maximum(noisy.open, noisy.close)).all()
    assert (noisy.low >= tick).all()
    for name in ("open", "high", "low", "close"):
        assert on_grid_array(getattr(noisy, name), tick).all()
    for name in ("start", "trading_day", "volume"):
        assert getattr(noisy, name).tolist() == getattr(bars, name).tolist()
    assert noisy.data_hash() == noisy_bars(bars, tick, ticks, seed).data_hash(), "the seed decides everything"


def test_without_noise_nothing_moves() -> None:
    bars = random_walk(200, seed=1)
    assert noisy_bars(bars, 1.0, 0.0, 5).data_hash() == bars.data_hash()
    assert noisy_bars(bars, 1.0, 0.1, 5).data_hash() == bars.data_hash(), "a tenth of a tick rounds to none"


def test_the_noise_has_the_width_asked_for_and_no_drift() -> None:
    bars = random_walk(20_000, seed=2)
    moves = noisy_bars(bars, 1.0, 4.0, 3).close - bars.close
    assert moves.std() == pytest.approx(np.sqrt(16 + 1 / 12), rel=0.02)  # rounding adds a twelfth
    assert abs(moves.mean()) < 0.15
    assert abs(np.corrcoef(moves[1:], moves[:-1])[0, 1]) < 0.03


def test_prices_off_the_grid_keep_their_distance_from_it() -> None:
    bars = random_walk(100, seed=4)
    prices = [getattr(bars, name) + 0.37 for name in ("open", "high", "low", "close")]
    rest = [bars.volume, bars.turnover, bars.open_interest]
    adjusted = BarSeries(CODE, "1m", bars.start, bars.trading_day, *[*prices, *rest])
    noisy = noisy_bars(adjusted, 1.0, 3.0, 5)
    assert on_grid_array(noisy.close - 0.37, 1.0).all()
    assert (noisy.close != adjusted.close).any()


def test_the_usual_width_is_a_tenth_of_a_bar() -> None:
    assert usual_ticks(BARS, 1.0) == 0.5
    assert usual_ticks(BARS, 0.1) == 5.0
    assert usual_ticks(BarSeries.empty(CODE, "1h"), 1.0) == 0.5


def test_a_long_ride_survives_and_a_single_tick_does_not() -> None:
    """Bought at the second open, 4010, and marked at the last close, 4395, whatever ripples between."""
    held = noise_test(BARS, CONFIG, lambda: Scripted([1.0]), net_profit, runs=8, ticks=2.0, seed=1)
    assert held.value == 3850.0
    assert held.kept == pytest.approx(1.0, abs=0.03)
    assert held.loss == 0.0
    assert (held.runs, held.ticks, len(held.values)) == (8, 2.0, 8)

    class OneTick(Scripted):
        """Long only where the close is exactly as recorded."""

        def generate_signals(self) -> list[Any]:
            known = self.seen[-1].close == BARS.close[len(self.seen) - 1]
            return super().generate_signals() if known else []

    needle = noise_test(BARS, CONFIG, lambda: OneTick([1.0]), net_profit, runs=20, ticks=50.0, seed=1)
    assert needle.kept == 0.0
    assert needle.loss > 0.8


def test_runs_without_a_value_count_as_lost() -> None:
    values = iter([1.0, None, 2.0, None])
    found = noise_test(BARS, CONFIG, lambda: Scripted([]), lambda _: next(values), runs=3, ticks=1.0)
    assert (found.value, found.values.tolist(), found.kept) == (1.0, [2.0], 2.0)
    assert found.loss == pytest.approx(2 / 3)
    nothing = noise_test(BARS, CONFIG, lambda: Scripted([]), lambda _: None, runs=2)
    assert (nothing.spread, nothing.kept, nothing.loss) == (None, None, 1.0)


def test_refusals_name_the_value() -> None:
    with pytest.raises(RuleError, match=r"not -1\.0 of 1\.0") as refusal:
        noisy_bars(BARS, 1.0, -1.0, 0)
    assert refusal.value.code == "invalid_noise"
    with pytest.raises(RuleError, match="at least 1, not 0"):
        noise_test(BARS, CONFIG, lambda: Scripted([]), net_profit, runs=0)
