"""A strategy's column methods driven bar by bar see exactly the last bars of their window."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries, FloatColumn
from quantsite.common.errors import RuleError
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, BoolColumn, Signal
from strategies.domain.windowed import Window, Windowed, flag_column, target_column
from strategies.tests.domain.bars import flat, rows, tick_bars


class Highest(BaseStrategy):
    """Long where the close is the highest of the last ``length`` closes, no decision before there are so many."""

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """The length in bars."""

        length: int = parameter(3, minimum=1)

    parameters: Parameters

    def initialize(self) -> None:
        """Nothing asked yet."""
        self.asked = 0

    def warm_up(self) -> int:
        """The bars that are compared."""
        return self.parameters.length

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """One comparison a bar."""
        self.asked += 1
        length, close = self.parameters.length, bars.close
        found = np.full(len(bars), np.nan)
        for at in range(length - 1, len(bars)):
            found[at] = 1.0 if close[at] == close[at - length + 1 : at + 1].max() else 0.0
        return found

    def flags(self, bars: BarSeries) -> BoolColumn:
        """The bars that are the highest."""
        return np.nan_to_num(self.target_positions(bars)) > 0


class Misshapen(Highest):
    """Gives one value whatever it is asked."""

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """One number too few or too many."""
        return np.zeros(1)


def highest(length: int) -> Highest:
    return Highest(Highest.Parameters(length))


def test_decisions_bar_by_bar_by_hand() -> None:
    windowed = Windowed(highest(3))
    windowed.initialize()
    found = []
    for bar in flat([5, 6, 7, 6, 7, 5, 5, 5]).rows():
        windowed.on_market_data(bar)
        found.append((windowed.generate_signals(), windowed.flag()))
    up, out = ([Signal(1.0)], True), ([Signal(0.0)], False)
    assert found == [([], False), ([], False), up, out, up, out, out, up]


def test_nothing_is_decided_before_the_first_bar() -> None:
    windowed = Windowed(highest(1))
    windowed.initialize()
    assert windowed.generate_signals() == []
    assert windowed.flag() is False


def test_asking_twice_computes_once_and_not_asking_computes_nothing() -> None:
    strategy = highest(2)
    windowed = Windowed(strategy)
    windowed.initialize()
    for bar in flat([1, 2, 3]).rows():
        windowed.on_market_data(bar)
    assert strategy.asked == 0
    assert windowed.generate_signals() is windowed.generate_signals()
    assert strategy.asked == 1


def test_initialize_forgets_the_run_before() -> None:
    windowed = Windowed(highest(2))
    for _ in range(2):
        windowed.initialize()
        windowed.on_market_data(rows(flat([9]))[0])
        assert windowed.generate_signals() == []


@settings(max_examples=40, deadline=None)
@given(tick_bars(most=400), st.integers(1, 150))
def test_the_window_holds_the_last_bars_in_order(bars: BarSeries, length: int) -> None:
    window = Window(length, bars.instrument, bars.interval)
    assert len(window) == 0
    for count, bar in enumerate(bars.rows(), 1):
        window.append(bar)
        held, meant = window.bars(), bars.take(slice(max(count - length, 0), count))
        assert len(held) == len(window) == len(meant)
        for name in ("start", "trading_day", *VALUE_COLUMNS):
            assert np.array_equal(getattr(held, name), getattr(meant, name)), name
    assert window.bars().data_hash() == bars.take(slice(max(len(bars) - length, 0), len(bars))).data_hash()


def test_a_window_shows_its_memory_without_copying() -> None:
    window = Window(3)
    for bar in flat([1, 2]).rows():
        window.append(bar)
    assert np.shares_memory(window.bars().close, window.bars().close)


@settings(max_examples=40, deadline=None)
@given(tick_bars(most=300, swing=2), st.integers(1, 9))
def test_windows_decide_as_whole_columns_do(bars: BarSeries, length: int) -> None:
    windowed = Windowed(highest(length))
    windowed.initialize()
    whole = highest(length)
    whole.initialize()
    targets, flags = target_column(whole, bars), flag_column(whole, bars)
    for at, bar in enumerate(bars.rows()):
        windowed.on_market_data(bar)
        assert windowed.generate_signals() == ([] if np.isnan(targets[at]) else [Signal(targets[at])])
        assert windowed.flag() == flags[at]


def test_a_column_of_another_length_is_refused() -> None:
    strategy = Misshapen(Misshapen.Parameters())
    strategy.initialize()
    expected = r"target_positions must give one value for each of the 2 bars, not shape \(1,\)"
    with pytest.raises(RuleError, match=expected) as refusal:
        target_column(strategy, flat([1, 2]))
    assert refusal.value.code == "invalid_targets"
    with pytest.raises(RuleError, match="flags must give"):
        flag_column(strategy, flat([1, 2]))


def test_a_window_needs_a_length() -> None:
    with pytest.raises(ValueError, match="at least one bar, not 0"):
        Window(0)
