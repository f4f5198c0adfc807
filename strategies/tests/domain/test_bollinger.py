"""Both modes of bollinger, by hand and against plain Python."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries
from marketdata.tests.domain import slow_indicators as slow
from quantsite.common.errors import RuleError
from strategies.library.bollinger import Bollinger
from strategies.tests.domain.bars import crossings, flat, shown, tick_bars


def bollinger(length: int, width: float, mode: str = "breakout") -> Bollinger:
    return Bollinger(Bollinger.Parameters(length, width, mode))


def test_signals_by_hand() -> None:
    # length 3, width 1  closes: 10  10  10  13      12      9      3
    # middle:                            10  11      11.667  11.333 8
    # deviation:                          0   1.414   1.247   1.700 3.742
    # bands:                          10-10   9.586   10.420  9.634 4.258
    #                                        12.414   12.913  13.033
    # the close:                       on   breaks up inside  breaks down (and crosses the middle)
    closes = flat([10, 10, 10, 13, 12, 9, 3])
    assert shown(bollinger(3, 1.0), closes) == [None, None, None, 1, None, -1, None]
    assert shown(bollinger(3, 1.0, "reversion"), closes) == [None, None, None, -1, None, 1, None]


def test_a_cross_of_the_middle_line_alone_means_out() -> None:
    # length 3, width 1.4; the last close lies below the mean of 10, 13 and 11, inside the bands
    closes = flat([10, 10, 10, 13, 11])
    assert shown(bollinger(3, 1.4), closes) == [None, None, None, 1, 0]
    assert shown(bollinger(3, 1.4, "reversion"), closes) == [None, None, None, -1, 0]


@settings(deadline=None)
@given(tick_bars(), st.integers(2, 15), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_decisions_are_those_of_plain_python(bars: BarSeries, length: int, width: float, against: bool) -> None:
    closes = bars.close.tolist()
    middle, deviation = slow.sma(closes, length), slow.deviation(closes, length)
    above = crossings(closes, [line + width * by for line, by in zip(middle, deviation, strict=True)], closes)
    below = crossings(closes, [line - width * by for line, by in zip(middle, deviation, strict=True)], closes)
    out = crossings(closes, middle, closes)
    expected: list[float | None] = []
    for at in range(len(closes)):
        broken = (above[at] > 0) - (below[at] < 0)
        expected.append((-broken if against else broken) or (0.0 if out[at] else None))
    assert shown(bollinger(length, width, "reversion" if against else "breakout"), bars) == expected


def test_the_warm_up_is_two_windows() -> None:
    assert bollinger(20, 2.0).warm_up() == 21


def test_an_unknown_mode_proposes_a_near_one() -> None:
    with pytest.raises(RuleError, match="Did you mean 'breakout'"):
        Bollinger.Parameters.from_mapping({"mode": "breakuot"})
