"""Lines and stops of dual_thrust, by hand and against a plain Python day book."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.tests.domain.preset_runs import Deal, deals
from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.forms import Form
from strategies.tests.domain.bars import series, tick_bars

FORMS = pytest.mark.parametrize("form", [Form.EVENT, Form.PLAIN])


@FORMS
def test_lines_and_stops_by_hand(form: Form) -> None:
    bars = series(
        [
            (100, 106, 100, 104),
            (104, 104, 98, 100),
            # Day two. HH 106, LL 98, both closes 100: range = max(106 - 100, 100 - 98) = 6; lines 102 + 3, 102 - 3
            (102, 102, 102, 102),
            (102, 105, 102, 104),  # long at 105
            # Day three, range of day two: HH 105, LL 102, close 104: 2; lines 103 + 1, 103 - 1
            (103, 103, 103, 103),
            (103, 104, 103, 103),  # long already: nothing to do, the line is used up
            # Day four, range of day three: 104 - 103 = 1; lines 103.5 up to 104, 102.5 down to 102
            (103, 103, 103, 103),
            (97, 98, 97, 97),  # opens below the lower line: closed and reversed there
        ],
        day_bars=2,
    )
    found = deals("dual_thrust", {"days": 1}, bars, form)
    assert found == [(3, 1, 105.0, 1.0), (7, -1, 97.0, 1.0), (7, -1, 97.0, 1.0)]


@FORMS
def test_both_lines_on_one_day_reverse(form: Form) -> None:
    day = [(100, 104, 96, 100)] * 3
    bars = series([*day, (100, 100, 100, 100), (101, 103, 100, 101), (100, 101, 97, 98)], day_bars=3)
    # range 4, lines 102 and 98
    assert deals("dual_thrust", {"days": 1}, bars, form) == [(4, 1, 102.0, 1.0), (5, -1, 98.0, 1.0), (5, -1, 98.0, 1.0)]


def test_too_few_days_and_a_market_that_stood_still_give_no_orders() -> None:
    moving = series([(100, 104, 96, 100)] * 6, day_bars=2)
    assert deals("dual_thrust", {"days": 3}, moving) == []
    assert deals("dual_thrust", {"days": 2}, moving)
    still = series([(100, 100, 100, 100)] * 4 + [(100, 120, 80, 100)] * 2, day_bars=2)
    assert deals("dual_thrust", {"days": 1}, still) == []


def test_long_days_are_seen_whole() -> None:
    """The first look at the past is shorter than a day of 500 bars."""
    quiet = [(100.0, 100.0, 100.0, 100.0)] * 499
    first, second = [(100.0, 140.0, 60.0, 100.0), *quiet], [(100.0, 100.0, 100.0, 100.0), *quiet]
    bars = series([*first, *second, (100, 100, 100, 100), (100, 121, 100, 121)], day_bars=500)
    assert deals("dual_thrust", {"days": 1}, bars) == []
    assert deals("dual_thrust", {"days": 2}, bars) == [(1001, 1, 120.0, 1.0)]


def test_the_lines_of_yesterday_rest_until_the_first_bar_has_closed() -> None:
    bars = series([*[(100, 104, 96, 100)] * 4, (100, 103, 100, 103)], day_bars=2)
    assert deals("dual_thrust", {"days": 1}, bars) == [(3, 1, 102.0, 1.0), (3, -1, 98.0, 1.0), (3, -1, 98.0, 1.0)]
    calm = series([*[(100, 104, 96, 100)] * 2, *[(100, 100, 100, 100)] * 2, (100, 103, 100, 103)], day_bars=2)
    assert deals("dual_thrust", {"days": 1}, calm) == [(4, 1, 102.0, 1.0)]


def lines(book: list[list[tuple[int, Bar]]], days: int, k1: float, k2: float) -> list[tuple[int, float]]:
    """The stops of the last day in the book, buy first; none where there are none."""
    past = [[bar for _, bar in day] for day in book[-1 - days : -1]]
    if len(book) <= days:
        return []
    closes = [day[-1].close for day in past]
    highest, lowest = max(bar.high for day in past for bar in day), min(bar.low for day in past for bar in day)
    span = max(highest - min(closes), max(closes) - lowest)
    opened = book[-1][0][1].open
    upper, lower = math.ceil(round(opened + k1 * span, 6)), math.floor(round(opened - k2 * span, 6))
    return [(1, float(upper)), (-1, float(lower))] if span else []


def slow_dual_thrust(bars: BarSeries, days: int, k1: float, k2: float) -> list[Deal]:
    """Bar by bar with a list of stops: those that are reached act, the first close of a day replaces the rest."""
    book: list[list[tuple[int, Bar]]] = []
    found: list[Deal] = []
    stops: list[tuple[int, float]] = []
    held = 0
    for at, bar in enumerate(bars.rows()):
        for side, price in list(stops):
            if bar.high >= price if side > 0 else bar.low <= price:
                stops.remove((side, price))
                got = max(price, bar.open) if side > 0 else min(price, bar.open)
                found += [(at, side, got, 1.0)] * (0 if held == side else 1 if held == 0 else 2)
                held = side
        if book and book[-1][0][1].trading_day == bar.trading_day:
            book[-1].append((at, bar))
        else:
            book.append([(at, bar)])
            stops = lines(book, days, k1, k2)
    return found


@FORMS
@settings(deadline=None, max_examples=60)
@given(
    bars=tick_bars(least=1, most=100),
    days=st.integers(1, 4),
    shares=st.tuples(st.sampled_from([0.1, 0.5, 0.7, 1.0]), st.sampled_from([0.1, 0.5, 0.7, 1.0])),
)
def test_fills_are_those_of_plain_python(form: Form, bars: BarSeries, days: int, shares: tuple[float, float]) -> None:
    values: dict[str, object] = {"days": days, "k1": shares[0], "k2": shares[1]}
    assert deals("dual_thrust", values, bars, form) == slow_dual_thrust(bars, days, *shares)
