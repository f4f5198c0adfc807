"""A block read with another year is the block computed with it."""

import numpy as np
import pytest
from hypothesis import given, settings

from backtests.domain.statistics import standard
from backtests.domain.statistics_annual import known_annual_days, with_annual_days
from backtests.domain.statistics_conventions import STANDARD, conventions_with
from backtests.tests.domain.statistics_cases import equity_curves, market_case, result_of
from quantsite.common.errors import RuleError


@given(equity_curves())
@settings(max_examples=60, deadline=None)
def test_as_if_computed_with_it(equity: list[float]) -> None:
    result = result_of(equity, [3.0, -1.0])
    other = np.linspace(-0.01, 0.02, len(equity))
    stored, wanted = (standard(result, 100.0, days, benchmark=other) for days in (252, 242))
    found = with_annual_days(stored, 242)
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        if stored[name] is None:  # beyond a double with 252 days perhaps, and then with 242 not stored
            assert found[name] is None
        else:
            assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_every_figure_that_a_year_enters_is_known() -> None:
    case = market_case()
    both = [standard(case.result, 100_000.0, days, bars=case.bars, multiplier=10.0) for days in (252, 242)]
    found = with_annual_days(both[0], 242)
    assert found == pytest.approx(both[1], rel=1e-9)
    assert sum(found[name] != value for name, value in both[0].items()) == 8


def test_what_is_not_there_stays_away() -> None:
    assert with_annual_days({"sharpe": None, "net_profit": 3.0}, 242) == {"sharpe": None, "net_profit": 3.0}


def test_the_year_is_one_of_two() -> None:
    assert (known_annual_days(None), known_annual_days(""), known_annual_days("242")) == (252, 252, 242)
    with pytest.raises(RuleError, match="must be 252 / 242, not '365'"):
        known_annual_days("365")


def test_the_conventions_tell_it() -> None:
    told = conventions_with(242)
    assert told["standard"] == {**STANDARD, "annual_days": 242}
    assert told["vnpy"]["annual_days"] == 240
