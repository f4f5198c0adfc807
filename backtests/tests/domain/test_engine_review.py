"""What a hostile reader found: orders of every form on their bar, legs that start together, tables that must grow."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.domain.engine import RunConfig, RunSetup, prepare, run, run_legs
from backtests.domain.kernel import advance
from backtests.domain.legs import Facts, Leg, Roll
from backtests.domain.result import RunResult
from backtests.domain.rules import Adjust, Rules, Sessions
from backtests.tests.domain.series import CODE, HOUR_NS, Row, Scripted, bar_series, flat_costs
from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.forms import Form
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, BoolColumn, OrderUpdate, Reply, Signal, UpdateKind, Wake, WakeKind

FLAT: list[Row] = [(1, 100.0, 100.0, 5.0)] * 6


def leg(code: str, bars: BarSeries, facts: Facts | None = None) -> Leg:
    return Leg(code, bars, flat_costs(), facts or Facts())


def config(form: Form | None = None, rules: Rules | None = None, facts: Facts | None = None) -> RunConfig:
    return RunConfig(CODE, "1h", 1e6, 1.0, flat_costs(), rules=rules or Rules(), facts=facts or Facts(), form=form)


class Waker(BaseStrategy):
    """Notes its calls: kind, hour, level; what it does is the test's."""

    name = "waker"

    def __init__(self) -> None:
        super().__init__(StrategyParameters())
        self.calls: list[tuple[str, int]] = []
        self.updates: list[OrderUpdate] = []

    def initialize(self) -> None:
        self.calls.clear()
        self.updates.clear()

    def on_wake(self, wake: Wake) -> None:
        self.calls.append((wake.kind.value, wake.bar.start // HOUR_NS))


# --- the plain form and its desk -----------------------------------------------------------------------------


class PlainTrader(BaseStrategy):
    """Plain form with orders of its own: a limit after the second bar, and what its desk shows it after each."""

    name = "plain_trader"

    def initialize(self) -> None:
        self.seen = 0
        self.newest: list[float] = []

    def on_market_data(self, bar: Bar) -> None:
        self.seen += 1
        self.newest.append(float(self.desk.history(1).close[-1]))
        if self.seen == 2:
            self.desk.limit(1, 99.0)

    def generate_signals(self) -> list[Signal]:
        return []


def test_a_plain_strategy_may_place_orders_and_look_back() -> None:
    rows = [(1, 100.0 - 0.5 * at, 100.0 - 0.5 * at, 5.0) for at in range(8)]
    strategy = PlainTrader(StrategyParameters())
    result = run(bar_series(rows), strategy, config())
    assert result.fills.bar_index.tolist() == [2]
    assert result.fills.price.tolist() == [99.0]
    assert strategy.newest == [row[2] for row in rows]
    both = run_legs([leg("a", bar_series(rows)), leg("b", bar_series(rows))], strategy, RunSetup(1e6, 1.0))
    assert both.fills.bar_index.tolist() == [2, 2]


# --- legs that start together --------------------------------------------------------------------------------


class DayWaker(Waker):
    wakes = frozenset({WakeKind.START, WakeKind.DAY, WakeKind.FLAG})

    def warm_up(self) -> int:
        return 1

    def flags(self, bars: BarSeries) -> BoolColumn:
        return np.asarray(bars.close == 107.0)

    def on_wake(self, wake: Wake) -> None:
        super().on_wake(wake)
        self.desk.market(1)


@pytest.mark.parametrize("form", [Form.EVENT, Form.PLAIN])
def test_every_leg_is_woken_where_bars_start_together(form: Form) -> None:
    first = bar_series([(1, 100.0, 100.0, 5.0), (2, 100.0, 100.0, 5.0), (2, 100.0, 107.0, 5.0), (3, 100.0, 100.0, 5.0)])
    second = bar_series([(1, 100.0, 100.0, 5.0), (2, 100.0, 100.0, 5.0), (2, 100.0, 100.0, 5.0)])
    third = replace(second, start=second.start + HOUR_NS // 2)
    strategy = DayWaker()
    result = run_legs([leg("a", first), leg("b", second), leg("c", third)], strategy, RunSetup(1e6, 1.0, form=form))
    assert strategy.calls == [("start", 1), ("day", 2), ("flag", 3), ("day", 4)]
    assert result.fills.leg.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_a_leg_in_need_of_room_forgets_nobody() -> None:
    """The second leg's tables are full in the middle of a group whose first leg has asked to be woken."""

    class Many(DayWaker):
        def on_wake(self, wake: Wake) -> None:
            Waker.on_wake(self, wake)
            if wake.kind == WakeKind.START:
                for _ in range(40):
                    self.desk.limit(1, 100.0)

    bars = bar_series([(1, 101.0, 101.0, 5.0), (1, 101.0, 107.0, 5.0), (1, 100.0, 100.0, 5.0), (1, 100.0, 100.0, 5.0)])
    strategies = [Many(), Many()]
    for strategy, form in zip(strategies, (Form.EVENT, Form.PLAIN), strict=True):
        run_legs([leg("a", bars), leg("b", bars)], strategy, RunSetup(1e9, 1.0, form=form))
    assert strategies[0].calls == strategies[1].calls == [("start", 1), ("flag", 2)]


def test_copies_for_further_legs_share_nothing() -> None:
    class Lists(Scripted):
        """Keeps its bars in one list for good, and clears it."""

        def __init__(self) -> None:
            super().__init__([])
            self.seen: list[Bar] = []

        def initialize(self) -> None:
            self.seen.clear()

        def generate_signals(self) -> list[Signal]:
            return [Signal(1.0)] if len(self.seen) == 3 else []

        def on_order_update(self, update: OrderUpdate) -> None:
            pass

    bars = bar_series(FLAT)
    both = run_legs([leg("a", bars), leg("b", bars)], Lists(), RunSetup(1e6, 1.0))
    assert both.fills.bar_index.tolist() == [3, 3]


def test_an_open_is_not_judged_by_the_close_of_a_bar_that_starts_with_it() -> None:
    """Leg a gains 50 yuan by the close of bar 2; leg b's opening at the open of bar 2 cannot know of them."""
    first = bar_series([(1, 100.0, 100.0, 5.0), (1, 100.0, 100.0, 5.0), (1, 100.0, 105.0, 5.0), (1, 105.0, 105.0, 5.0)])
    second = bar_series([(1, 100.0, 100.0, 5.0)] * 4)

    class Two(BaseStrategy):
        name, legs = "two", 2

        def initialize(self) -> None:
            self.count = 0

        def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
            self.count += 1

        def generate_signals(self) -> list[Signal]:
            return {1: [Signal(1.0, leg=0)], 2: [Signal(1.0, leg=1)]}.get(self.count, [])

    result = run_legs([leg("a", first), leg("b", second)], Two(StrategyParameters()), RunSetup(150.0, 1.0))
    assert (result.fills.leg.tolist(), result.rejected) == ([0], 1)
    result = run_legs([leg("a", second), leg("b", first)], Two(StrategyParameters()), RunSetup(150.0, 1.0))
    assert (result.fills.leg.tolist(), result.rejected) == ([0], 1)


def test_a_margin_call_tells_every_leg_at_its_own_time() -> None:
    """Leg b has one bar only when leg a's fall takes its orders back: the update's time is that of the fall."""
    falls = [(1, 100.0, 100.0, 5.0)] * 4 + [(1, 100.0, 40.0, 5.0), (1, 40.0, 40.0, 5.0)]

    class Orders(Waker):
        legs = 2

        def on_wake(self, wake: Wake) -> None:
            self.desk.market(1, leg=0)
            for _ in range(50):
                self.desk.limit(1, 10.0, leg=1)

        def on_order_update(self, update: OrderUpdate) -> None:
            self.updates.append(update)

    strategy = Orders()
    late = bar_series([(1, 100.0, 100.0, 5.0)])
    setup = RunSetup(300.0, 1.0, rules=Rules(margin_call=True))
    run_legs([leg("a", bar_series(falls)), leg("b", late)], strategy, setup)
    taken = [update for update in strategy.updates if update.kind == UpdateKind.CANCELLED]
    assert [update.at // HOUR_NS for update in taken] == [5] * 50
    assert {update.leg for update in taken} == {1}


def test_many_legs_with_many_lots_find_room() -> None:
    """Twenty legs of some hundred lots each, all closed on one bar."""

    class Ladder(Scripted):
        def generate_signals(self) -> list[Signal]:
            count = len(self.seen)
            return [Signal(0.0 if count >= 300 else float(count))]

    bars = bar_series([(1, 100.0, 100.0, 5.0)] * 303)
    result = run_legs([leg(str(k), bars) for k in range(20)], Ladder([]), RunSetup(1e9, 1.0))
    assert len(result.trades) == 20 * 299
    assert result.days.position.tolist() == [0.0]


# --- margin calls --------------------------------------------------------------------------------------------


def test_a_margin_call_ends_where_the_leg_expires() -> None:
    """Leg a is locked at its limit until it expires: afterwards leg b may open again."""
    falls = bar_series([(1, 100.0, 100.0, 5.0)] * 2 + [(1, 80.0, 80.0, 5.0)] * 2)
    calm = bar_series([(1, 10.0, 10.0, 5.0)] * 2 + [(1, 10.0, 10.0, 5.0)] * 2 + [(2, 10.0, 10.0, 5.0)] * 4)

    class Both(BaseStrategy):
        name, legs = "both", 2

        def initialize(self) -> None:
            self.count = 0

        def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
            self.count += 1

        def generate_signals(self) -> list[Signal]:
            return {1: [Signal(3.0, leg=0)], 6: [Signal(1.0, leg=1)]}.get(self.count, [])

    rules = Rules(margin_call=True, expiry=True, price_limits=True)
    first = leg("a", falls, Facts(expiry=1, lower_limits={1: 80.0}))
    result = run_legs([first, leg("b", calm)], Both(StrategyParameters()), RunSetup(800.0, 1.0, rules=rules))
    assert result.fills.leg.tolist() == [0, 0, 1]
    assert result.rejected == 0


# --- prices off the grid -------------------------------------------------------------------------------------


def test_a_reply_whose_price_is_a_sum_is_reached_by_the_price_it_means() -> None:
    """0.1 + 0.2 is more than 0.3 in binary: a bar that tops at 0.3 fills the reply all the same."""

    class Replies(Waker):
        def on_wake(self, wake: Wake) -> None:
            self.desk.limit(1, 0.1, reply=Reply(0.2))

    costs = replace(flat_costs(), price_tick=0.1)
    rows = [(1, 0.2, 0.2, 5.0), (1, 0.1, 0.1, 5.0), (1, 0.1, 0.3, 5.0), (1, 0.1, 0.1, 5.0)]
    for form in (Form.EVENT, Form.PLAIN):
        result = run(bar_series(rows), Replies(), RunConfig(CODE, "1h", 1e6, 1.0, costs, form=form))
        assert result.fills.bar_index.tolist() == [1, 2]


def test_a_level_off_the_grid_is_told_by_the_first_bar_beyond_it() -> None:
    class Levels(Waker):
        def on_wake(self, wake: Wake) -> None:
            super().on_wake(wake)
            if wake.kind == WakeKind.START:
                self.desk.wake_on(99.6)

    rows = [(1, 100.0, 100.0, 5.0), (1, 99.0, 99.0, 5.0), (1, 99.0, 99.0, 5.0)]
    for form in (Form.EVENT, Form.PLAIN):
        strategy = Levels()
        run(bar_series(rows), strategy, config(form))
        assert strategy.calls == [("start", 1), ("level", 2)]


def test_levels_on_a_further_leg_are_told_once() -> None:
    class Levels(Waker):
        legs = 2

        def on_wake(self, wake: Wake) -> None:
            super().on_wake(wake)
            if wake.kind == WakeKind.START:
                self.desk.wake_on(105.0, leg=1)

    strategy = Levels()
    rising = bar_series([(1, 100.0, 100.0 + at, 5.0) for at in range(8)])
    run_legs([leg("a", bar_series(FLAT)), leg("b", rising)], strategy, RunSetup(1e6, 1.0))
    assert strategy.calls == [("start", 1), ("level", 6)]


# --- adjusted series -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("adjust", [Adjust.DIFFERENCE, Adjust.RATIO])
def test_prices_come_out_of_the_desk_as_they_go_in(adjust: Adjust) -> None:
    """After a roll from 100 to 200 the strategy still sees 100: in fills, in levels and in a reply's distance too."""

    class Adjusted(Waker):
        def on_wake(self, wake: Wake) -> None:
            super().on_wake(wake)
            if wake.kind == WakeKind.START:
                self.desk.wake_on(105.0)
            elif wake.kind == WakeKind.LEVEL:
                self.desk.limit(1, 105.0, reply=Reply(5.0))

        def on_order_update(self, update: OrderUpdate) -> None:
            self.updates.append(update)

    low, high = (205.0, 210.0) if adjust == Adjust.DIFFERENCE else (210.0, 220.0)
    rows = [(1, 100.0, 100.0, 5.0), (2, 200.0, 200.0, 5.0), (2, 200.0, low, 5.0), (2, low, low, 5.0)]
    rows += [(2, low, high, 5.0)]
    facts = Facts(rolls=(Roll(2, 100.0, 2.0),))
    for form in (Form.EVENT, Form.PLAIN):
        strategy = Adjusted()
        result = run(bar_series(rows), strategy, config(form, Rules(adjust=adjust, roll=True), facts))
        assert strategy.calls == [("start", 1), ("level", 3)]
        assert result.fills.price.tolist() == [low, high]
        assert [update.price for update in strategy.updates] == pytest.approx([105.0, 110.0])


def test_a_distance_of_less_than_half_a_tick_is_a_tick() -> None:
    class Near(Waker):
        def on_wake(self, wake: Wake) -> None:
            self.desk.limit(1, 100.0, reply=Reply(0.3))

    rows = [(1, 100.0, 100.0, 5.0), (1, 100.0, 100.0, 5.0), (1, 100.0, 101.0, 5.0)]
    assert run(bar_series(rows), Near(), config()).fills.price.tolist() == [100.0, 101.0]


# --- days ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form.EVENT, Form.PLAIN])
def test_a_day_begins_with_its_first_bar_in_the_sessions_asked_for(form: Form) -> None:
    strategy = DayWaker()
    night = np.array([False, True, False, True, False, True])
    rows = [(day, 100.0, 100.0, 5.0) for day in (1, 2, 2, 3, 3, 4)]
    run(bar_series(rows), strategy, config(form, Rules(sessions=Sessions.DAY), Facts(night=night)))
    assert strategy.calls == [("start", 1), ("day", 3), ("day", 5)]


def test_estimated_limits_know_rolls_and_days_without_bars() -> None:
    rules = Rules(price_limits=True, price_limit=0.1)
    # Day 2 has the new contract at 200: its limits are 180 and 220, not 90 and 110.
    rows = [(1, 100.0, 100.0, 5.0), (2, 200.0, 200.0, 5.0), (2, 220.0, 220.0, 5.0)]
    facts = Facts(rolls=(Roll(2, 100.0, 2.0),))
    assert run(bar_series(rows), Scripted([1]), config(rules=rules, facts=facts)).fills.price.tolist() == [200.0]
    assert run(bar_series(rows), Scripted([None, 1]), config(rules=rules, facts=facts)).fills.price.tolist() == []
    # Leg a has no bar on day 2: on day 3 the close of day 1 is still what its limits come from.
    gappy = bar_series([(1, 100.0, 100.0, 5.0), (3, 110.0, 110.0, 5.0)])
    gappy = replace(gappy, start=np.array([1, 3]) * HOUR_NS)
    daily = bar_series([(day, 100.0, 100.0, 5.0) for day in (1, 2, 3)])
    result = run_legs([leg("a", gappy), leg("b", daily)], Scripted([1]), RunSetup(1e6, 1.0, rules=rules))
    assert result.fills.leg.tolist() == [1]


# --- volumes -------------------------------------------------------------------------------------------------


def test_fractions_of_lots_leave_no_dust() -> None:
    """-0.9 and what is missing to 0.1 is not 0.1 in binary; the position is, in one fill (two for a reversal)."""
    targets = [-0.9, -0.3, 0.1, -0.8, 0.7, 0.0]
    result = run(
        bar_series([(1, 100.0, 100.0, 5.0)] * 24), Scripted([one for t in targets for one in (t, None, None)]), config()
    )
    assert result.fills.bar_index.tolist() == [1, 4, 7, 7, 10, 10, 13, 13, 16]
    assert result.days.position.tolist() == [0.0]
    assert result.days.margin.tolist() == [0.0]


# --- one Prepared, many runs ---------------------------------------------------------------------------------


def equal(one: RunResult, other: RunResult) -> bool:
    return one.fills.price.tolist() == other.fills.price.tolist() and one.end_equity == other.end_equity


def test_mapped_bars_run_the_same_compiled_code() -> None:
    """Columns out of a mapped file are read-only, which is a type of its own to the compiler."""
    bars, strategy = bar_series(FLAT), Scripted([1, -1])
    one = prepare(bars, config()).run(strategy)
    known = len(getattr(advance, "signatures", ()))
    for name in ("open", "high", "low", "close", "volume", "start"):
        getattr(bars, name).flags.writeable = False
    assert equal(prepare(bars, config()).run(strategy), one)
    assert len(getattr(advance, "signatures", ())) == known
