"""Our own engine in each of its forms: ``python -m benchmarks.race.ours FORM BARS.npz CASE [--rounds N]``."""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np

from backtests.domain.costs import CostTable
from backtests.domain.engine import ENGINE_VERSION, RunConfig, prepare
from backtests.domain.result import RunResult
from backtests.domain.statistics import standard
from backtests.domain.statistics_vnpy import vnpy
from benchmarks.peers.shared import LEVELS, PAIRS, SPACING, Case, Outcome, Table, serve
from benchmarks.race.bars import INSTRUMENT
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies.domain.forms import Form
from strategies.registry import create

NOTE = "with the statistics of both blocks"
PAIRS_NOTE = "two threads, with the standard block, as trials are computed"
THREADS = 2


def series(table: Table) -> BarSeries:
    """The bars as the project holds them; what the file does not have is unknown."""
    unknown = np.full(len(table.close), np.nan)
    prices = (table.open, table.high, table.low, table.close)
    return BarSeries(INSTRUMENT, "1m", table.start, table.trading_day, *prices, table.volume, unknown, unknown)


def config(table: Table, form: Form) -> RunConfig:
    """The terms as a run takes them: one rate for opening and closing, margin by money."""
    rate, margin = table.rate, table.margin_rate
    fees = Dated(date(2010, 1, 1), FeeRates(rate, 0.0, rate, 0.0, rate, 0.0))
    margins = Dated(date(2010, 1, 1), MarginRates(margin, 0.0, margin, 0.0))
    costs = CostTable(table.multiplier, table.tick, table.slippage_ticks, (fees,), (margins,))
    return RunConfig(INSTRUMENT, "1m", table.capital, 1.0, costs, form=form)


def double_ma(form: Form) -> Case:
    """10 against 30."""
    return lambda table: _runs(table, form, [("double_ma", {"fast": 10, "slow": 30})])


def grid(form: Form) -> Case:
    """Ten levels on each side, ten ticks apart."""
    return lambda table: _runs(table, form, [("grid", {"levels": LEVELS, "spacing": SPACING})])


def pairs200(form: Form) -> Case:
    """The 200 pairs as an optimisation computes trials: bars made ready once, a thread a core, the standard block."""

    def case(table: Table) -> Callable[[], Outcome]:
        bars, terms = series(table), config(table, form)

        def work() -> Outcome:
            ready = prepare(bars, terms)

            def trial(pair: tuple[int, int]) -> tuple[int, float]:
                result = ready.run(create("double_ma", {"fast": pair[0], "slow": pair[1]}))
                standard(result, terms.capital, bars=bars, multiplier=terms.costs.multiplier)
                return len(result.fills), result.net_profit

            with ThreadPoolExecutor(THREADS) as pool:
                done = list(pool.map(trial, PAIRS))
            return Outcome(sum(fills for fills, _ in done), sum(pnl for _, pnl in done), note=PAIRS_NOTE)

        return work

    return case


def _runs(table: Table, form: Form, chosen: Sequence[tuple[str, dict[str, int]]]) -> Callable[[], Outcome]:
    """The timed work: bars made ready, each strategy made and run, its statistics computed."""
    bars, terms = series(table), config(table, form)

    def work() -> Outcome:
        began = time.perf_counter()
        counted = 0.0
        fills, pnl = 0, 0.0
        ready = prepare(bars, terms)
        for name, parameters in chosen:
            result = ready.run(create(name, parameters))
            seconds = _statistics(result, bars, terms)
            fills, pnl, counted = fills + len(result.fills), pnl + result.net_profit, counted + seconds
        return Outcome(fills, pnl, note=NOTE, engine_seconds=time.perf_counter() - began - counted)

    return work


def _statistics(result: RunResult, bars: BarSeries, terms: RunConfig) -> float:
    """Both blocks, as the worker computes them; the seconds that they took."""
    began = time.perf_counter()
    standard(result, terms.capital, bars=bars, multiplier=terms.costs.multiplier)
    vnpy(bars, result.fills, terms.costs.multiplier, terms.capital)
    return time.perf_counter() - began


if __name__ == "__main__":
    form = Form(sys.argv.pop(1))
    serve(f"engine {ENGINE_VERSION}", {"double_ma": double_ma(form), "grid": grid(form), "pairs200": pairs200(form)})
