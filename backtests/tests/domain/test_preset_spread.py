"""The two legs of spread, by hand and against plain Python over lists of closes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.legs import Leg
from backtests.tests.domain.preset_runs import Deal, of_table, pair_deals, targets_to_deals
from backtests.tests.domain.series import flat_costs
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.tests.domain.bars import flat, tick_bars

STILL = [50.0] * 10


def test_both_legs_go_in_far_from_the_mean_and_out_at_it() -> None:
    # Of the last four closes 101 is the low one, until 106: mean 103.25, deviation 1.79, z 1.54: short at 103.
    # Then 103 of 103, 101, 106, 103: mean 103.25: z below 0, out at 99. That is 1.5 deviations below: long, and
    # 103 is above the mean again.
    first = flat([101, 103, 101, 103, 106, 103, 99, 103, 103, 103])
    found = pair_deals({"length": 4, "entry": 1.2}, [first, flat(STILL)])
    assert found[0] == [(5, -1, 103.0, 1.0), (6, 1, 99.0, 1.0), (7, 1, 103.0, 1.0), (8, -1, 103.0, 1.0)]
    assert found[1] == [(5, 1, 50.0, 1.0), (6, -1, 50.0, 1.0), (7, -1, 50.0, 1.0), (8, 1, 50.0, 1.0)]


def test_the_second_leg_has_its_own_weight() -> None:
    first, second = flat([101, 103, 101, 103, 106, 103]), flat([10, 10, 10, 10, 10, 10])
    found = pair_deals({"length": 4, "entry": 1.2, "lots": 3, "ratio": 5}, [first, second])
    assert found == [[(5, -1, 103.0, 1.0)], [(5, 1, 10.0, 3.0)]]


def test_bars_of_one_leg_alone_are_no_value() -> None:
    first, second = flat([101, 103, 101, 103, 106, 103, 103]), flat(STILL[:7])
    lonely = np.array([0, 1, 2, 3, 5, 6])
    # The bar with the leap has no partner; what remains stays within 1.2 deviations.
    assert pair_deals({"length": 4, "entry": 1.2}, [first, second.take(lonely)]) == [[], []]


def test_an_opening_refused_on_one_leg_takes_the_other_out() -> None:
    first, second = flat([101, 103, 101, 103, 106, 107, 108, 109]), flat([5_000] * 8)
    legs = [Leg("a", first, flat_costs()), Leg("b", second, flat_costs())]
    strategy = registry.create("spread", {"length": 4, "entry": 1.2})
    result = run_legs(legs, strategy, RunSetup(1_000.0, 1.0))  # margin for the first, not for 5,000 a lot
    assert result.rejected == 1
    assert of_table(result.fills, 0) == [(5, -1, 107.0, 1.0), (6, 1, 108.0, 1.0)]
    assert of_table(result.fills, 1) == []


def test_it_needs_two_legs() -> None:
    leg = Leg("a", flat(STILL), flat_costs())
    with pytest.raises(RuleError) as refusal:
        run_legs([leg], registry.create("spread", {}), RunSetup(1e6, 1.0))
    assert refusal.value.code == "wrong_legs"


def slow_spread(first: list[float], second: list[float], length: int, entry: float, ratio: float) -> list[float | None]:
    """The side of the spread after each pair of closes, ``None`` where it does not change."""
    found: list[float | None] = []
    held = 0
    for at in range(len(first)):
        values = [a - ratio * b for a, b in zip(first, second, strict=True)][max(at - length + 1, 0) : at + 1]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        side = held
        if len(values) == length and deviation > 1e-6:
            z = (values[-1] - mean) / deviation
            if abs(z) >= entry - 1e-9:
                side = -1 if z > 0 else 1
            elif held * z >= -1e-9:
                side = 0
        found.append(float(side) if side != held else None)
        held = side
    return found


@settings(deadline=None, max_examples=60)
@given(
    tick_bars(least=80, most=80),
    tick_bars(least=80, most=80),
    st.integers(2, 12),
    st.sampled_from([0.7, 1.0, 1.5, 2.0]),
    st.sampled_from([1.0, 0.5]),
)
def test_fills_are_those_of_plain_python(
    first: BarSeries, second: BarSeries, length: int, entry: float, ratio: float
) -> None:
    second = BarSeries(
        second.instrument,
        second.interval,
        first.start,
        first.trading_day,
        *(getattr(second, name) for name in ("open", "high", "low", "close", "volume", "turnover", "open_interest")),
    )
    sides = slow_spread(first.close.tolist(), second.close.tolist(), length, entry, ratio)
    meant: list[list[Deal]] = [
        targets_to_deals(first, sides),
        targets_to_deals(second, [None if side is None else -2.0 * side for side in sides]),
    ]
    values: dict[str, object] = {"length": length, "entry": entry, "ratio": ratio, "lots": 2}
    assert pair_deals(values, [first, second]) == meant
