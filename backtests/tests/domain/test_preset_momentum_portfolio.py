"""The portfolio by hand and against plain Python; its legs are as many as it is given."""

from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.legs import Leg
from backtests.domain.lookahead import look_ahead
from backtests.domain.lookahead_warm_up import warm_ups
from backtests.tests.domain.preset_runs import RICH, Deal, of_table, targets_to_deals
from backtests.tests.domain.series import flat_costs
from benchmarks import presets
from benchmarks.presets import Case
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.tests.domain.bars import flat

NAME = "momentum_portfolio"


def deals(values: dict[str, object], *legs: BarSeries, capital: float = RICH) -> list[list[Deal]]:
    """The fills, leg by leg."""
    given_legs = [Leg(f"leg{number}", bars, flat_costs()) for number, bars in enumerate(legs)]
    fills = run_legs(given_legs, registry.create(NAME, values), RunSetup(capital, 1.0)).fills
    return [of_table(fills, leg) for leg in range(len(legs))]


def test_the_strongest_is_bought_and_the_weakest_sold_at_each_new_day() -> None:
    # Days of three bars; over two bars, on bar 3: +10 %, 0 %, -10 %. On bar 6: -10 % (99 of 110), 0 %, +10 %.
    rising = flat([100, 100, 105, 110, 110, 105, 99, 99, 99], day_bars=3)
    still = flat([50] * 9, day_bars=3)
    falling = flat([100, 100, 95, 90, 90, 95, 99, 99, 99], day_bars=3)
    assert deals({"length": 2}, rising, still, falling) == [
        [(4, 1, 110.0, 1.0), (7, -1, 99.0, 1.0), (7, -1, 99.0, 1.0)],
        [],
        [(4, -1, 90.0, 1.0), (7, 1, 99.0, 1.0), (7, 1, 99.0, 1.0)],
    ]


def test_each_side_holds_as_many_as_asked_and_at_most_half() -> None:
    legs = [flat([100, 100, 100 + change, 100], day_bars=2) for change in (3, 1, -1, -3, 0)]
    assert [len(found) for found in deals({"length": 1, "hold": 2}, *legs)] == [1, 1, 1, 1, 0]
    assert [len(found) for found in deals({"length": 1, "hold": 9}, *legs)] == [1, 1, 1, 1, 0]
    assert [len(found) for found in deals({"length": 1, "hold": 9}, *legs[:3])] == [1, 0, 1]


def test_equal_momenta_rank_in_the_order_of_the_legs() -> None:
    legs = [flat([100, 100, 101, 101], day_bars=2) for _ in range(3)]
    assert deals({"length": 1}, *legs) == [[(3, 1, 101.0, 1.0)], [], [(3, -1, 101.0, 1.0)]]


def test_bars_that_one_leg_lacks_are_not_counted() -> None:
    first, second = flat([100, 100, 104, 104, 104, 104], day_bars=2), flat([100, 100, 90, 100, 100, 100], day_bars=2)
    gap = second.take(np.array([0, 1, 3, 4, 5]))
    # Bar 2, the first of the second day, has no partner: the day begins with bar 3, where the second is level.
    assert deals({"length": 1}, first, gap)[0] == [(4, 1, 104.0, 1.0)]
    assert deals({"length": 1}, first, second)[1][0] == (3, -1, 100.0, 1.0)


def test_what_was_refused_is_tried_again_a_day_later() -> None:
    cheap = flat([10, 10, 11, 11, 11, 11, 12, 12], day_bars=2)
    dear = flat([5_000, 5_000, 5_000, 5_000, 5_000, 10, 10, 10], day_bars=2)
    # 100 yuan buy the first, and not the second before it costs 10.
    bought, sold = deals({"length": 1}, cheap, dear, capital=100.0)
    assert bought[0] == (3, 1, 11.0, 1.0)
    assert sold[0] == (5, -1, 10.0, 1.0)


def test_it_takes_two_legs_or_more() -> None:
    with pytest.raises(
        RuleError, match="momentum_portfolio trades two instruments or more at a time, not 1"
    ) as refusal:
        deals({}, flat([1.0, 2.0]))
    assert refusal.value.code == "wrong_legs"


def slow(closes: list[list[float]], days: list[int], length: int, hold: int) -> list[list[float | None]]:
    """The targets of each leg after each bar, ``None`` where nothing is decided."""
    targets: list[list[float | None]] = [[None] * len(days) for _ in closes]
    for at in range(length, len(days)):
        if days[at] == days[at - 1]:
            continue
        momenta = [leg[at] / leg[at - length] - 1 for leg in closes]
        order = sorted(range(len(closes)), key=lambda leg: (-round(momenta[leg], 9), leg))
        side = min(hold, len(closes) // 2)
        for rank, leg in enumerate(order):
            targets[leg][at] = 1.0 if rank < side else -1.0 if rank >= len(order) - side else 0.0
    return targets


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(2, 5), st.integers(1, 9), st.integers(1, 3), st.sampled_from([1, 4, 7]))
def test_fills_are_those_of_plain_python(data: st.DataObject, count: int, length: int, hold: int, day: int) -> None:
    moves = st.lists(st.integers(-9, 9), min_size=40, max_size=40)
    closes = [(1_000.0 + np.cumsum(data.draw(moves))).tolist() for _ in range(count)]
    bars = [flat(leg, day_bars=day) for leg in closes]
    targets = slow(closes, bars[0].trading_day.tolist(), length, hold)
    meant = [targets_to_deals(leg, wish) for leg, wish in zip(bars, targets, strict=True)]
    assert deals({"length": length, "hold": hold}, *bars) == meant


@pytest.mark.real_data
def test_on_recorded_bars_of_four_it_looks_neither_ahead_nor_further_back_than_it_says(shared_data: Path) -> None:
    case = Case(("rb", "TA", "m", "IF1908"), NAME, {"length": 90})
    legs, setup = presets.legs_of(case, shared_data), RunSetup(1e8, 1.0)
    found = look_ahead(legs, lambda: registry.create(NAME, case.values), setup, cuts=10)
    assert found.faults == ()
    # The warm-up counts common bars: at night and in the breaks one of the four has none.
    common = reduce(np.intersect1d, [leg.bars.start for leg in legs])
    day = [Leg(leg.code, leg.bars.take(np.isin(leg.bars.start, common)), leg.costs) for leg in legs]
    (warm,) = warm_ups(day, lambda: registry.create(NAME, case.values), setup)
    assert (warm.stated, warm.short) == (91, False)
