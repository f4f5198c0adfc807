"""A strategy that does anything at random does the same in a live host on an ideal exchange as in a backtest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.engine import RunConfig, RunSetup, run, run_legs
from backtests.domain.legs import Leg
from backtests.tests.domain.preset_runs import RICH
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.walks import MINUTE_NS, random_walk
from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.hosting.bar_exchange import BarExchange
from strategies.domain.hosting.host import HostSetup, LegTerms, LiveHost
from strategies.domain.hosting.rehearsal import begin_bar_day, together
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, BoolColumn, OrderUpdate, Reply, Signal, Wake, WakeKind
from trading.domain.offsets import Direction


class Chancy(BaseStrategy):
    """Does what the dice of its seed say; ``log`` is all that it saw and heard."""

    name = "chancy"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """The seed of the dice."""

        seed: int = parameter(0, minimum=0)

    parameters: Parameters

    def initialize(self) -> None:
        self.dice = np.random.default_rng(self.parameters.seed)
        self.log: list[Any] = []
        self.placed: list[int] = []

    def on_order_update(self, update: OrderUpdate) -> None:
        self.log.append(update)

    def look(self, close: float, start: int) -> None:
        """Note where things stand."""
        history = self.desk.history(5)
        self.log.append((start, close, self.desk.position(), history.close.tolist()))

    def act(self, close: float, start: int, leg: int = 0) -> None:
        """One or no action."""
        off = float(self.dice.integers(-8, 9)) or 1.0
        volume = float(self.dice.choice([-2.0, -1.0, 1.0, 2.0]))
        reply = Reply(float(self.dice.integers(1, 5)), repeat=bool(self.dice.random() < 0.3))
        roll = self.dice.random()
        if roll < 0.15:
            self.placed.append(self.desk.market(volume, leg))
        elif roll < 0.35:
            self.placed.append(self.desk.limit(volume, close + off, reply=reply if roll < 0.25 else None, leg=leg))
        elif roll < 0.5:
            self.placed.append(self.desk.stop(volume, close + off, reply=reply if roll < 0.4 else None, leg=leg))
        elif roll < 0.65:
            self._to_target(close, off, volume, leg, stop=roll < 0.6)
        elif roll < 0.75:
            wanted = self.placed[int(self.dice.integers(len(self.placed)))] if self.placed else 1
            self.log.append(self.desk.cancel(wanted))
        elif roll < 0.78:
            self.log.append(self.desk.cancel_all(leg))
        else:
            self.wish(close, off, start, leg)

    def _to_target(self, close: float, off: float, volume: float, leg: int, *, stop: bool) -> None:
        if stop:
            side = Direction.BUY if off > 0 else Direction.SELL
            self.placed.append(self.desk.stop(volume, close + off, side=side, to_target=True, leg=leg))
        else:
            self.placed.append(self.desk.limit(volume, close + off, to_target=True, leg=leg))

    def wish(self, close: float, off: float, start: int, leg: int) -> None:
        """What only one form can."""


class Sleeper(Chancy):
    """Woken for everything."""

    name = "sleeper"
    wakes = frozenset({WakeKind.START, WakeKind.DAY, WakeKind.FLAG})

    def warm_up(self) -> int:
        return 2

    def flags(self, bars: BarSeries) -> BoolColumn:
        return np.asarray(bars.close % 4 == 0, dtype=np.bool_)

    def on_wake(self, wake: Wake) -> None:
        self.log.append((wake.kind, wake.level, wake.bar.start))
        self.look(wake.bar.close, wake.bar.start)
        for _ in range(2):
            self.act(wake.bar.close, wake.bar.start)

    def wish(self, close: float, off: float, start: int, leg: int) -> None:
        if off > 0:
            self.desk.wake_at(start + int(off) * MINUTE_NS)
        else:
            self.desk.wake_on(close + off + 4, leg)


class Plain(Chancy):
    """Sees every bar; gives targets beside its orders."""

    name = "plain"

    def initialize(self) -> None:
        super().initialize()
        self.signals: list[Signal] = []

    def on_market_data(self, bar: Bar) -> None:
        self.signals = []
        self.look(bar.close, bar.start)
        if self.dice.random() < 0.3:
            self.act(bar.close, bar.start)

    def generate_signals(self) -> list[Signal]:
        return self.signals

    def wish(self, close: float, off: float, start: int, leg: int) -> None:
        self.signals = [Signal(off % 3 - 1, leg=leg)]


class Pair(Plain):
    """The same on two legs."""

    name = "pair"
    legs = 2

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        self.signals = []
        self.log.append([None if bar is None else bar.start for bar in bars])
        for leg, bar in enumerate(bars):
            if bar is not None and self.dice.random() < 0.3:
                self.act(bar.close, bar.start, leg)


KINDS: dict[str, type[Chancy]] = {kind.name: kind for kind in (Sleeper, Plain, Pair)}


def walks(kind: type[Chancy], seed: int) -> list[BarSeries]:
    """Bars, some without volume; of two legs each lacks some of the other's."""
    chance = np.random.default_rng(seed)
    found = []
    for leg in range(kind.legs):
        bars = random_walk(300, seed=seed + leg, step=3.0)
        bars.volume[chance.random(len(bars)) < 0.1] = 0.0
        found.append(bars.take(chance.random(len(bars)) < (0.8 if kind.legs > 1 else 1.0)))
    return found


