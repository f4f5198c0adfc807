"""The crossing rule of macd, by hand and against plain Python."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries
from marketdata.tests.domain import slow_indicators as slow
from quantsite.common.errors import RuleError
from strategies.library.macd import Macd
from strategies.tests.domain.bars import crossings, flat, shown, tick_bars


def macd(fast: int, slow: int, signal: int) -> Macd:
    return Macd(Macd.Parameters(fast, slow, signal))


def test_crosses_by_hand() -> None:
    # 2, 3, 2   closes:  10  10  10  10   16      16       4
    # fast average:          10  10  10   14      15.333   7.778
    # slow average:              10  10   13      14.5     9.25
    # line:                       0   0    1       0.833  -1.472
    # signal line:                    0   0.667    0.778  -0.722
    # relation:                       =   above    above   below
    assert shown(macd(2, 3, 2), flat([10, 10, 10, 10, 16, 16, 4])) == [None, None, None, None, 1, None, -1]


@settings(deadline=None)
@given(tick_bars(), st.integers(2, 6), st.integers(1, 6), st.integers(2, 5))
def test_decisions_are_those_of_plain_python(bars: BarSeries, fast: int, more: int, signal: int) -> None:
    closes = bars.close.tolist()
    line, average = slow.macd(closes, fast, fast + more, signal)
    expected = [{1: 1.0, -1: -1.0}.get(side) for side in crossings(line, average, closes)]
    assert shown(macd(fast, fast + more, signal), bars) == expected


def test_the_warm_up_is_the_look_back_and_the_decay_of_both_averages() -> None:
    strategy = macd(12, 26, 9)
    assert strategy.warm_up() == 26 + 9 + 449 + 155
    assert (25 / 27) ** 449 <= 1e-15 < (25 / 27) ** 448
    assert 0.8**155 <= 1e-15 < 0.8**154


def test_fast_must_be_below_slow() -> None:
    with pytest.raises(RuleError, match=r"fast \(26\) must be below slow \(26\)") as refusal:
        Macd.Parameters.from_mapping({"fast": 26})
    assert set(refusal.value.fields) == {"fast"}
