"""Whatever range is asked for, an indicator's values are those of the whole history, the first one too."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicator_parameters import parsed_parameters
from marketdata.domain.indicator_values import Values, bars_needed, compute, final_values, joined
from marketdata.domain.talib_catalogue import Indicator, Memory, Value, catalogue, find_indicator
from marketdata.tests.domain.bar_columns import recorded_bars
from marketdata.tests.domain.recorded import needs_data

NAMES = list(catalogue())
ROUNDING = 1e-10
"""Of the largest value: running sums of 100,000 prices leave so much in TA-Lib's own values (CORREL the most)."""


def before(bars: BarSeries, start: int, asked: list[int | None] | None = None) -> Callable[[int | None], BarSeries]:
    """The bars before row ``start``, as a table would give them; notes how many were asked for."""

    def read(count: int | None) -> BarSeries:
        if asked is not None:
            asked.append(count)
        return bars.take(slice(0 if count is None else max(start - count, 0), start))

    return read


def part(name: str, bars: BarSeries, start: int, end: int, **given: str) -> Values:
    """Final values of rows ``start`` to ``end``."""
    entry = find_indicator(name)
    values = parsed_parameters(entry, given)
    return final_values(entry, values, bars.take(slice(start, end)), before(bars, start)).values


def assert_same(found: FloatColumn, whole: FloatColumn, rows: slice, what: str) -> None:
    """Equal to rounding, NaN where the other is NaN."""
    expected = whole[rows]
    assert np.array_equal(np.isnan(found), np.isnan(expected)), what
    size = np.max(np.abs(whole), where=np.isfinite(whole), initial=0.0)
    different = ~((found == expected) | np.isnan(expected))
    assert (np.abs(found[different] - expected[different]) <= ROUNDING * size).all(), what


