"""What a worker does before its first run: load and run everything once that would make that run slow.

The compiled kernel is loaded from disk or, the first time on a machine, compiled (some seconds); the indicator
library and the statistics are imported. Never called in a web process.
"""

import time

import numpy as np

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result_hash import result_hash
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies import registry
from strategies.domain.forms import forms

BARS_A_DAY = 60
DAYS = 5
CAPITAL = 1_000_000.0


def warm_up() -> float:
    """Run every form of the library's strategies on one instrument over a short made-up series; gives the seconds."""
    began = time.perf_counter()
    bars, costs = _bars(), _costs()
    for name in registry.library_names():
        cls = registry.get(name)
        for form in forms(cls) if cls.legs == 1 else ():
            config = RunConfig("warm.SIM", "1m", CAPITAL, 1.0, costs, form=form)
            result = run(bars, registry.create(name, {}), config)
            standard(result, CAPITAL, bars=bars, multiplier=costs.multiplier)
            vnpy(bars, result.fills, costs.multiplier, CAPITAL)
            result_hash({}, costs, "", result.fills, result.end_equity)
    return time.perf_counter() - began


def _costs() -> CostTable:
    day = np.datetime64(0, "D").item()
    fees, margins = FeeRates(0.0001, 0.0, 0.0001, 0.0, 0.0001, 0.0), MarginRates(0.1, 0.0, 0.1, 0.0)
    return CostTable(10.0, 1.0, 1.0, (Dated(day, fees),), (Dated(day, margins),))


def _bars() -> BarSeries:
    """A wave on the tick grid, so that strategies trade."""
    count = BARS_A_DAY * DAYS
    close = np.round(3_500 + 40 * np.sin(np.arange(count) / 9))
    unknown = np.full(count, np.nan)
    return BarSeries(
        instrument="warm.SIM",
        interval="1m",
        start=np.arange(count, dtype=np.int64) * 60_000_000_000,
        trading_day=np.repeat(np.arange(DAYS, dtype=np.int32), BARS_A_DAY),
        open=np.roll(close, 1),
        high=np.maximum(close, np.roll(close, 1)) + 1,
        low=np.minimum(close, np.roll(close, 1)) - 1,
        close=close,
        volume=np.full(count, 100.0),
        turnover=unknown,
        open_interest=unknown,
    )


if __name__ == "__main__":
    print(f"compiled and warm in {warm_up():.1f} s")  # noqa: T201 - the one line of a command
