"""Recorded days by two roads: the real runner, stream and account's loop in lock-step, and the run under the host."""

from collections.abc import Sequence
from datetime import time

import pytest

from backtests.domain.drift.comparison import What
from backtests.tests.domain.hosted_days import AP, RU, RU_HOLIDAY
from backtests.tests.parity_roads import CASES, Roads, by_both_roads, day_of, sound_ticks
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.times import SHANGHAI, ns_to_utc
from strategies import registry

pytestmark = [pytest.mark.django_db(transaction=True), needs_data, pytest.mark.real_data]

EVERY = 4
"""Of the ticks one in so many, so that few of them make many bars."""
MOMENTS = (
    (time(8, 55), time(9, 20)),
    (time(10, 10), time(10, 36)),
    (time(11, 26), time(13, 36)),
    (time(14, 55), time(15)),
)
"""The opening, both breaks, and the end of the day."""
OVER_NIGHT = ["momentum_portfolio", "dual_thrust", "grid", "spread"]
"""Presets that go by the days before, that place anew what rested, and that hold over night."""


def around_the_moments() -> Sequence[Tick]:
    """A day of few ticks."""
    clock = [(tick, ns_to_utc(tick.time).astimezone(SHANGHAI).time()) for tick in sound_ticks(AP)]
    chosen = [tick for tick, at in clock if any(first <= at < last for first, last in MOMENTS)]
    return chosen[::EVERY]


def expect_no_difference(found: dict[str, Roads], traded: set[str]) -> None:
    """Signals bar for bar and instant for instant, orders, fills at the same prices and instants; some there were."""
    told = {name: (roads.drift.counts, roads.drift.rows[:3]) for name, roads in found.items() if roads.drift.rows}
    assert not told
    for name, (live, hosted, _drift) in found.items():
        assert [signal[:4] for signal in live.signals] == [signal[:4] for signal in hosted.signals], name
        assert [order.decided_at for order in live.orders] == [order.decided_at for order in hosted.orders], name
        assert {order.refused for order in live.orders} == {order.refused for order in hosted.orders}, name
    assert traded == {name for name, roads in found.items() if roads.drift.alike[What.FILL]}


def test_each_preset_has_a_case() -> None:
    assert set(CASES) == set(registry.library_names())


def test_every_preset_goes_live_as_it_goes_in_a_backtest() -> None:
    names = set(CASES) - {"momentum_portfolio"}
    found = by_both_roads(AP, [day_of(AP, around_the_moments())], sorted(names))
    expect_no_difference(found, names - {"dual_thrust"})


def test_what_is_held_over_night_goes_on_as_in_a_backtest() -> None:
    days = [day_of(each, sound_ticks(each)[:1_500:5]) for each in (RU_HOLIDAY, RU)]
    found = by_both_roads(RU, days, OVER_NIGHT)
    expect_no_difference(found, set(OVER_NIGHT))


@pytest.mark.soak
def test_a_whole_day_of_every_preset_goes_live_as_it_goes_in_a_backtest() -> None:
    found = by_both_roads(AP, [day_of(AP, sound_ticks(AP))], sorted(CASES))
    expect_no_difference(found, set(CASES) - {"dual_thrust", "momentum_portfolio"})