@pytest.mark.real_data
@needs_data
@pytest.mark.parametrize(
    ("file", "interval"), [("SHFE.rb.HOT_5m_2014-2019", "5m"), ("DCE.m2005_1m_201907-201910", "1m")]
)
def test_the_first_value_of_a_range_is_that_of_the_whole_history(file: str, interval: str) -> None:
    bars = recorded_bars(file, interval, 100_000)
    count = len(bars)
    unstable = 0
    for name in NAMES:
        entry = find_indicator(name)
        values = parsed_parameters(entry, {})
        whole = compute(entry, values, bars)
        for start, end in ((7, 30), (count // 2, count // 2 + 40), (count - 700, count), (count - 1, count)):
            found = part(name, bars, start, end)
            for output, column in whole.items():
                assert_same(found[output], column, slice(start, end), f"{name}.{output} from {start}")
        if entry.memory(values) is not Memory.WINDOW:
            alone = compute(entry, values, bars.take(slice(count - 700, count)))
            unstable += any(
                abs(column[-700] - whole[output][-700]) > 1e-6 or np.isnan(column[-700])
                for output, column in alone.items()
            )
    assert unstable > 40, "without bars before the range the same comparison fails"


def memory_of_an_average(draw: st.DrawFn) -> tuple[Indicator, dict[str, Value]]:
    """A function with a memory, with drawn parameters."""
    entry = find_indicator(draw(st.sampled_from([name for name in NAMES if find_indicator(name).parameters])))
    given: dict[str, str | int | float] = {}
    for parameter in entry.parameters:
        if parameter.kind == "int":
            given[parameter.name] = draw(st.integers(int(parameter.low or 0), min(int(parameter.high or 0), 90)))
        elif parameter.choices:
            given[parameter.name] = draw(st.sampled_from(parameter.choices))
    return entry, parsed_parameters(entry, given)


drawn = st.composite(memory_of_an_average)


@pytest.mark.real_data
@needs_data
@settings(max_examples=150, deadline=None)
@given(case=drawn(), start=st.integers(1, 17_900), length=st.integers(1, 60))
def test_with_any_parameters_too(case: tuple[Indicator, dict[str, Value]], start: int, length: int) -> None:
    entry, values = case
    bars = recorded_bars("SHFE.rb.HOT_5m_2014-2019", "5m", 18_000)
    found = final_values(entry, values, bars.take(slice(start, start + length)), before(bars, start)).values
    for output, column in compute(entry, values, bars).items():
        assert_same(found[output], column, slice(start, start + length), f"{entry.name} {values}")


def walk(rows: int, seed: int = 5) -> BarSeries:
    """Bars of a random walk."""
    chance = np.random.default_rng(seed)
    close = 3_000.0 + np.cumsum(chance.integers(-3, 4, rows)).astype(np.float64)
    start = np.arange(1, rows + 1, dtype=np.int64) * 300_000_000_000
    volume = chance.integers(0, 500, rows).astype(np.float64)
    day = np.zeros(rows, dtype=np.int32)
    return BarSeries("x", "5m", start, day, close, close + 2, close - 2, close, volume, volume, volume)


def test_only_as_many_bars_are_read_as_are_needed() -> None:
    bars = walk(40_000)
    asked: list[int | None] = []
    for name in ("sma", "macd", "obv"):
        entry = find_indicator(name)
        final_values(entry, parsed_parameters(entry, {}), bars.take(slice(30_000, None)), before(bars, 30_000, asked))
    assert asked == [29, 33 + 26 * 64, None]


def test_a_slow_average_reads_on_until_its_start_is_forgotten() -> None:
    """KAMA takes in next to nothing of a price that goes nowhere: bars that alternate keep its start for long."""
    rows = np.arange(40_000)
    bars = walk(40_000)
    price = (3_000 + rows % 2 + (rows < 5_000) * rows).astype(np.float64)
    bars = BarSeries("x", "5m", bars.start, bars.trading_day, price, price, price, price, price, price, price)
    entry = find_indicator("kama")
    values = parsed_parameters(entry, {})
    asked: list[int | None] = []
    found = final_values(entry, values, bars.take(slice(39_000, None)), before(bars, 39_000, asked))
    assert len(asked) > 1
    assert_same(found.values["value"], compute(entry, values, bars)["value"], slice(39_000, None), "KAMA")


def test_what_adds_up_counts_from_the_first_bar_and_says_so() -> None:
    bars = walk(3_000)
    entry = find_indicator("obv")
    values = parsed_parameters(entry, {})
    found = final_values(entry, values, bars.take(slice(2_990, None)), before(bars, 2_990))
    assert found.begins == bars.start[0]
    assert found.values["value"].tolist() == compute(entry, values, bars)["value"][2_990:].tolist()
    ema = find_indicator("ema")
    assert final_values(ema, parsed_parameters(ema, {}), bars, before(bars, 0)).begins is None


def test_too_few_bars_give_unknown_values_and_none_give_none() -> None:
    bars = walk(20)
    assert np.isnan(part("macd", bars, 0, 20)["macdhist"]).all()
    assert np.isnan(part("cdldoji", bars, 0, 20)["value"]).tolist() == [True] * 10 + [False] * 10
    assert [len(column) for column in part("macd", bars, 20, 20).values()] == [0, 0, 0]
    assert len(part("kdj", bars, 3, 3)["j"]) == 0


def test_a_place_in_the_array_becomes_the_number_of_bars_since() -> None:
    bars = walk(300)
    found = part("minmaxindex", bars, 100, 300, timeperiod="12")
    for row in range(100, 300):
        window = bars.close[row - 11 : row + 1]
        assert window[11 - int(found["maxidx"][row - 100])] == window.max()
        assert window[11 - int(found["minidx"][row - 100])] == window.min()


def test_the_difference_of_the_macd_as_chinese_software_draws_it() -> None:
    bars = walk(500)
    once, twice = part("macd", bars, 400, 500), part("macd", bars, 400, 500, histogram="2")
    assert np.allclose(once["macdhist"], once["macd"] - once["macdsignal"], rtol=0, atol=1e-12)
    assert (twice["macdhist"] == 2 * once["macdhist"]).all()
    assert (twice["macd"] == once["macd"]).all()


def test_kdj_by_its_recurrence() -> None:
    bars = walk(120)
    found = part("kdj", bars, 0, 120)
    k = d = 50.0
    for row in range(120):
        if row < 8:
            assert np.isnan([column[row] for column in found.values()]).all()
            continue
        low, high = bars.low[row - 8 : row + 1].min(), bars.high[row - 8 : row + 1].max()
        k = (100 * (bars.close[row] - low) / (high - low) + 2 * k) / 3
        d = (k + 2 * d) / 3
        assert [column[row] for column in found.values()] == pytest.approx([k, d, 3 * k - 2 * d], abs=1e-9)


def test_kdj_where_nothing_moves_and_with_lengths_of_one() -> None:
    bars = walk(50)
    flat = BarSeries("x", "5m", bars.start, bars.trading_day, *[np.full(50, 7.0)] * 7)
    still = part("kdj", flat, 0, 50)
    assert still["k"][8:].tolist() == still["d"][8:].tolist() == still["j"][8:].tolist() == [50.0] * 42
    ones = part("kdj", bars, 0, 50, fastk_period="1", slowk_period="1", slowd_period="1")
    assert np.allclose(ones["j"], 50.0), "the close of these bars is in the middle of high and low"


def test_two_series_are_one_behind_the_other() -> None:
    bars = walk(30)
    both = joined(bars.take(slice(0, 11)), bars.take(slice(11, None)))
    assert both.start.tolist() == bars.start.tolist()
    assert both.volume.tolist() == bars.volume.tolist()
    assert bars_needed(find_indicator("sma"), {"timeperiod": 20, "price": "close"}) == 19
