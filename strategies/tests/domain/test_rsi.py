"""The rule of rsi, by hand and against plain Python."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries
from marketdata.tests.domain import slow_indicators as slow
from quantsite.common.errors import RuleError
from strategies.library.rsi import Rsi
from strategies.tests.domain.bars import crossings, flat, shown, tick_bars


def rsi(length: int, low: float = 30.0, high: float = 70.0) -> Rsi:
    return Rsi(Rsi.Parameters(length, low, high))


def test_signals_by_hand() -> None:
    # length 2   closes:  10  9   8   9      10     9      8
    # average rise:              0    0.5    0.75   0.375  0.1875
    # average fall:              1    0.5    0.25   0.625  0.8125
    # index:                     0   50     75     37.5   18.75
    assert shown(rsi(2), flat([10, 9, 8, 9, 10, 9, 8])) == [None, None, None, 1, None, -1, None]


def test_the_limits_themselves_are_in_the_ranges() -> None:
    # length 2, first index 100 * 3 / 10 = 30: at the limit, then above it
    assert shown(rsi(2), flat([107, 100, 103, 104])) == [None, None, None, 1]
    # first index 70: at the limit, then below it
    assert shown(rsi(2), flat([100, 107, 104, 103])) == [None, None, None, -1]


def test_a_market_that_does_not_move_is_not_oversold() -> None:
    # TA-Lib calls the still start 0, and the first rise would leave the oversold range.
    assert shown(rsi(2), flat([10, 10, 10, 10, 11, 11, 12])) == [None] * 7


@settings(deadline=None)
@given(tick_bars(), st.integers(2, 12), st.sampled_from([(30.0, 70.0), (20.0, 80.0), (50.0, 51.0)]))
def test_decisions_are_those_of_plain_python(bars: BarSeries, length: int, limits: tuple[float, float]) -> None:
    closes = bars.close.tolist()
    index, (low, high) = slow.rsi(closes, length), limits
    up = crossings(index, [low] * len(closes), closes, 100.0)
    down = crossings(index, [high] * len(closes), closes, 100.0)
    expected = [1.0 if rise > 0 else -1.0 if fall < 0 else None for rise, fall in zip(up, down, strict=True)]
    assert shown(rsi(length, low, high), bars) == expected


def test_the_warm_up_is_the_look_back_and_the_decay() -> None:
    assert rsi(14).warm_up() == 14 + 1 + 467
    assert (13 / 14) ** 467 <= 1e-15 < (13 / 14) ** 466


def test_low_must_be_below_high() -> None:
    with pytest.raises(RuleError, match=r"low \(70\.0\) must be below high \(70\.0\)") as refusal:
        Rsi.Parameters.from_mapping({"low": 70})
    assert set(refusal.value.fields) == {"low"}
