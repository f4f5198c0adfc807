"""Bars merged for the eye."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backtests.reports.series import merge_bars, positions, wall_clock_labels, wall_clock_ms
from backtests.tests.domain.statistics_cases import shanghai_ns
from backtests.tests.report_cases import bars


def test_few_bars_stay_as_they_are() -> None:
    series = bars(30)
    merged = merge_bars(series, 30)
    assert merged.size == 1
    assert merged.close.tolist() == series.close.tolist()


@given(count=st.integers(1, 200), limit=st.integers(1, 60))
def test_merged_bars_keep_order_ends_and_extremes(count: int, limit: int) -> None:
    series = bars(count)
    merged = merge_bars(series, limit)
    assert len(merged.close) <= limit
    for group in range(len(merged.close)):
        part = slice(group * merged.size, (group + 1) * merged.size)
        assert merged.start[group] == series.start[part][0]
        assert merged.open[group] == series.open[part][0]
        assert merged.close[group] == series.close[part][-1]
        assert merged.high[group] == series.high[part].max()
        assert merged.low[group] == series.low[part].min()


def test_a_fill_lies_inside_its_group() -> None:
    series = bars(9)
    assert positions(series.start, series.start, 1).tolist() == list(range(9))
    thirds = positions(series.start, series.start, 3)
    assert thirds[[1, 4, 7]].tolist() == [0.0, 1.0, 2.0]
    assert (np.abs(thirds - np.arange(9) // 3) < 0.5).all()


def test_times_are_those_of_shanghai() -> None:
    moment = np.array([shanghai_ns("2024-03-02 00:30")])
    assert wall_clock_labels(moment) == ["2024-03-02 00:30"]
    assert wall_clock_ms(moment).tolist() == [1709339400000.0]  # reads as 2024-03-02 00:30 in UTC
