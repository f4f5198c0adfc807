"""Behind a roll a live strategy sees what a backtest on the adjusted series sees, and its orders rest where they do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.domain.adjusted import adjusted, adjustment
from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.legs import Facts, Leg, Roll
from backtests.domain.rules import Adjust, Rules
from backtests.tests.domain.preset_runs import RICH
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.test_hosting_parity_bars import UNIT, watched
from backtests.tests.domain.walks import random_walk
from marketdata.domain.adjust import Splice
from marketdata.domain.adjust import adjusted as series_adjusted
from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, Bar, BarSeries
from strategies import registry
from strategies.domain.forms import forms
from strategies.domain.hosting.bar_exchange import BarExchange
from strategies.domain.hosting.host import HostSetup, LegTerms, LiveHost
from strategies.domain.hosting.intents import Decided
from strategies.domain.hosting.sight import Spread
from strategies.domain.strategy import OrderUpdate, UpdateKind
from strategies.tests.domain.hosting.test_holding_back import Straight
from strategies.tests.domain.short import SHORT

OLD_PRICE = 4_000.0
GAPS = (35.0, -20.0)
"""By so much the next contract is dearer at the first roll, and at the second one."""


def spliced(walk: BarSeries) -> tuple[BarSeries, tuple[Roll, ...]]:
    """The walk as two rolls leave it: jumps at the first bars of two of its days."""
    days = np.unique(walk.trading_day)
    at = [int(days[len(days) // 3]), int(days[2 * len(days) // 3])]
    rolls = tuple(Roll(day, gap, (OLD_PRICE + gap) / OLD_PRICE) for day, gap in zip(at, GAPS, strict=True))
    jump = sum(np.where(walk.trading_day >= roll.trading_day, roll.gap, 0.0) for roll in rolls)
    prices = {name: getattr(walk, name) + jump for name in PRICE_COLUMNS}
    columns = [prices.get(name, getattr(walk, name)) for name in VALUE_COLUMNS]
    return BarSeries(CODE, walk.interval, walk.start, walk.trading_day, *columns), rolls


def backtested(name: str, bars: BarSeries, rolls: Sequence[Roll], adjust: Adjust) -> list[OrderUpdate]:
    """What the strategy hears in a backtest that rolls, by the form that hears all."""
    strategy, heard = watched(name, SHORT[name])
    leg = Leg(CODE, bars, flat_costs(), Facts(rolls=tuple(rolls)))
    rules = Rules(roll=True, adjust=adjust)
    run_legs([leg], strategy, RunSetup(RICH, float(UNIT), rules=rules, form=forms(registry.get(name))[-1]))
    return heard


class RollingDay:
    """A host over bars whose contract changes at some of its days."""

    def __init__(self, name: str, bars: BarSeries, rolls: Sequence[Roll], adjust: Adjust) -> None:
        self.strategy, self.heard = watched(name, SHORT[name])
        self.host = LiveHost(self.strategy, [LegTerms("old", 1.0, 10.0)], HostSetup(UNIT, "1m"))
        self.exchange = BarExchange(self.host, [LegTerms("old", 1.0, 10.0)])
        self.decided: list[Decided] = []
        self._bars, self._adjust = bars, adjust
        self._rolls = {roll.trading_day: roll for roll in rolls}

    def play(self) -> "RollingDay":
        day, days = -1, self._bars.trading_day
        for at, bar in enumerate(self._bars.rows()):
            if bar.trading_day != day:
                day = bar.trading_day
                self._begin(day, bar)
            self.exchange.meet(0, bar)
            ends = at + 1 < len(days) and int(days[at + 1]) in self._rolls and days[at + 1] != day
            intents = self.host.on_bars((bar,), bar.start, (0,) if ends else ())
            self.decided += [intent for intent in intents if isinstance(intent, Decided)]
            self.exchange.carry(intents, bar.start)
        return self

    def _begin(self, day: int, bar: Bar) -> None:
        """Lots change at the first open; then what waited over night goes out."""
        self.exchange.carry(self.host.begin_day(day), bar.start)
        if day in self._rolls:
            self._roll(self._rolls[day], bar)
        self.exchange.carry(self.host.open(0, bar.start), bar.start)

    def _roll(self, roll: Roll, bar: Bar) -> None:
        host, at = self.host, bar.start
        there = f"new{at}"
        algo = Straight(0, there, host.outbox.next_number)
        spread = Spread(OLD_PRICE, OLD_PRICE + roll.gap, self._adjust.value)
        self.exchange.carry(host.roll(0, algo, LegTerms(there, 1.0, 10.0), at, spread), at)
        for working in list(host.working.values()):
            price = bar.open if working.place.contract == there else bar.open - roll.gap
            self.exchange._fill(working.place, price, bar)
        assert host.roll_under_way is None


def told(heard: Sequence[OrderUpdate], rolls: Sequence[Roll], bars: BarSeries) -> list[tuple[Any, ...]]:
    """Updates; without the prices of what the roll itself fills, and without those of what it withdraws.

    A backtest tells them all by the new contract's sight, live each is told as the strategy saw or named it.
    """
    firsts = {int(bars.start[np.searchsorted(bars.trading_day, roll.trading_day)]) for roll in rolls}
    made = []
    for one in heard:
        if one.at in firsts and one.kind is UpdateKind.CANCELLED:
            made.append(tuple(one._replace(price=0.0, volume=0.0)))
        else:
            made.append(tuple(one._replace(price=0.0) if one.at in firsts and not one.order else one))
    return made


SINGLE = [name for name in SHORT if registry.legs(name) == 1]
every_adjust = pytest.mark.parametrize("adjust", list(Adjust))


@every_adjust
@pytest.mark.parametrize("name", SINGLE)
def test_a_preset_goes_on_behind_a_roll_as_in_a_backtest(name: str, adjust: Adjust) -> None:
    bars, rolls = spliced(random_walk(600, seed=3, step=3.0))
    heard = backtested(name, bars, rolls, adjust)
    live = RollingDay(name, bars, rolls, adjust).play()
    assert told(live.heard, rolls, bars) == told(heard, rolls, bars)
    first = int(bars.start[np.searchsorted(bars.trading_day, rolls[0].trading_day)])
    assert sum(update.at >= first for update in heard) > 3


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("adjust", [Adjust.DIFFERENCE, Adjust.RATIO])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_so_on_any_walk(name: str, adjust: Adjust, seed: int) -> None:
    bars, rolls = spliced(random_walk(300, seed=seed, step=3.0))
    live = RollingDay(name, bars, rolls, adjust).play()
    assert told(live.heard, rolls, bars) == told(backtested(name, bars, rolls, adjust), rolls, bars)


@pytest.mark.parametrize(("adjust", "form"), [(Adjust.DIFFERENCE, "889"), (Adjust.RATIO, "889r")])
def test_the_bars_that_are_kept_are_those_of_the_adjusted_series(adjust: Adjust, form: str) -> None:
    """By the formula of backtests bit for bit, and by that of the stored series."""
    bars, rolls = spliced(random_walk(300, seed=8))
    kept = RollingDay("double_ma", bars, rolls, adjust).play().host.legs[0].bars.series(300)
    days = np.unique(bars.trading_day).astype(np.int64)
    change = adjustment(Leg(CODE, bars, flat_costs(), Facts(rolls=rolls)), days, adjust)
    seen = adjusted(bars, days, change)
    splices = [Splice(roll.trading_day, OLD_PRICE, OLD_PRICE + roll.gap) for roll in rolls]
    stored = series_adjusted(bars, splices, form, CODE)
    for name in VALUE_COLUMNS:
        assert getattr(kept, name).tolist() == getattr(seen, name).tolist()
        np.testing.assert_allclose(getattr(kept, name), getattr(stored, name), rtol=1e-12)
    assert (kept.close != bars.close).any()
