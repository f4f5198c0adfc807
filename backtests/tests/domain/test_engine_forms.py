"""One strategy, several forms: the same fills and the same ledger, whichever way a run is driven."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig, RunSetup, run, run_legs
from backtests.domain.legs import Facts, Leg, Roll
from backtests.domain.result import RunResult
from backtests.domain.rules import Adjust, Rules, Sessions
from backtests.tests.domain.series import CODE, HOUR_NS, Scripted, bar_series, flat_costs
from marketdata.domain.bars import BarSeries, FloatColumn
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.forms import Form, forms
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, Wake, WakeKind
from strategies.tests.domain.short import SHORT

TARGETS = [name for name in registry.names() if Form.TARGET in forms(registry.get(name))]
EVENTS = [name for name in registry.names() if Form.EVENT in forms(registry.get(name))]


def walk(seed: int, count: int = 400, per_day: int = 40) -> BarSeries:
    """A tick-grid random walk with gaps over night and some bars without volume."""
    chance = np.random.default_rng(seed)
    close = 500.0 + np.cumsum(chance.integers(-3, 4, count)).astype(np.float64)
    open_ = close - chance.integers(-3, 4, count).astype(np.float64)
    wide = chance.integers(0, 3, (2, count)).astype(np.float64)
    day = (18_000 + np.arange(count) // per_day).astype(np.int32)
    none = np.full(count, np.nan)
    start = (np.arange(count) + (day - 18_000) * 24 + 1) * HOUR_NS
    high, low = np.maximum(open_, close) + wide[0], np.minimum(open_, close) - wide[1]
    volume = chance.choice([0.0, 5.0, 50.0], count, p=[0.1, 0.3, 0.6])
    return BarSeries(CODE, "1h", start, day, open_, high, low, close, volume, none, none)


def config(form: Form | None, rules: Rules | None = None, facts: Facts | None = None) -> RunConfig:
    return RunConfig(
        CODE, "1h", 1e6, 2.0, flat_costs(slippage_ticks=1.0), rules=rules or Rules(), facts=facts or Facts(), form=form
    )


def same(one: RunResult, other: RunResult) -> None:
    """Every column of fills, days and trades."""
    for table in ("fills", "days", "trades"):
        a, b = getattr(one, table), getattr(other, table)
        for name in type(a).__slots__:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=f"{table}.{name}")
    assert one.rejected == other.rejected


@pytest.mark.parametrize("name", [*TARGETS, *EVENTS])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), capped=st.booleans())
def test_every_preset_does_the_same_in_each_of_its_forms(name: str, seed: int, capped: bool) -> None:
    bars, rules = walk(seed), Rules(volume_cap=0.1 if capped else 0.0)
    results = [
        run(bars, registry.create(name, SHORT.get(name, {})), config(form, rules)) for form in forms(registry.get(name))
    ]
    assert len(results) > 1
    for other in results[1:]:
        same(results[0], other)


def test_presets_that_trade_at_all() -> None:
    """Or the comparison above would compare nothing."""
    idle = [
        name
        for name in (*TARGETS, *EVENTS)
        if not len(run(walk(1, 2_000), registry.create(name, SHORT.get(name, {})), config(None)).fills)
    ]
    assert idle == []


class Buys(BaseStrategy):
    """Form 1: long from the second bar on, flat from the fourth."""

    name = "buys"

    def warm_up(self) -> int:
        return 4

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        targets = np.full(len(bars), np.nan)
        targets[1::4], targets[3::4] = 1.0, 0.0
        return targets


def test_a_target_that_is_no_number_is_refused() -> None:
    class Infinite(Buys):
        def target_positions(self, bars: BarSeries) -> FloatColumn:
            return np.full(len(bars), np.inf)

    with pytest.raises(RuleError, match="must be a number"):
        run(walk(1), Infinite(StrategyParameters()), config(Form.TARGET))


def test_a_form_that_a_strategy_has_not_got_is_refused_by_name() -> None:
    with pytest.raises(RuleError, match="has no form event; it has: target, plain"):
        run(walk(1), Buys(StrategyParameters()), config(Form.EVENT))


# --- what a strategy sees ------------------------------------------------------------------------------------


class Watcher(BaseStrategy):
    """Remembers every bar it is shown."""

    name = "watcher"

    def initialize(self) -> None:
        self.closes: list[float] = []

    def on_market_data(self, bar: object) -> None:
        self.closes.append(bar.close)  # type: ignore[attr-defined]

    def generate_signals(self) -> list[Signal]:
        return [Signal(1.0)] if len(self.closes) == 1 else []


ROWS = [(1, 100.0, 100.0, 5.0), (1, 101.0, 102.0, 5.0), (2, 112.0, 113.0, 5.0), (3, 213.0, 214.0, 5.0)]


def test_adjusted_bars_leave_the_past_alone_and_fills_recorded() -> None:
    facts = Facts(rolls=(Roll(2, 10.0, 1.1), Roll(3, 100.0, 2.0)))
    watcher = Watcher(StrategyParameters())
    result = run(bar_series(ROWS), watcher, config(Form.PLAIN, Rules(adjust=Adjust.DIFFERENCE), facts))
    assert watcher.closes == [100.0, 102.0, 103.0, 104.0]
    assert result.fills.price.tolist() == [102.0]
    run(bar_series(ROWS), watcher, config(Form.PLAIN, Rules(adjust=Adjust.RATIO), facts))
    assert watcher.closes == pytest.approx([100.0, 102.0, 113 / 1.1, 214 / 2.2])


def test_a_roll_costs_two_fills_and_takes_the_gap_out_of_the_profit() -> None:
    facts = Facts(rolls=(Roll(2, 10.0, 1.1), Roll(3, 100.0, 2.0)))
    kept = run(bar_series(ROWS), Watcher(StrategyParameters()), config(Form.PLAIN, Rules(), facts))
    rolled = run(bar_series(ROWS), Watcher(StrategyParameters()), config(Form.PLAIN, Rules(roll=True), facts))
    assert kept.net_profit == (214 - 102) * 10 * 2
    # Bought at 101 + 1; sold at 112 - 10 - 1, bought at 112 + 1; sold at 213 - 100 - 1, bought at 213 + 1.
    assert rolled.fills.price.tolist() == [102.0, 101.0, 113.0, 112.0, 214.0]
    assert rolled.net_profit == ((101 - 102) + (112 - 113) + (214 - 214)) * 10 * 2


def test_sessions_hide_their_bars_and_keep_orders_waiting() -> None:
    night = np.array([False, True, True, False])
    watcher = Watcher(StrategyParameters())
    result = run(bar_series(ROWS), watcher, config(Form.PLAIN, Rules(sessions=Sessions.DAY), Facts(night=night)))
    assert watcher.closes == [100.0, 214.0]
    assert result.fills.bar_index.tolist() == [3]
    with pytest.raises(RuleError, match="not known"):
        run(bar_series(ROWS), watcher, config(Form.PLAIN, Rules(sessions=Sessions.DAY)))


def test_sessions_are_the_same_to_whole_columns() -> None:
    bars = walk(3)
    facts, rules = Facts(night=np.arange(len(bars)) % 40 < 20), Rules(sessions=Sessions.NIGHT)
    one, other = (
        run(bars, registry.create("double_ma", SHORT["double_ma"]), config(form, rules, facts)) for form in
        (Form.TARGET, Form.PLAIN)
    )  # fmt: skip
    assert len(one.fills)
    assert facts.night is not None
    assert facts.night[one.fills.bar_index].all()
    same(one, other)


# --- what wakes an event strategy ----------------------------------------------------------------------------


class Sleeper(BaseStrategy):
    """Asks for everything there is and notes when it is called."""

    name = "sleeper"
    wakes = frozenset(WakeKind)

    def warm_up(self) -> int:
        return 1

    def initialize(self) -> None:
        self.calls: list[tuple[str, int, float]] = []
        self.updates: list[OrderUpdate] = []

    def flags(self, bars: BarSeries) -> object:  # type: ignore[override]
        return bars.close == 113.0

    def on_wake(self, wake: Wake) -> None:
        self.calls.append((wake.kind, wake.bar.start // HOUR_NS, wake.level))
        if wake.kind == WakeKind.START:
            self.desk.wake_on(110.0)
            self.desk.wake_on(95.0)
            self.desk.wake_at(4 * HOUR_NS - 1)
            self.desk.market(1)

    def on_order_update(self, update: OrderUpdate) -> None:
        self.updates.append(update)


@pytest.mark.parametrize("form", [Form.EVENT, Form.PLAIN])
def test_a_strategy_wakes_for_what_it_asked_and_for_nothing_else(form: Form) -> None:
    sleeper = Sleeper(StrategyParameters())
    run(bar_series(ROWS), sleeper, config(form))
    assert [call[:2] for call in sleeper.calls] == [
        ("start", 1),
        ("day", 3), ("flag", 3), ("level", 3),
        ("day", 4), ("timer", 4),
    ]  # fmt: skip
    assert [call[2] for call in sleeper.calls if call[0] == "level"] == [110.0]
    assert [(update.at // HOUR_NS, update.price, update.order) for update in sleeper.updates] == [(2, 102.0, 1)]


# --- several instruments -------------------------------------------------------------------------------------


def leg(code: str, bars: BarSeries) -> Leg:
    return Leg(code, bars, flat_costs())


def test_two_legs_share_one_account() -> None:
    one, two = walk(1, 80), walk(2, 80)
    setup = RunSetup(1e6, 1.0)
    script = [1.0, None, -1.0, None, 0.0]
    alone = [
        run(bars, Scripted(script), RunConfig(CODE, "1h", 1e6, 1.0, flat_costs())) for bars in (one, two)
    ]  # fmt: skip
    both = run_legs([leg("a", one), leg("b", two)], Scripted(script), setup)
    assert both.net_profit == pytest.approx(sum(result.net_profit for result in alone), abs=1e-9)
    for number, result in enumerate(alone):
        mine = both.fills.leg == number
        assert both.fills.price[mine].tolist() == result.fills.price.tolist()
        assert both.fills.bar_index[mine].tolist() == result.fills.bar_index.tolist()
    np.testing.assert_allclose(
        both.days.equity - 1e6, sum(result.days.equity - 1e6 for result in alone), atol=1e-9
    )  # fmt: skip


def test_funds_taken_by_one_leg_are_missing_for_the_other() -> None:
    bars = bar_series([(1, 100.0, 100.0, 5.0)] * 4)
    setup = RunSetup(150.0, 1.0)
    both = run_legs([leg("a", bars), leg("b", bars)], Scripted([1.0]), setup)
    assert both.fills.leg.tolist() == [0]
    assert both.rejected == 1


@pytest.mark.parametrize("name", ["double_ma", "grid"])
def test_legs_in_each_form(name: str) -> None:
    legs = [leg("a", walk(5)), leg("b", walk(6, 300)), leg("c", walk(7, 200))]
    results = [
        run_legs(legs, registry.create(name, SHORT[name]), RunSetup(1e6, 2.0, form=form, close_at_end=True))
        for form in forms(registry.get(name))
    ]
    assert set(results[0].fills.leg.tolist()) == {0, 1, 2}
    for other in results[1:]:
        same(results[0], other)


def test_a_spread_needs_its_two_legs() -> None:
    setup = RunSetup(1e6, 1.0)
    with pytest.raises(RuleError, match="2 instruments at a time, not 1"):
        run_legs([leg("a", walk(1))], registry.create("spread", {}), setup)
    result = run_legs([leg("a", walk(1, 2_000)), leg("b", walk(2, 2_000))], registry.create("spread", {}), setup)
    sides = {int(number): result.fills.direction[result.fills.leg == number].sum() for number in (0, 1)}
    assert len(result.fills)
    assert sides[0] == -sides[1]


def test_a_bar_without_a_price_fills_nothing() -> None:
    rows = bar_series([(1, 100.0, 100.0, 5.0), (1, float("nan"), 101.0, 5.0), (1, 102.0, 102.0, 5.0)])
    result = run(rows, Scripted([1.0]), config(Form.PLAIN))
    assert result.fills.bar_index.tolist() == [2]


def test_targets_by_column_are_for_one_instrument() -> None:
    class Pair(Buys):
        legs = 2

    with pytest.raises(RuleError, match="targets by column are for one"):
        run_legs([leg("a", walk(1)), leg("b", walk(2))], Pair(StrategyParameters()), RunSetup(1e6, 1.0))
