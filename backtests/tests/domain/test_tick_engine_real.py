"""Runs on the recorded ticks of three exchanges: what no strategy may get out of them, and how fast they go."""

from datetime import date
from functools import cache
from time import process_time

import numpy as np
import pytest

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.result import RunResult
from backtests.domain.result_hash import result_hash
from backtests.domain.rules import PLAIN, Rules
from backtests.domain.tick_day import TickDay
from backtests.domain.tick_engine import run_ticks
from backtests.tests.domain.tick_market import OnTicks
from marketdata.built_bars import built_series
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.contract import Contract
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data, table
from trading.domain.simulated.prints import sides_counted
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
every_file = pytest.mark.parametrize("recorded", FILES, ids=lambda recorded: recorded.file)

MICROSECONDS_A_TICK = 150.0
"""Far above what is measured (docs/backtests.md), for machines that do other things too."""


class Maker(OnTicks):
    """Quotes both sides anew at every twentieth tick, and turns what it holds round at the market at times."""

    def act(self, number: int, tick: Tick) -> None:
        if number % 20 or not (tick.bid_price > 0 and tick.ask_price > 0):
            return
        self.desk.cancel_all()
        self.desk.limit(3.0, tick.bid_price)
        self.desk.limit(-3.0, tick.ask_price)
        if number % 500 == 0 and self.desk.position():
            self.desk.market(-self.desk.position())


@cache
def parts_of(recorded: Recorded) -> tuple[TickDay, Leg]:
    """The recorded day, and the leg with the minutes that it makes."""
    hours = table(recorded.exchange, recorded.product)
    symbol = recorded.code.partition(".")[0]
    contract = Contract(recorded.code, symbol, recorded.exchange, recorded.multiplier, recorded.price_tick, hours)
    ticks = ticks_of(recorded)
    plan = hours.plan(ticks[0].trading_day)
    day = TickDay(ticks[0].trading_day, plan.opens, plan.closes, ticks)
    fees = (Dated(date.min, FeeRates(0.0, 1.0, 0.0, 1.0, 0.0, 1.0)),)
    margins = (Dated(date.min, MarginRates(long_by_money=0.1, short_by_money=0.1)),)
    costs = CostTable(recorded.multiplier, recorded.price_tick, 0.0, fees, margins)
    return day, Leg(
        recorded.code, built_series(recorded.code, "1m", build_bars(ticks, contract, ("1m",))).series, costs
    )


def made(recorded: Recorded, rules: Rules = PLAIN) -> tuple[RunResult, Leg]:
    """One run over the recorded day."""
    day, leg = parts_of(recorded)
    return run_ticks([day], leg, Maker(Maker.Parameters()), RunSetup(10_000_000.0, 1.0, rules=rules)), leg


@cache
def plain_run(recorded: Recorded) -> tuple[RunResult, Leg]:
    """The run without options, once for all who look at it."""
    return made(recorded)


@every_file
def test_fills_stay_within_the_market_and_the_money_adds_up(recorded: Recorded) -> None:
    result, leg = plain_run(recorded)
    fills, ticks = result.fills, [tick for tick in ticks_of(recorded) if not tick.flags]
    assert len(fills) > 40
    assert fills.volume.sum() <= ticks[-1].volume / sides_counted(recorded.exchange, ticks[0].trading_day)
    assert fills.price.min() >= ticks[-1].low
    assert fills.price.max() <= ticks[-1].high
    assert np.all(np.diff(fills.start) >= 0)
    cash = -(fills.direction * fills.price * fills.volume).sum() * recorded.multiplier
    worth = (fills.direction * fills.volume).sum() * leg.bars.close[-1] * recorded.multiplier
    assert result.net_profit == pytest.approx(cash + worth - fills.volume.sum(), abs=1e-4)
    assert result.commission == pytest.approx(fills.volume.sum())


@pytest.mark.parametrize("recorded", FILES[2:], ids=lambda recorded: recorded.file)
def test_the_same_run_has_the_same_hash_and_a_longer_queue_fills_less(recorded: Recorded) -> None:
    def hashed(rules: Rules, run: tuple[RunResult, Leg] | None = None) -> tuple[str, float]:
        result, leg = run or made(recorded, rules)
        text = result_hash({}, leg.costs, "", result.fills, result.end_equity, rules.given())
        return text, float(result.fills.volume.sum())

    plain = hashed(PLAIN, plain_run(recorded))
    assert hashed(PLAIN) == plain
    free = hashed(Rules(ignore_queue=True))
    assert free[0] != plain[0]
    assert free[1] > plain[1]
    assert hashed(Rules(latency_ms=100))[0] != plain[0]


@pytest.mark.soak
def test_a_day_runs_in_seconds() -> None:
    recorded = FILES[1]
    day, leg = parts_of(recorded)
    strategy = Maker(Maker.Parameters())
    began = process_time()
    run_ticks([day], leg, strategy, RunSetup(10_000_000.0, 1.0))
    took = (process_time() - began) / len(day.ticks) * 1e6
    print(f"{took:.1f} us a tick")  # noqa: T201
    assert took < MICROSECONDS_A_TICK