def hosted(strategy: Chancy, series: Sequence[BarSeries]) -> list[tuple[int, int, int, float]]:
    terms = [LegTerms(bars.instrument, 1.0, 10.0) for bars in series]
    host = LiveHost(strategy, terms, HostSetup(1, "1m"))
    exchange, day = BarExchange(host, terms), -1
    for bars in together(series):
        first = next(bar for bar in bars if bar is not None)
        if first.trading_day != day:
            day = first.trading_day
            begin_bar_day(host, exchange, day, first.start)
        for leg, bar in enumerate(bars):
            if bar is not None:
                exchange.meet(leg, bar)
        exchange.carry(host.on_bars(bars, first.start), first.start)
    return exchange.fills


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1_000_000))
def test_anything_that_a_strategy_does_comes_out_live_as_in_a_backtest(name: str, seed: int) -> None:
    kind = KINDS[name]
    series = walks(kind, seed)
    live, past = (kind(kind.Parameters(seed)) for _ in range(2))
    fills = hosted(live, series)
    if len(series) == 1:
        result = run(series[0], past, RunConfig(CODE, "1m", RICH, 1.0, flat_costs()))
    else:
        result = run_legs([Leg(bars.instrument, bars, flat_costs()) for bars in series], past, RunSetup(RICH, 1.0))
    assert live.log == past.log
    traded = [sum(abs(lots) for leg, *_, lots, _price in fills if leg == own) for own in range(len(series))]
    assert traded == [float(result.fills.volume[result.fills.leg == own].sum()) for own in range(len(series))]


@pytest.mark.parametrize("name", list(KINDS))
def test_the_dice_lead_to_every_kind_of_thing(name: str) -> None:
    """Or the comparison above would compare little."""
    kind = KINDS[name]
    strategies = [kind(kind.Parameters(seed)) for seed in range(5)]
    for seed, strategy in enumerate(strategies):
        hosted(strategy, walks(kind, seed))
    updates = [entry for strategy in strategies for entry in strategy.log if isinstance(entry, OrderUpdate)]
    assert len({(update.kind, update.offset) for update in updates}) >= 4
    if kind is Sleeper:
        woken = {
            entry[0]
            for strategy in strategies
            for entry in strategy.log
            if isinstance(entry, tuple) and isinstance(entry[0], WakeKind)
        }
        assert woken == set(WakeKind)
