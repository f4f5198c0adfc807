"""A host written down at any moment and restored goes on as if nothing had happened."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bars import Bar, BarSeries
from marketdata.domain.ticks import Tick
from strategies import registry
from strategies.domain.hosting.host import HostSetup, LiveHost
from strategies.domain.hosting.intents import Intent
from strategies.domain.hosting.terms import TICKS
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, BoolColumn, OrderUpdate, Reply, Signal, UpdateKind, Wake, WakeKind
from strategies.tests.domain.hosting.market import TERMS, Exchange, steps, walk
from strategies.tests.domain.short import SHORT
from trading.domain.offsets import Direction


class Memory(NamedTuple):
    """What one deal was."""

    at: int
    price: float


@dataclass
class Note:
    """Something to remember, and change."""

    text: str
    deals: list[Memory]


class Keeper(BaseStrategy):
    """Decides by chance on what it keeps, in every type that can be stored."""

    name = "keeper"

    def initialize(self) -> None:
        self.shared: list[float] = []
        self.again = {"same": self.shared, "unknown": float("nan"), "zero": -0.0}
        self.note = Note("odd \0 text", [])
        self.lately = deque[float](maxlen=7)
        self.column = np.zeros(5)
        self.seen: set[int] = set()
        self.last_kind: UpdateKind | None = None
        self.wide = np.float64(0.1)
        self.own_chance = np.random.default_rng(5)
        self.huge = 2**100
        self.signals: list[Signal] = []

    def take(self, price: float, at: int) -> None:
        self.shared.append(price)
        self.lately.append(price)
        self.column = np.roll(self.column, 1)
        self.column[0] = price
        self.seen.add(at % 97)
        self.again["zero"] = 1.0 if len(self.again["same"]) % 2 else -0.0  # type: ignore[arg-type]
        drawn = self.random.random() + self.own_chance.random() + float(self.wide)
        told = 0.0 if self.last_kind is None else len(self.last_kind.value) / 100.0
        self.signals = [Signal(float(round(drawn * 2 - 2)), "chance", (("told", told),))] if drawn > 0.9 else []
        if drawn < 0.4:
            self.desk.limit(1.0, price - 3.0)
        elif drawn < 0.6:
            self.desk.cancel_all()
        elif drawn < 0.8:
            self.desk.stop(-1.0, min(self.lately) - 1.0)

    def generate_signals(self) -> list[Signal]:
        return self.signals

    def on_order_update(self, update: OrderUpdate) -> None:
        self.last_kind = update.kind
        self.note.deals.append(Memory(update.at, update.price))


class OnBars(Keeper):
    def on_market_data(self, bar: Bar) -> None:
        self.take(bar.close, bar.start)


class OnTicks(Keeper):
    def on_tick(self, tick: Tick) -> None:
        self.take(tick.last, tick.time)


class Traded(Keeper):
    """The plain form on ticks."""

    def on_market_data(self, bar: Bar) -> None:
        self.take(bar.close + len(self.desk.history(3)), bar.start)


class Dreamer(Keeper):
    """Woken for everything; keeps orders with replies, stops to a target, timers and levels."""

    name = "dreamer"
    wakes = frozenset({WakeKind.START, WakeKind.DAY, WakeKind.FLAG})

    def warm_up(self) -> int:
        return 3

    def flags(self, bars: BarSeries) -> BoolColumn:
        return np.asarray(bars.close % 3 == 0, dtype=np.bool_)

    def on_wake(self, wake: Wake) -> None:
        price = wake.bar.close
        self.take(price, wake.bar.start)
        drawn = self.random.random()
        if drawn < 0.3:
            self.desk.wake_at(wake.bar.start + int(drawn * 30) * 60_000_000_000)
        elif drawn < 0.6:
            self.desk.wake_on(price + 20 * drawn - 8.0)
        elif drawn < 0.8:
            self.desk.limit(-1.0, price + 3.0, reply=Reply(4.0, repeat=drawn < 0.7))
        else:
            self.desk.stop(1.0, price + 2.0, side=Direction.BUY, to_target=True)


Make = Callable[[], BaseStrategy]
CASES: dict[str, tuple[Make, str]] = {
    **{name: (lambda name=name: registry.create(name, SHORT[name]), "1m") for name in SHORT},  # type: ignore[misc]
    "woken": (lambda: Dreamer(StrategyParameters()), "1m"),
    "state on bars": (lambda: OnBars(StrategyParameters()), "1m"),
    "state on ticks": (lambda: OnTicks(StrategyParameters()), TICKS),
    "plain on ticks": (lambda: Traded(StrategyParameters()), TICKS),
    "columns on ticks": (lambda: registry.create("double_ma", SHORT["double_ma"]), TICKS),
}


def played(
    case: str, seed: int, cuts: set[int], meddle: int, *, frugal: bool = False
) -> tuple[list[list[Intent]], dict[str, Any], list[int]]:
    """The intents of every input; before those named in ``cuts`` the host is written down and restored."""
    make, interval = CASES[case]
    strategy = make()
    series = [walk(seed + leg, 120) for leg in range(type(strategy).legs)]
    terms, setup = TERMS[: len(series)], HostSetup(2, interval, seed=3)
    past = [bars.take(slice(0, 40)) for bars in series]
    host = LiveHost(strategy, terms, setup)
    if interval != TICKS:
        host.warm(past)
    exchange, told = Exchange(seed), []
    for number, step in enumerate(steps([bars.take(slice(40, None)) for bars in series], exchange, frugal=frugal)):
        if number in cuts:
            document = json.loads(json.dumps(host.document(), allow_nan=False))
            older = [] if interval == TICKS else past
            host = LiveHost.restored(make(), terms, setup, document, bars=older)
        if meddle and number % meddle == meddle - 1:
            told.append(host.pause() if number // meddle % 2 == 0 else host.resume())
        told.append(step(host))
    return told, host.document(), host.positions


@pytest.mark.parametrize("case", list(CASES))
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.sets(st.integers(0, 420), min_size=1, max_size=12),
    meddle=st.sampled_from([0, 0, 13, 50]),
)
def test_a_restored_host_goes_on_as_the_undisturbed_one(case: str, seed: int, cuts: set[int], meddle: int) -> None:
    undisturbed, document, held = played(case, seed, set(), meddle)
    told, end, lots = played(case, seed, cuts, meddle)
    assert told == undisturbed
    assert lots == held
    assert end["host"] == document["host"]
    assert end["strategy"] == document["strategy"]


@pytest.mark.parametrize("case", list(CASES))
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_ticks_that_no_leg_listens_to_change_nothing(case: str, seed: int) -> None:
    every, _, held = played(case, seed, set(), 0)
    fewer, _, lots = played(case, seed, set(), 0, frugal=True)
    assert fewer == every
    assert lots == held


@pytest.mark.parametrize("case", list(CASES))
def test_cases_that_trade_at_all(case: str) -> None:
    """Or the comparison above would compare nothing."""
    told, _, _ = played(case, 1, set(), 0)
    assert sum(map(len, told)) > 5
