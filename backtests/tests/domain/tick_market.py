"""Made ticks and small strategies for tests of runs on ticks: price tick 1, ten units a lot, no fees unless given."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.result import RunResult
from backtests.domain.rules import PLAIN, Rules
from backtests.domain.tick_day import TickDay
from backtests.domain.tick_engine import run_ticks
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_DAY
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy

CODE = "rb2501.SHFE"
FIRST_DAY = 20_000
HALF = 500_000_000


def tick(number: int, day: int = FIRST_DAY, **given: Any) -> Tick:
    """The ``number``-th tick of a day: 10 lots at 100 since the one before, 99 x 10 against 101 x 10."""
    figures: dict[str, Any] = {
        "last": 100.0, "volume": 10 * number, "turnover": 10_000.0 * number, "open_interest": 0.0, "open": 100.0,
        "bid_price": 99.0, "bid_volume": 10, "ask_price": 101.0, "ask_volume": 10, **given,
    }  # fmt: skip
    return Tick(CODE, day, number, day * NS_PER_DAY + number * HALF, 0, **figures)


def day_of(*ticks: Tick) -> TickDay:
    """A trading day of these ticks, open from midnight on."""
    start = ticks[0].trading_day * NS_PER_DAY
    return TickDay(ticks[0].trading_day, start, start + NS_PER_DAY - 1, ticks)


def leg_of(days: list[TickDay], fee: float = 0.0, margin: float = 0.0) -> Leg:
    """The leg of a run: one bar a day, closing at its last price; ``fee`` in yuan a lot, ``margin`` a fraction."""
    closes = np.array([[tick.last for tick in day.ticks if not tick.flags][-1] for day in days])
    starts = np.array([day.opens for day in days])
    numbers = np.array([day.trading_day for day in days], dtype=np.int32)
    volume = np.array([float(day.ticks[-1].volume) for day in days])
    bars = BarSeries(CODE, "1m", starts, numbers, closes, closes, closes, closes, volume, volume, volume)
    costs = CostTable(
        10.0, 1.0, 0.0,
        (Dated(date.min, FeeRates(0.0, fee, 0.0, fee, 0.0, fee)),),
        (Dated(date.min, MarginRates(long_by_money=margin, short_by_money=margin)),),
    )  # fmt: skip
    return Leg(CODE, bars, costs)


def run(
    days: list[TickDay],
    strategy: type[BaseStrategy],
    *,
    capital: float = 1e6,
    volume: float = 1.0,
    fee: float = 0.0,
    margin: float = 0.0,
    close_at_end: bool = False,
    rules: Rules = PLAIN,
) -> tuple[RunResult, Any]:
    """What came of it, and the strategy as the run left it."""
    made = strategy(strategy.Parameters())
    setup = RunSetup(capital, volume, close_at_end, rules)
    return run_ticks(days, leg_of(days, fee, margin), made, setup), made


class OnTicks(BaseStrategy):
    """Does ``act`` with every tick and keeps what it was told."""

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """None."""

    def initialize(self) -> None:
        """Forget everything."""
        self.seen: list[Tick] = []
        self.updates: list[Any] = []

    def on_tick(self, tick: Tick) -> None:
        """Keep it, and act."""
        self.seen.append(tick)
        self.act(len(self.seen), tick)

    def act(self, number: int, tick: Tick) -> None:
        """What a test does at the ``number``-th tick."""

    def on_order_update(self, update: Any) -> None:
        """Keep it."""
        self.updates.append(update)


def fills_of(result: RunResult) -> list[tuple[int, float, float]]:
    """Signed direction, price and lots of each row."""
    table = result.fills
    return list(zip(table.direction.tolist(), table.price.tolist(), table.volume.tolist(), strict=True))
