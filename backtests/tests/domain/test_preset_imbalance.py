"""The imbalance of the best quotes by hand, tick by tick, and checked on recorded ticks."""

import math
from pathlib import Path
from typing import Any

import pytest

from backtests.domain.engine import RunSetup
from backtests.domain.lookahead import look_ahead_in
from backtests.domain.lookahead_ticks import TickMarket
from backtests.domain.lookahead_warm_up import warm_ups_in
from backtests.domain.tick_engine import run_ticks
from backtests.tests.domain.tick_market import FIRST_DAY, day_of, fills_of, leg_of, tick
from benchmarks import preset_ticks, presets
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from strategies import registry

QUICK = {"length": 2, "enter": 0.5, "leave": 0.1, "spread": 2}


def leaning(*sizes: tuple[int, int], day: int = FIRST_DAY, **given: Any) -> list[Tick]:
    """Ticks with these sizes at 99 and 101."""
    return [
        tick(number, day, bid_volume=bid, ask_volume=ask, **given) for number, (bid, ask) in enumerate(sizes, start=1)
    ]


def signals(*days: list[Tick], **values: object) -> list[list[float]]:
    """The targets of the signals after each tick."""
    strategy = registry.create("imbalance", {**QUICK, **values})
    found: list[list[float]] = []
    generate = strategy.generate_signals

    def noted() -> Any:
        given = generate()
        found.append([signal.target for signal in given])
        return given

    strategy.generate_signals = noted  # type: ignore[method-assign] # one instance, for the test to listen
    made = [day_of(*ticks) for ticks in days]
    run_ticks(made, leg_of(made), strategy, RunSetup(1e6, 1.0))
    return found


def test_it_goes_with_the_heavier_side_when_the_mean_comes_to_the_size_and_out_when_it_levels() -> None:
    # Leans 0, 1, 0, 0, -1, -1: means of two 0.5, 0.5, 0, -0.5, -1.
    ticks = leaning((10, 10), (10, 0), (10, 10), (10, 10), (0, 10), (0, 10))
    assert signals(ticks) == [[], [1.0], [], [0.0], [-1.0], []]


def test_the_position_stays_between_the_two_sizes() -> None:
    # Leans 1, 1, -0.4, 1, 1: means 1, 0.3, 0.3, 1: neither out nor, without having left, a new decision but the return.
    ticks = leaning((10, 0), (10, 0), (3, 7), (10, 0), (10, 0))
    assert signals(ticks) == [[], [1.0], [], [], [1.0]]


def test_wide_quotes_let_nobody_in_and_everybody_out() -> None:
    wide = leaning((10, 0), (10, 0), (10, 0), ask_price=102.0)
    assert signals(wide) == [[], [], []]
    assert signals(wide, spread=3) == [[], [1.0], []]
    assert signals(leaning((10, 10), (10, 10), ask_price=150.0)) == [[], [0.0]]


def test_a_tick_without_both_quotes_counts_for_nothing() -> None:
    first, second, third = leaning((10, 0), (10, 0), (10, 0))
    missing = tick(2, bid_price=math.nan, bid_volume=0)
    assert signals([first, missing, third]) == [[], [], [1.0]]
    assert signals([first, tick(2, bid_volume=0, ask_volume=0), third]) == [[], [], [1.0]]
    assert signals([first, second]) == [[], [1.0]]


def test_a_day_begins_with_nothing() -> None:
    today, tomorrow = leaning((10, 0), (10, 0)), leaning((10, 0), (10, 0), day=FIRST_DAY + 1)
    assert signals(today, tomorrow) == [[], [1.0], [], [1.0]]


def test_its_decisions_take_the_displayed_prices() -> None:
    days = [day_of(*leaning((10, 10), (10, 0), (10, 10), (10, 10), (0, 10), (0, 10)))]
    strategy = registry.create("imbalance", QUICK)
    result = run_ticks(days, leg_of(days), strategy, RunSetup(1e6, 1.0))
    # In on the second tick at the ask, out on the fourth at the bid; on the fifth nobody bids: the sixth neither.
    assert fills_of(result)[0] == (1, 101.0, 1.0)
    assert fills_of(result)[1] == (-1, 99.0, 1.0)


def test_the_way_out_lies_inside_of_the_way_in() -> None:
    with pytest.raises(RuleError) as refusal:
        registry.create("imbalance", {"enter": 0.3, "leave": 0.3})
    assert refusal.value.fields == {"leave": "leave (0.3) must be below enter (0.3)."}


@pytest.mark.real_data
@pytest.mark.parametrize("name", preset_ticks.RECORDED)
def test_on_recorded_ticks_it_looks_neither_ahead_nor_further_back_than_it_says(name: str, shared_data: Path) -> None:
    leg, day = presets.tick_leg_of(name, shared_data), preset_ticks.day_of(name, shared_data)
    part = type(day)(day.trading_day, day.opens, day.closes, day.ticks[:6_000])
    market = TickMarket(leg, [part], RunSetup(1e7, 1.0))
    found = look_ahead_in(market, lambda: registry.create("imbalance", {}), cuts=6)
    assert found.faults == ()
    (warm,) = warm_ups_in(market, lambda: registry.create("imbalance", {}), cuts=6)
    assert warm.stated == 21
    assert not warm.short, warm.sentence
