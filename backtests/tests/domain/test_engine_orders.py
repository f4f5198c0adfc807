"""Resting orders and the switches of realism: the compiled ledger, in both forms, against a slow exchange."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.legs import Facts, Roll
from backtests.domain.result import RunResult
from backtests.domain.rules import LimitFill, Rules
from backtests.tests.domain.slow_exchange import CODE, Action, Exchange, slow_run
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies.domain.forms import Form
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, BoolColumn, Reply, Wake, WakeKind
from trading.domain.ledger import Terms

TICK, SIZE = 1.0, 10.0
FEES = FeeRates(1e-4, 0.5, 1e-4, 0.5, 3e-4, 1.0)


class Script(BaseStrategy):
    """Places what it was told after the bars it was told."""

    name = "script"
    wakes = frozenset({WakeKind.FLAG})

    def __init__(self, script: dict[int, list[Action]], starts: np.ndarray) -> None:
        super().__init__(StrategyParameters())
        self.script = {int(starts[index]): actions for index, actions in script.items()}

    def warm_up(self) -> int:
        return 1

    def flags(self, bars: BarSeries) -> BoolColumn:
        return np.isin(bars.start, list(self.script))

    def on_wake(self, wake: Wake) -> None:
        for kind, volume, off, distance, repeat, to_target in self.script[wake.bar.start]:
            price = wake.bar.close + off * self.desk.tick()
            reply = Reply(distance * TICK, repeat) if distance and not to_target else None
            if kind == "cancel":
                self.desk.cancel_all()
            elif kind == "market":
                self.desk.market(volume)
            elif kind == "limit":
                self.desk.limit(volume, price, reply=reply, to_target=to_target)
            else:
                self.desk.stop(volume, price, reply=reply, to_target=to_target)


@st.composite
def bar_series(draw: st.DrawFn) -> BarSeries:
    """Up to 24 bars on the tick grid over up to five days, some without volume, some of unknown volume."""
    count = draw(st.integers(3, 24))
    moves = draw(st.lists(st.tuples(st.integers(-8, 8), st.integers(-8, 8)), min_size=count, max_size=count))
    wicks = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=count, max_size=count))
    volume = draw(st.lists(st.sampled_from([0.0, 1.0, 4.0, 9.0, 50.0, np.nan]), min_size=count, max_size=count))
    days = np.sort(draw(st.lists(st.integers(18_000, 18_004), min_size=count, max_size=count)))
    opens, closes, last = [], [], 200
    for jump, move in moves:
        opens.append(max(50, last + jump))
        last = max(50, opens[-1] + move)
        closes.append(last)
    open_, close = np.array(opens, float), np.array(closes, float)
    high = np.maximum(open_, close) + [up for up, _ in wicks]
    low = np.minimum(open_, close) - [down for _, down in wicks]
    none = np.full(count, np.nan)
    start = (np.arange(count) + 1) * 3_600_000_000_000
    return BarSeries(CODE, "1h", start, days, open_, high, low, close, np.array(volume), none, none)


actions = st.one_of(
    st.sampled_from([("market", volume, 0, 0, False, False) for volume in (-3, -1, 1, 2)]),
    st.tuples(
        st.sampled_from(["limit", "stop"]), st.sampled_from([-3, -1, 1, 2]), st.integers(-10, 10), st.integers(0, 6),
        st.booleans(), st.booleans(),
    ),
    st.just(("cancel", 0, 0, 0, False, False)),
)  # fmt: skip
scripts = st.dictionaries(st.integers(0, 23), st.lists(actions, min_size=1, max_size=3), min_size=1, max_size=8)


def compare(bars: BarSeries, script: dict[int, list[Action]], rules: Rules, facts: Facts, capital: float) -> None:
    """Fills, equity of each day and refusals, in the event form, in the plain form and on the slow exchange."""
    script = {index: told for index, told in script.items() if index < len(bars)}
    margins = MarginRates(0.1, 0.0, 0.12, 0.0)
    begin = date(2000, 1, 1)
    costs = CostTable(SIZE, TICK, 1.0, (Dated(begin, FEES),), (Dated(begin, margins),))
    exchange = Exchange(capital, Terms(SIZE, FEES, margins), TICK, 1.0, rules, facts)
    slow = slow_run(bars, script, exchange)
    for form in (Form.EVENT, Form.PLAIN):
        config = RunConfig(CODE, "1h", capital, 1.0, costs, rules=rules, facts=facts, form=form)
        agree(run(bars, Script(script, bars.start), config), slow)


def agree(result: RunResult, slow: Exchange) -> None:
    fills = result.fills
    rows = [
        (int(a), int(b), int(c), float(d), float(e))
        for a, b, c, d, e in zip(fills.bar_index, fills.direction, fills.offset, fills.price, fills.volume, strict=True)
    ]
    assert rows == slow.fills
    assert result.days.equity.tolist() == pytest.approx(slow.equity, rel=1e-12, abs=1e-9)
    assert result.rejected == slow.refused


@settings(max_examples=150, deadline=None)
@given(bars=bar_series(), script=scripts)
def test_orders_alone(bars: BarSeries, script: dict[int, list[Action]]) -> None:
    compare(bars, script, Rules(), Facts(), 1e6)


@settings(max_examples=150, deadline=None)
@given(bars=bar_series(), script=scripts)
def test_refusals_for_want_of_funds(bars: BarSeries, script: dict[int, list[Action]]) -> None:
    compare(bars, script, Rules(), Facts(), 700.0)


rules_given = st.builds(
    Rules,
    volume_cap=st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    limit_fill=st.sampled_from(list(LimitFill)),
    slippage_range=st.sampled_from([0.0, 0.25]),
    slippage_impact=st.sampled_from([0.0, 3.0]),
    slippage_random=st.sampled_from([0, 2]),
    seed=st.integers(0, 5),
)


@settings(max_examples=150, deadline=None)
@given(bars=bar_series(), script=scripts, rules=rules_given)
def test_volume_caps_limits_and_slippage(bars: BarSeries, script: dict[int, list[Action]], rules: Rules) -> None:
    compare(bars, script, rules, Facts(), 1e6)


by_day = st.dictionaries(st.integers(18_000, 18_004), st.integers(180, 220).map(float))


@settings(max_examples=100, deadline=None)
@given(bars=bar_series(), script=scripts, upper=by_day, lower=by_day, rules=rules_given)
def test_locked_prices(
    bars: BarSeries, script: dict[int, list[Action]], upper: dict[int, float], lower: dict[int, float], rules: Rules
) -> None:
    compare(bars, script, replace(rules, price_limits=True), Facts(upper_limits=upper, lower_limits=lower), 1e6)


@settings(max_examples=150, deadline=None)
@given(bars=bar_series(), script=scripts, capital=st.sampled_from([500.0, 900.0, 2_000.0]), rules=rules_given)
def test_margin_calls(bars: BarSeries, script: dict[int, list[Action]], capital: float, rules: Rules) -> None:
    compare(bars, script, replace(rules, margin_call=True), Facts(), capital)


@settings(max_examples=150, deadline=None)
@given(
    bars=bar_series(), script=scripts, settled=by_day,
    gaps=st.dictionaries(st.integers(18_000, 18_004), st.integers(-9, 9)), expiry=st.integers(18_000, 18_004),
    rules=rules_given, on=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)  # fmt: skip
def test_settlements_rolls_and_expiry(
    bars: BarSeries, script: dict[int, list[Action]], settled: dict[int, float], gaps: dict[int, int], expiry: int,
    rules: Rules, on: tuple[bool, bool, bool],
) -> None:  # fmt: skip
    held = set(bars.trading_day.tolist())
    rolls = tuple(Roll(day, float(gap), 1.0 + gap / 200) for day, gap in sorted(gaps.items()) if day in held)
    last = max([day for day in held if day <= expiry], default=min(held))
    facts = Facts(settlements=settled, rolls=rolls, expiry=last)
    settlement, roll, expires = on
    compare(bars, script, replace(rules, settlement=settlement, roll=roll, expiry=expires), facts, 1e6)
