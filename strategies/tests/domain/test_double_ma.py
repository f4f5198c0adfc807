"""The crossing rule of double_ma, bar by bar and against a recomputation from whole windows."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from marketdata.domain.bars import Bar
from quantsite.common.errors import RuleError
from strategies.domain.averages import relation
from strategies.library.double_ma import DoubleMa


def bar(close: float, volume: float = 1.0) -> Bar:
    return Bar(0, 0, close, close, close, close, volume, 0.0, 0.0)


def targets(closes: Sequence[float], fast: int, slow: int, volume: float = 1.0) -> list[float | None]:
    """The signal after each bar, ``None`` where there is none."""
    strategy = DoubleMa(DoubleMa.Parameters(fast=fast, slow=slow))
    strategy.initialize()
    found = []
    for close in closes:
        strategy.on_market_data(bar(close, volume))
        signals = strategy.generate_signals()
        assert signals == strategy.generate_signals(), "asking twice gives the same"
        found.append(signals[0].target if signals else None)
    return found


def test_crosses_by_hand() -> None:
    # fast 2, slow 3      closes:  10  10  10   13     10    4     4    20
    # fast average:                    10  10  11.5   11.5   7     4    12
    # slow average:                        10  11     11     9     6     9.333
    # relation:                            =   above  above  below below above
    assert targets([10, 10, 10, 13, 10, 4, 4, 20], 2, 3) == [None, None, None, 1, None, -1, None, 1]


def test_no_signal_on_the_first_bar_that_has_both_averages() -> None:
    # The averages lie apart on the third bar already, but the bar before has no slow average to compare.
    assert targets([1, 2, 9, 20], 1, 3) == [None, None, None, None]


def test_touching_counts_as_at_or_below_and_at_or_above() -> None:
    # fast 1, slow 2: the relation is the sign of the last change: above, equal, above; below, equal, below
    assert targets([5, 6, 6, 7], 1, 2) == [None, None, None, 1]
    assert targets([5, 4, 4, 3], 1, 2) == [None, None, None, -1]


def test_a_bar_without_volume_counts_in_the_averages() -> None:
    closes = [10, 10, 10, 13, 10, 4, 4, 20]
    assert targets(closes, 2, 3, volume=0.0) == targets(closes, 2, 3)


def test_a_difference_below_a_billionth_of_the_price_is_a_tie() -> None:
    assert relation(4000.0 + 3e-6, 4000.0, 4000.0) == 0
    assert relation(4000.0 + 5e-6, 4000.0, 4000.0) == 1
    assert relation(4000.0 - 5e-6, 4000.0, 4000.0) == -1
    assert relation(-5.0, -5.0, -5.0) == 0, "adjusted series may be negative"
    assert relation(0.0, 0.0, 0.0) == 0
    assert relation(4000.0, float("nan"), 4000.0) == 0


@pytest.mark.parametrize("second", [3999.0, 4000.0, 4001.0])
def test_the_comparison_compiles_as_it_stands(second: float) -> None:
    jit: Any = njit
    assert jit(relation)(4000.0, second, 4000.0) == relation(4000.0, second, 4000.0)


def test_the_signal_carries_what_the_decision_saw() -> None:
    strategy = DoubleMa(DoubleMa.Parameters(fast=2, slow=3))
    strategy.initialize()
    for close in (10.0, 10.0, 10.0, 13.0):
        strategy.on_market_data(bar(close))
    (signal,) = strategy.generate_signals()
    assert signal.reason == "cross above"
    assert signal.values == (("fast", 11.5), ("slow", 11.0))


def test_initialize_forgets_the_run_before() -> None:
    strategy = DoubleMa(DoubleMa.Parameters(fast=1, slow=2))
    for _ in range(2):
        strategy.initialize()
        strategy.on_market_data(bar(5.0))
        strategy.on_market_data(bar(9.0))
        assert strategy.generate_signals() == []


def test_fast_must_be_below_slow() -> None:
    with pytest.raises(RuleError, match=r"fast \(30\) must be below slow \(30\)") as refusal:
        DoubleMa.Parameters.from_mapping({"fast": "30", "slow": "30"})
    assert set(refusal.value.fields) == {"fast"}


def test_another_strategys_parameters_are_refused() -> None:
    with pytest.raises(TypeError, match="DoubleMa takes"):
        DoubleMa({"fast": 5})  # type: ignore[arg-type]


def by_whole_windows(ticks: Sequence[int], fast: int, slow: int) -> list[float | None]:
    """The rule as written, in exact fractions of a tick of 0.05 and from the whole windows each time."""
    relations: list[int | None] = []
    for end in range(1, len(ticks) + 1):
        if end < slow:
            relations.append(None)
            continue
        difference = Fraction(sum(ticks[end - fast : end]), fast) - Fraction(sum(ticks[end - slow : end]), slow)
        relations.append((difference > 0) - (difference < 0))
    found: list[float | None] = [None] * len(ticks)
    for now in range(1, len(ticks)):
        before, after = relations[now - 1], relations[now]
        if before is not None and after == 1 and before <= 0:
            found[now] = 1
        if before is not None and after == -1 and before >= 0:
            found[now] = -1
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(5_000, 5_020), max_size=120), st.integers(1, 12), st.integers(1, 12))
def test_running_sums_decide_as_exact_fractions_do(ticks: list[int], fast: int, more: int) -> None:
    closes = [tick * 0.05 for tick in ticks]
    assert targets(closes, fast, fast + more) == by_whole_windows(ticks, fast, fast + more)
