"""How fast the engine runs double_ma over 100,000 bars in memory: no database, no worker, no report."""

from collections.abc import Iterator
from datetime import date

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.domain.result import RunResult
from backtests.domain.statistics import standard
from benchmarks.figures import Figure, best_seconds, show
from benchmarks.walk import CODE, random_walk
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies.registry import create

BARS = 100_000
CAPITAL = 1_000_000.0
FEES = Dated(date(2020, 1, 1), FeeRates(1e-4, 0.0, 1e-4, 0.0, 1e-4, 0.0))
MARGINS = Dated(date(2020, 1, 1), MarginRates(0.1, 0.0, 0.1, 0.0))


def figures() -> Iterator[Figure]:
    """Seconds and bars a second of the engine, and the seconds of the statistics on its result."""
    bars = random_walk(BARS)
    config = RunConfig(CODE, "1m", CAPITAL, 1.0, CostTable(10.0, 1.0, 1.0, (FEES,), (MARGINS,)))

    def engine() -> RunResult:
        return run(bars, create("double_ma", {"fast": 10, "slow": 30}), config)

    seconds = best_seconds(engine)
    yield Figure("backtest.engine.seconds", seconds, "s")
    yield Figure("backtest.engine.rate", BARS / seconds, "bars/s")
    result = engine()
    yield Figure("backtest.fills", float(len(result.fills.start)), "rows")
    yield Figure("backtest.statistics.seconds", best_seconds(lambda: standard(result, CAPITAL)), "s")


if __name__ == "__main__":
    show(figures())
