"""Months out of days, and moving windows against the whole block over the same days."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.statistics import standard
from backtests.domain.statistics_returns import simple_returns
from backtests.domain.statistics_tables import monthly_returns, rolling
from backtests.tests.domain.statistics_cases import equity_curves, result_of

EPOCH = date(1970, 1, 1).toordinal()


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


@given(equity_curves(), st.integers(10_000, 20_000), st.data())
@settings(max_examples=50, deadline=None)
def test_months_against_a_walk_through_the_days(equity: list[float], first: int, data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(1, 50), min_size=len(equity), max_size=len(equity)))
    days = (first + np.cumsum(gaps)).astype(np.int32)
    growth: dict[tuple[int, int], float] = {}
    before = 100.0
    for day, value in zip(days.tolist(), equity, strict=True):
        when = date.fromordinal(EPOCH + day)
        for key in ((when.year, when.month), (when.year, 0)):
            growth[key] = growth.get(key, 1.0) * value / before
        before = value
    rows = monthly_returns(days, np.array(equity), 100.0)
    found = {(row.year, month): value for row in rows for month, value in enumerate((row.total, *row.months))}
    assert {key: value for key, value in found.items() if value is not None} == pytest.approx(
        {key: value - 1 for key, value in growth.items()}, rel=1e-9, abs=1e-9
    )


@given(equity_curves(), st.integers(2, 30))
@settings(max_examples=50, deadline=None)
def test_each_window_is_a_run_of_its_own(equity: list[float], window: int) -> None:
    returns = simple_returns(np.array(equity), 100.0)
    assert returns is not None
    found = rolling(returns, window, 252)
    for day in range(len(equity)):
        row = [float(column[day]) for column in found[1:]]
        if day < window - 1:
            assert all(map(math.isnan, row))
            continue
        start = equity[day - window] if day >= window else 100.0
        part = standard(result_of(equity[day - window + 1 : day + 1], capital=start), start)
        for value, name in zip(row, ("total_return", "annual_volatility", "sharpe"), strict=True):
            wanted = part[name]
            if wanted is None:
                assert math.isnan(value)
            elif part["annual_volatility"] > 1e-12:  # type: ignore[operator]  # defined from two days on
                assert value == pytest.approx(wanted, rel=1e-8, abs=1e-9)


def test_a_window_needs_two_days() -> None:
    with pytest.raises(ValueError, match="a window of 1 days"):
        rolling(np.zeros(5), 1, 252)
