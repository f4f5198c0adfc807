"""What every form 1 strategy of the library promises: a window of its warm-up decides as all the past does."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries
from strategies import registry
from strategies.domain.forms import Form, own_forms
from strategies.domain.strategy import BaseStrategy, Signal
from strategies.domain.windowed import Windowed, target_column
from strategies.tests.domain.bars import series, tick_bars

PARAMETERS: Mapping[str, list[dict[str, object]]] = {
    "double_ma": [{}, {"fast": 1, "slow": 2}, {"fast": 7, "slow": 40}],
    "macd": [{}, {"fast": 2, "slow": 3, "signal": 2}, {"fast": 5, "slow": 9, "signal": 9}],
    "rsi": [{}, {"length": 2}, {"length": 30, "low": 45, "high": 55}],
    "bollinger": [{}, {"mode": "reversion"}, {"length": 100, "width": 1.5}, {"length": 3, "width": 1}],
}
CASES = [(name, values) for name, cases in PARAMETERS.items() for values in cases]


def walk(seed: int, count: int) -> np.ndarray:
    """Prices on whole ticks around 4000, shape ``(count, 4)``, with stretches in which nothing moves."""
    chance = np.random.default_rng(seed)
    moves = chance.integers(-9, 10, (count, 4))
    moves[np.repeat(chance.random(count // 50 + 1) < 0.2, 50)[:count]] = 0
    last = 4_000 + np.concatenate([[0], moves[:-1, 3].cumsum()])
    prices = last[:, None] + moves
    ordered = (prices[:, 0], prices.max(axis=1), prices.min(axis=1), prices[:, 3])
    return np.stack(ordered, axis=1).astype(np.float64)


def decided(strategy: BaseStrategy, bars: BarSeries) -> list[list[Signal]]:
    """The signals of each bar, through the window."""
    windowed = Windowed(strategy)
    windowed.initialize()
    found = []
    for bar in bars.rows():
        windowed.on_market_data(bar)
        found.append(windowed.generate_signals())
    return found


def as_signals(targets: np.ndarray) -> list[list[Signal]]:
    return [[] if np.isnan(target) else [Signal(target)] for target in targets.tolist()]


def test_every_column_strategy_of_the_library_is_tested_here() -> None:
    assert {name for name in registry.names() if Form.TARGET in own_forms(registry.get(name))} == set(PARAMETERS)


@pytest.mark.parametrize(("name", "values"), CASES)
def test_the_window_decides_as_whole_columns_do(name: str, values: dict[str, object]) -> None:
    strategy = registry.create(name, values)
    length = strategy.warm_up()
    bars = series(walk(len(name) + len(values), length + 1_500).tolist())
    targets = target_column(strategy, bars)
    assert np.isfinite(targets[length:]).sum() > 10, "the bars make it decide"
    assert decided(strategy, bars) == as_signals(targets), "and before the warm-up nothing else is known either"


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(CASES), tick_bars(most=150, swing=3))
def test_the_window_decides_as_whole_columns_do_on_any_bars(
    case: tuple[str, dict[str, object]], bars: BarSeries
) -> None:
    strategy = registry.create(*case)
    assert decided(strategy, bars) == as_signals(target_column(strategy, bars))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CASES), st.integers(0, 2**32), st.sampled_from([0.2, 0.9, 1.0, 5.0]))
def test_a_longer_past_changes_no_decision(case: tuple[str, dict[str, object]], seed: int, scale: float) -> None:
    strategy = registry.create(*case)
    length = strategy.warm_up()
    prices = walk(seed, 4 * length)
    recent = target_column(strategy, series(prices[3 * length :].tolist()))
    prices[: 3 * length] *= scale
    whole = target_column(strategy, series(prices.tolist()))
    # Only the bar that completes the window is promised, and every later one.
    np.testing.assert_array_equal(recent[length - 1 :], whole[4 * length - 1 :])
    more = target_column(strategy, series(prices[2 * length :].tolist()))
    np.testing.assert_array_equal(more[length - 1 :], whole[3 * length - 1 :])


@pytest.mark.parametrize("name", ["double_ma", "bollinger"])
def test_a_window_that_is_one_bar_shorter_decides_nothing(name: str) -> None:
    strategy = registry.create(name, {})
    prices = walk(1, 2_000)
    length = strategy.warm_up()
    assert np.isfinite(target_column(strategy, series(prices.tolist()))).any()
    for start in range(2_000 - length):
        assert np.isnan(target_column(strategy, series(prices[start : start + length - 1].tolist()))).all()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(CASES), tick_bars(least=2, most=150), st.data())
def test_no_decision_depends_on_a_later_bar(
    case: tuple[str, dict[str, object]], bars: BarSeries, data: st.DataObject
) -> None:
    strategy = registry.create(*case)
    cut = data.draw(st.integers(1, len(bars)))
    np.testing.assert_array_equal(
        target_column(strategy, bars.take(slice(0, cut))), target_column(strategy, bars)[:cut]
    )
