"""Bars merged for the eye, and months out of days."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.reports.series import merge_bars, monthly_returns, positions, wall_clock_labels, wall_clock_ms
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


def _days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]").astype(np.int32)


def test_months_follow_each_other_from_the_capital() -> None:
    days = _days("2023-11-30", "2023-12-01", "2023-12-29", "2024-02-01")
    rows = monthly_returns(days, np.array([110.0, 100.0, 121.0, 60.5]), 100.0)
    assert [row.year for row in rows] == [2023, 2024]
    assert rows[0].months[10] == pytest.approx(0.10)
    assert rows[0].months[11] == pytest.approx(0.10)
    assert rows[0].months[:10] == (None,) * 10
    assert rows[0].total == pytest.approx(0.21)
    assert rows[1].months[0] is None
    assert rows[1].months[1] == pytest.approx(-0.5)
    assert rows[1].total == pytest.approx(-0.5)


def test_months_after_ruin_are_undefined() -> None:
    rows = monthly_returns(_days("2024-01-31", "2024-02-29"), np.array([-5.0, 10.0]), 100.0)
    assert rows[0].months[0] == pytest.approx(-1.05)
    assert rows[0].months[1] is None


def test_no_day_no_month() -> None:
    assert monthly_returns(_days(), np.array([]), 100.0) == []
