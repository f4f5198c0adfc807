"""Turnover, exposure, holding and excursions: by hand, and against loops over bars and lots written a second time."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.result import RunResult
from backtests.domain.statistics import standard
from backtests.domain.statistics_market import excursions
from backtests.domain.statistics_ranges import extremes
from backtests.tests.domain.statistics_cases import Lot, MarketCase, market_case, market_cases, result_of_lots

CAPITAL = 100_000.0


def test_excursions_by_hand() -> None:
    case = market_case()
    found = excursions(case.result.trades, [case.bars], [10.0])
    # long 2 at 100.5 through bars 0 and 1 (99 to 108), out at 106.5; short 1 at 106.5 through bars 2 and 3
    # (90 to 109), out at 92.5; the third one has nothing but its own two prices, 97.5 and 93.5
    assert found.mae.tolist() == [-1.5 * 2 * 10, -2.5 * 10, -4.0 * 10]
    assert found.mfe.tolist() == [7.5 * 2 * 10, 16.5 * 10, 0.0]


def test_exposure_turnover_and_holding_by_hand() -> None:
    case = market_case()
    figures = standard(case.result, CAPITAL, bars=case.bars, multiplier=10.0)
    assert figures["exposure"] == pytest.approx(4 / 6)  # bars 0 to 3; bar 4 ended flat, and so did bar 5
    traded = (2 * 100.5 + 2 * 106.5 + 106.5 + 92.5 + 93.5 + 97.5) * 10
    assert figures["turnover"] == pytest.approx(traded)
    mean = (100_010 + 99_950 + 100_030) / 3
    assert figures["annual_turnover"] == pytest.approx(traded / mean * 252 / 3)
    assert figures["average_holding_bars"] == pytest.approx(4 / 3)
    assert figures["average_holding_days"] == pytest.approx((1 + 1 + 0) / 3)  # the weekend between counts no day


def test_the_bar_of_the_exit_counts_by_the_exit_price_alone() -> None:
    case = market_case()
    early = [lot._replace(exit=1, exit_price=102.0) for lot in case.lots[:1]]
    found = excursions(_with(case, early).trades, [case.bars], [1.0])
    assert (found.mae.tolist(), found.mfe.tolist()) == ([-3.0], [5.0])  # bar 0: 99 to 103; bar 1 rose to 108


def _with(case: MarketCase, lots: list[Lot]) -> RunResult:
    return result_of_lots(case.legs, lots, [CAPITAL] * 3)


def _excursion(case: MarketCase, lot: Lot, multiplier: float) -> tuple[float, float]:
    """Worst and best money of one lot, price by price."""
    bars = case.legs[lot.leg]
    seen = [lot.entry_price, lot.exit_price]
    for bar in range(lot.entry, lot.exit):
        seen += [float(bars.high[bar]), float(bars.low[bar])]
    money = [lot.side * (price - lot.entry_price) * lot.volume * multiplier for price in seen]
    return min(money), max(money)


def _held_bars(case: MarketCase, leg: int) -> int:
    """Bars of a leg after which the lots bought and sold so far do not cancel out."""
    held = 0
    for bar in range(len(case.legs[leg])):
        mine = [lot for lot in case.lots if lot.leg == leg]
        position = sum(lot.side * lot.volume for lot in mine if lot.entry <= bar)
        position -= sum(lot.side * lot.volume for lot in mine if lot.exit <= bar)
        held += position != 0
    return held


def _check(case: MarketCase, multipliers: list[float]) -> None:
    one = len(case.legs) == 1
    figures = standard(
        case.result,
        CAPITAL,
        bars=case.bars if one else case.legs,
        multiplier=multipliers[0] if one else multipliers,
    )
    bars = sum(map(len, case.legs))
    held = sum(_held_bars(case, leg) for leg in range(len(case.legs)))
    assert figures["exposure"] == pytest.approx(held / bars, abs=1e-12)
    traded = math.fsum((lot.entry_price + lot.exit_price) * lot.volume * multipliers[lot.leg] for lot in case.lots)
    assert figures["turnover"] == pytest.approx(traded, rel=1e-12)
    yearly = traded / math.fsum(case.result.days.equity) * 252
    assert figures["annual_turnover"] == pytest.approx(yearly, rel=1e-12)
    _check_lots(case, multipliers, figures)


def _check_lots(case: MarketCase, multipliers: list[float], figures: dict[str, float | int | None]) -> None:
    names = ("mae_mean", "mae_worst", "mfe_mean", "mfe_best", "average_holding_bars", "average_holding_days")
    if not case.lots:
        assert [figures[name] for name in names] == [None] * 6
        return
    pairs = [_excursion(case, lot, multipliers[lot.leg]) for lot in case.lots]
    against, favour = zip(*pairs, strict=True)
    days = list(case.result.days.trading_day)
    day_of = [case.legs[leg].trading_day.tolist() for leg in range(len(case.legs))]
    spans = [days.index(day_of[lot.leg][lot.exit]) - days.index(day_of[lot.leg][lot.entry]) for lot in case.lots]
    number = len(case.lots)
    wanted = [
        *(math.fsum(against) / number, min(against), math.fsum(favour) / number, max(favour)),
        *(sum(lot.exit - lot.entry for lot in case.lots) / number, sum(spans) / number),
    ]
    assert [figures[name] for name in names] == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    found = excursions(case.result.trades, case.legs, multipliers)
    assert found.mae.tolist() == pytest.approx(list(against), abs=1e-9)
    assert found.mfe.tolist() == pytest.approx(list(favour), abs=1e-9)


@given(market_cases())
@settings(max_examples=60, deadline=None)
def test_one_leg(case: MarketCase) -> None:
    _check(case, [10.0])


@given(market_cases(legs=3))
@settings(max_examples=80, deadline=None)
def test_three_legs_with_their_own_bars_and_multipliers(case: MarketCase) -> None:
    _check(case, [10.0, 300.0, 0.5])


RANGES = st.lists(st.tuples(st.integers(0, 49), st.integers(0, 49)).map(sorted), min_size=1, max_size=40)


@given(st.lists(st.floats(-1e6, 1e6), min_size=50, max_size=50), RANGES, st.booleans())
@settings(max_examples=80, deadline=None)
def test_extremes_of_any_ranges(values: list[float], ranges: list[list[int]], is_chain: bool) -> None:
    if is_chain:  # each begins where the one before ended: the short way
        cuts = sorted({place for pair in ranges for place in pair})
        ranges = [[first, stop] for first, stop in pairwise(cuts)] or [[0, 49]]
    column = np.array(values)
    first, stop = (np.array(side, dtype=np.int64) for side in zip(*ranges, strict=True))
    high, low = extremes(column, -column, first, stop)
    whole = stop > first
    parts = [values[begin:end] for begin, end in ranges if begin < end]
    assert high[whole].tolist() == [max(part) for part in parts]
    assert low[whole].tolist() == [-max(part) for part in parts]


def test_exposure_without_a_fill_is_zero_and_without_a_bar_undefined() -> None:
    case = market_case()
    empty = case.bars.take(slice(0, 0))
    assert standard(_with(case, []), CAPITAL, bars=case.bars)["exposure"] == 0.0
    assert standard(_with(case, []), CAPITAL, bars=empty)["exposure"] is None
