"""The live host on an ideal exchange of bars does what the backtest does: the same decisions, fills and updates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig, RunSetup, run, run_legs
from backtests.domain.legs import Leg
from backtests.domain.result import RunResult
from backtests.tests.domain.preset_runs import RICH
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.walks import random_walk
from benchmarks.presets import CASES, legs_of
from marketdata.domain.bars import BarSeries
from strategies import registry
from strategies.domain.forms import Form, forms
from strategies.domain.hosting.bar_exchange import BarExchange
from strategies.domain.hosting.host import HostSetup, LegTerms, LiveHost
from strategies.domain.hosting.intents import Decided
from strategies.domain.hosting.rehearsal import begin_bar_day, together
from strategies.domain.strategy import BaseStrategy, OrderUpdate, UpdateKind
from strategies.tests.domain.short import SHORT

UNIT = 2


def watched(name: str, values: dict[str, object]) -> tuple[Any, list[OrderUpdate]]:
    """A preset that hears of its orders as it ever did, and what it heard."""
    cls, heard = registry.get(name), []

    def on_order_update(self: BaseStrategy, update: OrderUpdate) -> None:
        heard.append(update)
        cls.on_order_update(self, update)

    watcher = type(cls.__name__, (cls,), {"on_order_update": on_order_update})
    return watcher(cls.Parameters.from_mapping(values)), heard


def hosted(
    name: str, values: dict[str, object], series: Sequence[BarSeries], host: LiveHost | None = None
) -> tuple[list[OrderUpdate], list[Decided], LiveHost]:
    """What the strategy hears and decides in a host over the bars, in a fresh one where none is given."""
    strategy, heard = watched(name, values)
    terms = [LegTerms(bars.instrument, 1.0, 10.0) for bars in series]
    host = host or LiveHost(strategy, terms, HostSetup(UNIT, series[0].interval))
    exchange, decided, day = BarExchange(host, terms), list[Decided](), -1
    for bars in together(series):
        first = next(bar for bar in bars if bar is not None)
        if first.trading_day != day:
            day = first.trading_day
            begin_bar_day(host, exchange, day, first.start)
        for leg, bar in enumerate(bars):
            if bar is not None:
                exchange.meet(leg, bar)
        intents = host.on_bars(bars, first.start)
        decided += [intent for intent in intents if isinstance(intent, Decided)]
        exchange.carry(intents, first.start)
    return heard, decided, host


def backtested(
    name: str, values: dict[str, object], series: Sequence[BarSeries], form: Form | None = None
) -> tuple[RunResult, list[OrderUpdate]]:
    """The run without costs, and what the strategy heard in it."""
    strategy, heard = watched(name, values)
    if len(series) == 1:
        config = RunConfig(CODE, series[0].interval, RICH, float(UNIT), flat_costs(), form=form)
        return run(series[0], strategy, config), heard
    legs = [Leg(bars.instrument, bars, flat_costs()) for bars in series]
    return run_legs(legs, strategy, RunSetup(RICH, float(UNIT), form=form)), heard


Row = tuple[int, int, int, int, float, float]
"""Leg, start of the bar, +1 or -1, offset, price, lots."""


def rows_heard(heard: Sequence[OrderUpdate]) -> list[Row]:
    fills = [update for update in heard if update.kind is UpdateKind.FILLED]
    return [(u.leg, u.at, int(u.direction), int(u.offset), u.price, u.volume) for u in fills]


def rows_of(result: RunResult) -> list[Row]:
    table = result.fills
    columns = (table.leg, table.start, table.direction, table.offset, table.price, table.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def walks(name: str, seed: int, bars: int = 300) -> list[BarSeries]:
    return [random_walk(bars, seed=seed + leg, step=3.0) for leg in range(registry.legs(name))]


def assert_same(name: str, values: dict[str, object], series: Sequence[BarSeries]) -> int:
    """Fills equal those of the fastest form, row by row; updates those of a form that hears them."""
    heard, _, _ = hosted(name, values, series)
    result, _ = backtested(name, values, series)
    assert rows_heard(heard) == rows_of(result)
    _, told = backtested(name, values, series, forms(registry.get(name))[-1])
    assert heard == told
    return len(heard)


@pytest.mark.parametrize("name", list(SHORT))
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_preset_trades_live_what_its_backtest_trades(name: str, seed: int) -> None:
    assert_same(name, SHORT[name], walks(name, seed))


@pytest.mark.parametrize("name", list(SHORT))
def test_presets_that_trade_at_all(name: str) -> None:
    """Or the comparison above would compare nothing."""
    assert assert_same(name, SHORT[name], walks(name, 3, 2_000)) > 5


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(SHORT))
def test_every_preset_trades_recorded_bars_live_as_in_a_backtest(name: str, shared_data: Path) -> None:
    """Its own parameters, weeks of minutes: nights, gaps and minutes without trades included."""
    case = next(case for case in CASES if case.preset == name)
    series = [leg.bars.take(slice(-15_000, None)) for leg in legs_of(case, shared_data)]
    assert assert_same(name, dict(case.values), series) > 20


@pytest.mark.parametrize("name", [name for name in SHORT if Form.EVENT not in forms(registry.get(name))])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100_000), length=st.integers(60, 400))
def test_the_first_live_decision_after_a_warm_up_is_that_of_a_backtest(name: str, seed: int, length: int) -> None:
    """Past bars lead to what a backtest would hold; from there every decision is the same."""
    series = walks(name, seed, 600)
    cut = int(series[0].start[length])
    _, whole, _ = hosted(name, SHORT[name], series)
    strategy, _ = watched(name, SHORT[name])
    terms = [LegTerms(bars.instrument, 1.0, 10.0) for bars in series]
    host = LiveHost(strategy, terms, HostSetup(UNIT, "1m"))
    host.warm([bars.between(end=cut) for bars in series])
    _, decided, _ = hosted(name, SHORT[name], [bars.between(start=cut) for bars in series], host)
    told = [one for one in whole if one.bar_start >= cut]
    same = [(one.bar_start, one.leg, one.target, one.reason, one.values) for one in told]
    assert [(one.bar_start, one.leg, one.target, one.reason, one.values) for one in decided] == same
