"""Live values: on a forming bar, and on the bar when it has closed, what the whole series gives."""

import math
import time

import numpy as np
import pytest

from marketdata.domain.bars import BarSeries
from marketdata.domain.indicator_parameters import parsed_parameters
from marketdata.domain.indicator_values import compute
from marketdata.domain.live_indicator import LiveIndicator, live_indicator
from marketdata.domain.talib_catalogue import catalogue
from marketdata.tests.domain.bar_columns import message, recorded_bars
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.errors import MissingError, RuleError

pytestmark = [pytest.mark.real_data, needs_data]

ROWS = 2_100


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    """Recorded bars of five minutes."""
    return recorded_bars("SHFE.rb.HOT_5m_2014-2019", "5m", ROWS)


def close_to(one: float, other: float, size: float) -> bool:
    """Equal to the last digits; NaN is NaN."""
    return one == other or (math.isnan(one) and math.isnan(other)) or abs(one - other) <= 1e-12 * size


@pytest.mark.parametrize("warm", [0, 25, 2_000])
def test_every_indicator_bar_by_bar(bars: BarSeries, warm: int) -> None:
    rows = [message(bar) for bar in bars.take(slice(warm, warm + 100)).rows()]
    for name, entry in catalogue().items():
        values = parsed_parameters(entry, {})
        whole = compute(entry, values, bars)
        live = LiveIndicator(entry, values)
        live.warm(bars.take(slice(0, warm)))
        for row, bar in enumerate(rows, warm):
            forming = live.value(bar)
            live.close(bar)
            closed, again = live.value(), live.value(bar)
            for output, column in whole.items():
                size = float(np.max(np.abs(column), where=np.isfinite(column), initial=0.0))
                for found in (forming, closed, again):
                    assert close_to(found[output], float(column[row]), size), f"{name}.{output} on bar {row}"


def test_a_forming_bar_changes_nothing_until_it_closes(bars: BarSeries) -> None:
    live = live_indicator("ema", {"timeperiod": "10"})
    live.warm(bars.take(slice(0, 100)))
    newest = live.value()
    first, second = (message(bar) for bar in bars.take(slice(100, 102)).rows())
    values = [live.value(first), live.value(second), live.value(first)]
    assert values[0] == values[2] != values[1]
    assert live.value() == newest


def test_bars_that_are_known_already_are_left_out(bars: BarSeries) -> None:
    live = live_indicator("obv")
    live.warm(bars.take(slice(0, 100)))
    newest = live.value()
    for bar in bars.take(slice(90, 100)).rows():
        live.close(message(bar))
        assert live.value(message(bar)) == newest
    assert live.newest == bars.start[99]


def test_without_bars_nothing_is_known(bars: BarSeries) -> None:
    for name in ("macd", "kdj"):
        live = live_indicator(name)
        assert all(math.isnan(value) for value in live.value().values())
        assert all(math.isnan(value) for value in live.value(message(next(bars.rows()))).values())


def test_the_difference_of_the_macd_may_be_doubled(bars: BarSeries) -> None:
    once, twice = live_indicator("macd"), live_indicator("macd", {"histogram": 2})
    for live in (once, twice):
        live.warm(bars.take(slice(0, 500)))
    assert twice.value()["macdhist"] == 2 * once.value()["macdhist"] != 0


def test_mistakes_are_told_before_anything_is_computed() -> None:
    with pytest.raises(MissingError):
        live_indicator("mcad")
    with pytest.raises(RuleError):
        live_indicator("macd", {"fast": "3"})


def test_a_value_takes_far_less_than_a_millisecond(bars: BarSeries) -> None:
    bar = message(next(bars.take(slice(2_000, None)).rows()))
    for name in catalogue():
        live = live_indicator(name)
        live.warm(bars.take(slice(0, 2_000)))
        passed = []
        for _try in range(20):
            begun = time.thread_time()
            live.value(bar)
            passed.append(time.thread_time() - begun)
        assert min(passed) < 0.001, name
