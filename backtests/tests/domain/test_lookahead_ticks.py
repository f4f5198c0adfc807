"""The look-ahead check on ticks: what a class keeps from an earlier run is found, the honest are not suspected."""

from typing import ClassVar

import pytest
from msgspec import structs

from backtests.domain.engine import RunSetup
from backtests.domain.lookahead import FaultKind, look_ahead_in
from backtests.domain.lookahead_ticks import TickMarket
from backtests.domain.lookahead_warm_up import warm_ups_in
from backtests.tests.domain.tick_market import day_of, leg_of, tick
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.strategy import BaseStrategy, Signal

DAYS = [
    day_of(
        *(
            tick(number, 20_000 + day, bid_volume=1 + number * 7 % 19, last=100.0 + number % 3)
            for number in range(1, 200)
        )
    )
    for day in range(2)
]
SETUP = RunSetup(1e6, 1.0)
MARKET = TickMarket(leg_of(DAYS), DAYS, SETUP)


class Honest(BaseStrategy):
    """With the last tick's heavier side."""

    name = "honest"

    def warm_up(self) -> int:
        return 1

    def initialize(self) -> None:
        self.lean = 0.0

    def on_tick(self, tick: Tick) -> None:
        self.lean = float(tick.bid_volume > tick.ask_volume)

    def generate_signals(self) -> list[Signal]:
        return [Signal(self.lean)]


class Forgetful(Honest):
    """States one tick and counts them all."""

    def initialize(self) -> None:
        self.lean, self.count = 0.0, 0

    def on_tick(self, tick: Tick) -> None:
        self.count += 1
        self.lean = float(self.count % 2)


class Remembers(Honest):
    """Keeps in its class what the ticks of an earlier run were."""

    known: ClassVar[dict[int, float]] = {}

    def on_tick(self, tick: Tick) -> None:
        self.known[tick.time] = tick.last
        self.lean = float(self.known.get(tick.time + 500_000_000, 0.0) > tick.last)


class Orders(Honest):
    """Places orders from a tick."""

    def on_tick(self, tick: Tick) -> None:
        if tick.seq % 50 == 0:
            self.desk.market(1.0)

    def generate_signals(self) -> list[Signal]:
        return []


def test_the_honest_are_not_suspected() -> None:
    found = look_ahead_in(MARKET, lambda: Honest(Honest.Parameters()), cuts=10)
    assert found.faults == ()
    assert [len(cuts) for cuts in found.cuts.values()] == [10]
    (warm,) = warm_ups_in(MARKET, lambda: Honest(Honest.Parameters()))
    assert (warm.stated, warm.needed, warm.short) == (1, 1, False)


def test_memory_of_an_earlier_run_is_found() -> None:
    Remembers.known.clear()
    (fault,) = look_ahead_in(MARKET, lambda: Remembers(Remembers.Parameters())).faults
    assert fault.kind is FaultKind.REPEATED


def test_orders_are_noted_and_compared() -> None:
    watched = MARKET.run(lambda: Orders(Orders.Parameters()), MARKET.forms(Orders)[0])
    assert [decision.text for decision in watched.log.decisions] == ["market(1)"] * 6
    assert len(watched.fills) == 6


def test_a_warm_up_that_is_too_short_is_told() -> None:
    (warm,) = warm_ups_in(MARKET, lambda: Forgetful(Forgetful.Parameters()))
    assert warm.short


def test_ticks_of_one_instant_are_not_parted() -> None:
    twins = [tick(number, last=100.0 + number % 2) for number in range(1, 60)]
    same = [structs.replace(one, time=twins[at - at % 2].time) for at, one in enumerate(twins)]
    market = TickMarket(leg_of([day_of(*same)]), [day_of(*same)], SETUP)
    assert len(market) == 30
    assert [len(market.until(cut).days[0].ticks) for cut in (1, 2, 29)] == [2, 4, 58]
    assert [len(market.since(begin).days[0].ticks) for begin in (1, 29)] == [57, 1]


def test_another_future_has_its_prices_mirrored_and_sides_changed() -> None:
    before, after = MARKET.days[0].ticks, MARKET.changed(100).days[0].ticks
    pivot = before[99].last
    assert list(after[:100]) == list(before[:100])
    assert after[100].last == 2 * pivot - before[100].last
    assert after[100].bid_price == 2 * pivot - before[100].ask_price
    assert (after[100].bid_volume, after[100].ask_volume) == (before[100].ask_volume, before[100].bid_volume)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(RuleError, match="grid decides on bars only: name an interval of bars"):
        look_ahead_in(MARKET, lambda: registry.create("grid", {}))
    few = [day_of(*(tick(number) for number in range(1, 9)))]
    with pytest.raises(RuleError, match="There are 8 ticks: at least 20 are needed"):
        look_ahead_in(TickMarket(leg_of(few), few, SETUP), lambda: Honest(Honest.Parameters()))
