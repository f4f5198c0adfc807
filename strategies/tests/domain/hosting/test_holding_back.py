"""What people ask of a running instance: pause, resume, flatten, other parameters, another contract."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from marketdata.domain.bars import Bar
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.hosting.executor import Numbers
from strategies.domain.hosting.host import HostSetup, LegTerms, LiveHost
from strategies.domain.hosting.intents import Cause, Decided, Place, Sent, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.sight import PLAIN, UNKNOWN, Spread
from strategies.domain.hosting.snapshot import decode, encode
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Reply, Signal
from strategies.tests.domain.hosting.market import CODES, TERMS, tick_at, walk
from strategies.tests.domain.hosting.rig import BEGIN, DAY, Rig, Told, Woken, heard, numbers, placed, wish
from trading.domain.offsets import Direction
from trading.domain.order import OrderType

# --- paused ------------------------------------------------------------------------------------------------------


def test_paused_it_decides_and_records_and_sends_nothing_that_opens() -> None:
    rig = Rig(Told({1: wish(2), 2: wish(-1)}))
    rig.host.pause()
    assert [type(intent) for intent in rig.bar()] == [Decided]
    assert rig.tick() == []
    rig.bar()
    assert [row[:2] for row in placed(rig.host.resume())] == [("market", -1)]


def test_paused_it_still_reduces() -> None:
    rig = Rig(Told({1: wish(3), 2: wish(1), 3: wish(-2)}))
    rig.bar()
    rig.fill(1, lots=3)
    rig.host.pause()
    assert [row[:2] for row in placed(rig.bar())] == [("market", -2)]
    rig.fill(2, lots=2)
    assert [row[:2] for row in placed(rig.bar())] == [("market", -1)]
    rig.fill(3)
    assert rig.tick() == []
    assert [row[:2] for row in placed(rig.host.resume())] == [("market", -2)]


def test_paused_resting_orders_that_open_are_taken_back_and_placed_again() -> None:
    def orders(strategy: Any) -> None:
        strategy.desk.market(1.0)
        strategy.desk.limit(1.0, 495.0, reply=Reply(5.0))
        strategy.desk.limit(-1.0, 505.0)

    rig = Rig(Told({1: orders}))
    rig.bar()
    rig.fill(1)
    assert rig.host.pause() == [Withdraw(2)]
    assert rig.cancel(2) == []
    assert rig.tick() == []
    assert len(list(rig.host.resting)) == 2
    assert placed(rig.host.resume()) == [("limit", 1, 495.0)]


def test_paused_a_stop_that_would_open_is_refused_and_one_that_closes_acts() -> None:
    def orders(strategy: Any) -> None:
        strategy.desk.stop(1.0, 505.0)
        strategy.desk.stop(-3.0, 495.0)

    rig = Rig(Told({1: wish(2), 2: orders}))
    rig.bar()
    rig.fill(1, lots=2)
    rig.bar()
    rig.host.pause()
    assert rig.tick(505.0) == []
    assert [row[:2] for row in placed(rig.tick(495.0))] == [("market", -2)]
    rig.bar()
    assert heard(rig.strategy)[-1] == ("rejected", 1, 505.0, 2.0, 1)


# --- flattened ---------------------------------------------------------------------------------------------------


def test_flattening_takes_everything_back_and_closes_what_is_held() -> None:
    def orders(strategy: Any) -> None:
        strategy.desk.limit(1.0, 495.0)
        strategy.desk.stop(1.0, 505.0)

    rig = Rig(Told({1: wish(2), 2: orders, 3: wish(5)}))
    rig.bar()
    rig.fill(1, lots=2)
    rig.bar()
    assert rig.host.flatten(rig.now) == [Withdraw(2)]
    closing = rig.cancel(2)
    assert [row[:2] for row in placed(closing)] == [("market", -2)]
    assert isinstance(closing[0], Place)
    assert closing[0].cause is Cause.FLATTEN
    rig.fill(3, lots=1)
    rig.cancel(3, "remainder")
    assert [row[:2] for row in placed(rig.tick(later=6))] == [("market", -1)]
    rig.fill(4)
    assert placed(rig.bar()) == []
    assert rig.tick(510.0) == []
    assert (rig.host.positions, rig.host.flattening) == ([0], True)
    assert [row[0] for row in heard(rig.strategy)] == ["filled", "cancelled", "cancelled", "filled", "filled"]


def test_a_fill_on_the_way_out_is_closed_too() -> None:
    rig = Rig(Told({1: wish(2)}))
    rig.bar()
    assert rig.host.flatten(rig.now) == []
    assert [row[:2] for row in placed(rig.fill(1, lots=2))] == [("market", -2)]


def test_flattened_and_resumed_it_begins_with_its_next_decision() -> None:
    rig = Rig(Told({1: wish(2), 2: wish(1)}))
    rig.bar()
    rig.fill(1, lots=2)
    rig.host.flatten(rig.now)
    rig.fill(2, lots=2)
    assert rig.host.resume() == []
    assert rig.tick() == []
    assert [row[:2] for row in placed(rig.bar())] == [("market", 1)]


def test_a_refused_way_out_is_not_asked_for_with_every_tick() -> None:
    rig = Rig(Told({1: wish(1)}))
    rig.bar()
    rig.fill(1)
    rig.host.flatten(rig.now)
    rig.reject(2)
    sent = [numbers(rig.tick(later=second)) for second in range(60)]
    assert [number for found in sent for number in found] == [3]


def test_flattening_outside_the_session_waits_for_the_market() -> None:
    rig = Rig(Told({1: wish(1)}))
    rig.bar()
    rig.fill(1)
    rig.bar(shut=(0,))
    assert rig.host.flatten(rig.now) == []
    assert [row[:2] for row in placed(rig.tick(later=1))] == [("market", -1)]


# --- parameters --------------------------------------------------------------------------------------------------


class Level(BaseStrategy):
    """Long above a level, else flat, told once for each change."""

    name = "level"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """The level."""

        level: float = parameter(500.0)

    parameters: Parameters

    def initialize(self) -> None:
        self.above: bool | None = None
        self.changed = False

    def on_market_data(self, bar: Bar) -> None:
        above = bar.close > self.parameters.level
        self.changed, self.above = above is not self.above, above

    def generate_signals(self) -> list[Signal]:
        return [Signal(float(bool(self.above)))] if self.changed else []


def test_new_parameters_hold_from_the_next_bar_as_if_they_always_had() -> None:
    rig = Rig(Level(Level.Parameters(500.0)))
    rig.bar(499.0)
    rig.host.set_parameters(Level.Parameters(490.0))
    assert rig.tick() == []
    intents = rig.bar(495.0)
    assert [type(intent) for intent in intents] == [Place]
    assert placed(intents)[0][:2] == ("market", 1)
    assert rig.host.strategy.parameters == Level.Parameters(490.0)


def test_a_signal_of_the_new_parameters_goes_before_what_they_would_hold() -> None:
    rig = Rig(Level(Level.Parameters(500.0)))
    rig.bar(499.0)
    rig.host.set_parameters(Level.Parameters(490.0))
    intents = rig.bar(489.0)
    assert [type(intent) for intent in intents] == [Decided]


def test_an_event_strategy_begins_anew_with_new_parameters() -> None:
    host = LiveHost(registry.create("grid", {"levels": 1, "spacing": 5}), TERMS[:1], HostSetup(1, "1m"))
    host.begin_day(DAY)
    host.on_tick(0, tick_at(BEGIN, DAY, 500.0, 1))
    bar = Bar(BEGIN, DAY, 500.0, 500.0, 500.0, 500.0, 1.0, 0.0, 0.0)
    assert placed(host.on_bars((bar,), BEGIN)) == [("limit", 1, 495.0), ("limit", -1, 505.0)]
    host.set_parameters(registry.get("grid").Parameters.from_mapping({"levels": 1, "spacing": 9}))
    intents = host.on_bars((bar,), BEGIN)
    assert intents[:2] == [Withdraw(1), Withdraw(2)]
    assert placed(intents) == [("limit", 1, 491.0), ("limit", -1, 509.0)]


def test_parameters_that_changed_while_the_host_was_down_hold_from_the_next_bar() -> None:
    rig = Rig(Level(Level.Parameters(500.0)))
    rig.bar(499.0)
    host = LiveHost.restored(Level(Level.Parameters(490.0)), TERMS[:1], HostSetup(1, "1m"), rig.host.document())
    rig.host = host
    assert host.parameters_to_come == Level.Parameters(490.0)
    assert [row[:2] for row in placed(rig.bar(495.0))] == [("market", 1)]


# --- another contract --------------------------------------------------------------------------------------------


class Straight:
    """Closes here and opens there, both at once."""

    def __init__(self, leg: int, there: str, numbers: Numbers) -> None:
        self.leg, self.there, self.numbers = leg, there, numbers
        self.working: set[int] = set()
        self.begun = False
        self.wanted: list[int] = []

    @property
    def contract(self) -> str:
        return self.there

    def retarget(self, wanted: int, at: int) -> list[Sent]:
        self.wanted.append(wanted)
        return []

    @property
    def done(self) -> bool:
        return self.begun and not self.working

    def begin(self, held: int, at: int) -> list[Sent]:
        self.begun = True
        if not held:
            return []
        side = Direction.SELL if held > 0 else Direction.BUY
        here, there = self.numbers(), self.numbers()
        self.working = {here, there}
        kind, lots = OrderType.MARKET, abs(held)
        away = Place(here, self.leg, side, kind, lots, decided_at=at, cause=Cause.ROLL)
        onto = Place(
            there, self.leg, Direction(-side), kind, lots, decided_at=at, cause=Cause.ROLL, contract=self.there
        )
        return [away, onto]

    def on_tick(self, tick: Tick) -> list[Sent]:
        return []

    def on_clock(self, now: int) -> list[Sent]:
        return []

    def on_news(self, news: News) -> list[Sent]:
        if news.kind is NewsKind.FILLED:
            self.working.discard(news.number)
        return []

    def document(self) -> dict[str, Any]:
        return {"there": self.there, "working": sorted(self.working), "begun": self.begun}


def remade(leg: int, _here: LegTerms, there: LegTerms, numbers: Numbers, document: Any) -> Straight:
    algo = Straight(leg, there.code, numbers)
    algo.working, algo.begun = set(document["working"]), document["begun"]
    return algo


def new_tick(rig: Rig, last: float) -> list[Any]:
    return rig.host.on_tick(0, tick_at(rig.now, rig.day, last, 1, CODES[1]))


def rolling(acts: dict[int, Any], spread: Spread = UNKNOWN) -> tuple[Rig, list[Any]]:
    rig = Rig(Told(acts))
    rig.bar()
    rig.fill(1, lots=2)
    rig.bar()
    there = LegTerms(CODES[1], 2.0, 10.0)
    return rig, rig.host.roll(0, Straight(0, CODES[1], rig.host.outbox.next_number), there, rig.now, spread)


def test_a_roll_takes_orders_back_moves_the_lots_and_lets_targets_wait() -> None:
    rig, sent = rolling({1: wish(2), 2: lambda s: s.desk.limit(1.0, 495.0), 3: wish(1)})
    assert sent == [Withdraw(2)]
    begun = rig.cancel(2)
    assert [(p.lots * p.direction, p.contract, p.cause) for p in begun if isinstance(p, Place)] == [
        (-2, "", Cause.ROLL),
        (2, CODES[1], Cause.ROLL),
    ]
    assert placed(rig.bar()) == []  # the third bar's wish waits
    rig.fill(3, 500.0, 2)
    assert rig.host.positions == [0]
    rig.fill(4, 700.0, 2)
    assert rig.host.positions == [2]
    assert rig.host.roll_under_way is None
    assert rig.tick() == []  # the old contract is nobody's any more
    assert [row[:2] for row in placed(new_tick(rig, 700.0))] == [("market", -1)]
    assert rig.strategy.desk.tick() == 2.0


def test_what_is_placed_while_the_leg_rolls_goes_out_in_the_new_contracts_prices() -> None:
    later = {3: lambda s: s.desk.limit(1.0, 495.0), 4: lambda s: s.desk.limit(1.0, 490.0)}
    rig, _ = rolling({1: wish(2), **later}, Spread(500.0, 701.0, "difference"))
    assert placed(rig.bar()) == []
    rig.fill(2, 500.0, 2)
    rig.fill(3, 701.0, 2)
    assert placed(new_tick(rig, 701.0)) == [("limit", 1, 696.0)]
    [sent] = rig.host.working.values()
    assert sent.place.decision_price == 696.0
    assert heard(rig.strategy)[:1] == [("filled", 2.0, 500.0, 2.0, 0)]
    assert placed(rig.bar(701.0)) == [("limit", 1, 692.0)]  # 490 + 201 = 691, on a grid of two yuan
    assert rig.strategy.desk.history(2).close.tolist() == [500.0, 500.0]
    assert heard(rig.strategy)[1:] == [("filled", -2.0, 500.0, 0.0, 0), ("filled", 2.0, 500.0, 2.0, 0)]
    rig.fill(sent.place.number, 696.0)
    rig.bar(701.0)
    assert heard(rig.strategy)[-1] == ("filled", 1.0, 495.0, 3.0, 1)


@pytest.mark.parametrize(("adjust", "seen"), [("difference", 505.0), ("ratio", 502.5), ("none", 1_005.0)])
def test_ticks_and_orders_behind_a_roll_are_as_the_strategy_sees_them_after_a_restart_too(
    adjust: str, seen: float
) -> None:
    rig, _ = rolling({1: wish(2)}, Spread(500.0, 1_000.0, adjust))
    rig.fill(2, 500.0, 2)
    half = rig.host.document()
    rig.host = LiveHost.restored(Told({}), TERMS[:1], HostSetup(1, "1m"), half, rolls=remade)
    rig.fill(3, 1_000.0, 2)
    for _restart in range(2):
        rig.host = LiveHost.restored(Told({}), TERMS[:1], HostSetup(1, "1m"), rig.host.document())
        rig.bar(1_005.0)
        assert rig.host.strategy.desk.history(1).close.tolist() == [seen]
        assert rig.host.legs[0].last == 1_005.0
    old = tick_at(rig.now, rig.day, 1_005.0, 1, CODES[1])
    deep = msgspec.structs.replace(old, depth=(1_005.0,) * 4 + (7.0,) * 4 + (1_005.0,) * 4 + (9.0,) * 4)
    told = rig.host.legs[0].sight.tick(deep)
    assert (told.last, told.volume, told.flags, told.time) == (seen, old.volume, old.flags, old.time)
    assert told.depth == (seen,) * 4 + (7.0,) * 4 + (seen,) * 4 + (9.0,) * 4


class Rests(BaseStrategy):
    """One resting order at a time, so far below the last close."""

    name = "rests"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """How far."""

        below: float = parameter(5.0)

    parameters: Parameters

    def initialize(self) -> None:
        self.order = 0

    def on_market_data(self, bar: Bar) -> None:
        if not self.order:
            self.order = self.desk.limit(1.0, bar.close - self.parameters.below, reply=Reply(8.0))

    def generate_signals(self) -> list[Signal]:
        return []


@pytest.mark.parametrize(("adjust", "price", "distance"), [("difference", 692.0, 8.0), ("ratio", 980.0, 16.0)])
def test_with_new_parameters_behind_a_roll_orders_rest_at_the_new_contracts_prices(
    adjust: str, price: float, distance: float
) -> None:
    """Bars before the roll count in the rehearsal: 500 less 10, and the reply 8 above."""
    rig = Rig(Rests(Rests.Parameters()))
    assert placed(rig.bar()) == [("limit", 1, 495.0)]
    new = 701.0 if adjust == "difference" else 1_000.0
    algo = Straight(0, CODES[1], rig.host.outbox.next_number)
    rig.host.roll(0, algo, LegTerms(CODES[1], 2.0, 10.0), rig.now, Spread(500.0, new, adjust))
    rig.cancel(1)
    new_tick(rig, new)
    rig.host.set_parameters(Rests.Parameters(10.0))
    assert placed(rig.bar(new) + new_tick(rig, new)) == [("limit", 1, price)]
    [order] = rig.host.resting
    assert order.distance == distance


def test_documents_from_before_know_no_sight() -> None:
    rig, _ = rolling({1: wish(2)}, Spread(500.0, 700.0, "difference"))
    rig.fill(2, 500.0, 2)
    document = rig.host.document()
    state = decode(document["host"])
    del state["sights"]
    state["roll"] = state["roll"][:4]
    before = {**document, "host": encode(state)}
    rig.host = LiveHost.restored(Told({}), TERMS[:1], HostSetup(1, "1m"), before, rolls=remade)
    rig.fill(3, 700.0, 2)
    assert (rig.host.legs[0].terms.code, rig.host.legs[0].sight) == (CODES[1], PLAIN)


def test_two_rolls_at_a_time_are_refused() -> None:
    rig, _ = rolling({1: wish(2)})
    there = LegTerms(CODES[1], 2.0, 10.0)
    with pytest.raises(RuleError, match=CODES[1]):
        rig.host.roll(0, Straight(0, CODES[1], rig.host.outbox.next_number), there, rig.now)


def test_a_roll_goes_on_after_a_restart() -> None:
    rig, sent = rolling({1: wish(2)})
    assert numbers(sent) == [2, 3]
    rig.fill(2, 500.0, 2)
    document = rig.host.document()
    with pytest.raises(RuleError) as caught:
        LiveHost.restored(Told({}), TERMS[:1], HostSetup(1, "1m"), document)
    assert caught.value.code == "unreadable_document"
    rig.host = LiveHost.restored(Told({}), TERMS[:1], HostSetup(1, "1m"), document, rolls=remade)
    rig.fill(3, 700.0, 2)
    assert (rig.host.roll_under_way, rig.host.positions, rig.host.legs[0].terms.code) == (None, [2], CODES[1])


# --- warmed up ---------------------------------------------------------------------------------------------------


def test_a_warmed_host_places_nothing_and_goes_to_its_target_with_the_first_tick() -> None:
    rig = Rig(Level(Level.Parameters(0.0)))
    rig.host.warm([walk(1, 30)])
    assert rig.host.working == {}
    assert rig.host.positions == [0]
    assert [row[:2] for row in placed(rig.begin())] == [("market", 1)]


def test_a_warmed_event_strategy_starts_with_the_first_live_bar_and_looks_back_on_the_past() -> None:
    looked: list[int] = []
    rig = Rig(Woken({1: lambda s: looked.append(len(s.desk.history(100)))}))
    rig.host.warm([walk(1, 30)])
    rig.begin()
    rig.bar()
    assert looked == [31]
    assert [wake.kind.value for wake in rig.strategy.woken] == ["start"]
