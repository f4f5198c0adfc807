"""vectorbt: all signals as columns, all orders in one compiled simulation.

A multiplier is not among its terms: a lot is ``multiplier`` units. Its slippage is a fraction of the price, so
each bar gets the fraction that one tick is of its open.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.peers.shared import PAIRS, Case, Outcome, Table, serve

CHUNK = 50
"""Pairs in one simulation: more at once are no faster, and take gigabytes."""

NOTE = "a lot is multiplier units; a reversal is one order of two lots, so about half the fills"


def cross(pairs: tuple[tuple[int, int], ...]) -> Case:
    """The crossing of two averages for each pair, all pairs of a chunk at once."""

    def prepare(table: Table) -> Callable[[], Outcome]:
        times = pd.to_datetime(table.start)
        open_, close = pd.Series(table.open, times), pd.Series(table.close, times)
        return lambda: total([chunk(table, open_, close, pairs[k : k + CHUNK]) for k in range(0, len(pairs), CHUNK)])

    return prepare


def total(parts: list[Outcome]) -> Outcome:
    """The chunks' outcomes as one."""
    seconds = sum(part.engine_seconds or 0.0 for part in parts)
    return Outcome(
        sum(part.fills for part in parts), sum(part.pnl for part in parts), note=NOTE, engine_seconds=seconds
    )


def chunk(table: Table, open_: Any, close: Any, pairs: tuple[tuple[int, int], ...]) -> Outcome:
    """Averages, signals, simulation, then vectorbt's own standard figures for each pair."""
    began = time.perf_counter()
    fast = vbt.MA.run(close, window=[pair[0] for pair in pairs], short_name="fast")
    slow = vbt.MA.run(close, window=[pair[1] for pair in pairs], short_name="slow")
    wide = (len(close), len(pairs))  # vectorbt gives one pair as a Series
    crosses = crossed(fast.ma.to_numpy().reshape(wide), slow.ma.to_numpy().reshape(wide))
    longs, shorts = (pd.DataFrame(cross, close.index) for cross in crosses)
    portfolio = vbt.Portfolio.from_signals(
        close, longs, short_entries=shorts, price=open_, size=table.multiplier, fees=table.rate,
        slippage=table.slippage_ticks * table.tick / open_, init_cash=table.capital,
        upon_opposite_entry="reverse", freq="1min",
    )  # fmt: skip
    fills, pnl = int(portfolio.orders.count().sum()), float(portfolio.total_profit().sum())
    seconds = time.perf_counter() - began
    portfolio.stats(agg_func=None)
    return Outcome(fills, pnl, engine_seconds=seconds)


def crossed(fast: Any, slow: Any) -> tuple[Any, Any]:
    """Entries on the bar after the cross, ``(long, short)``, shape ``(n, pairs)``."""
    relation = np.where(np.isnan(slow), np.nan, np.sign(fast - slow))
    before, now = relation[:-1], relation[1:]
    known = ~np.isnan(before)
    longs, shorts = np.zeros(fast.shape, bool), np.zeros(fast.shape, bool)
    longs[2:] = (known & (now > 0) & (before <= 0))[:-1]
    shorts[2:] = (known & (now < 0) & (before >= 0))[:-1]
    return longs, shorts


if __name__ == "__main__":
    serve(f"vectorbt {vbt.__version__}", {"double_ma": cross(((10, 30),)), "pairs200": cross(PAIRS)})
