"""The limit: what the same decisions and cash arithmetic cost in a bare compiled loop.

No ledger, no margin, no trading days, no trades and fills kept, no statistics: nothing can be faster on this
machine in one thread but by doing less.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.peers.shared import LEVELS, PAIRS, SPACING, Outcome, Table, serve

NOTE = "a bare loop: no ledger, no margin, no days, no statistics"


@numba.njit(cache=True, nogil=True)
def cross(  # noqa: PLR0917 - numba takes scalars by position
    open_: Any, close: Any, fast: int, slow: int, multiplier: float, rate: float, slip: float
) -> Any:
    """``(pnl, fills)`` of the crossing of two averages, filled at the next open; a reversal is two fills.

    The sums of prices on the tick grid are whole numbers, so that ties are exact without a tolerance.
    """
    fast_sum, slow_sum, cash = 0.0, 0.0, 0.0
    relation, held, target, fills = 0, 0, 0, 0
    for i in range(len(close)):
        if target != held:
            change = target - held
            price = open_[i] + slip if change > 0 else open_[i] - slip
            cash -= change * price * multiplier + abs(change) * price * multiplier * rate
            fills += abs(change)
            held = target
        fast_sum += close[i] - (close[i - fast] if i >= fast else 0.0)
        slow_sum += close[i] - (close[i - slow] if i >= slow else 0.0)
        if i >= slow - 1:
            above = fast_sum * slow - slow_sum * fast
            now = 1 if above > 0.0 else (-1 if above < 0.0 else 0)
            if i >= slow and now not in (relation, 0):
                target = now
            relation = now
    return cash + held * close[-1] * multiplier, fills


@numba.njit(cache=True, nogil=True)
def ladder(  # noqa: PLR0917 - as above
    open_: Any, high: Any, low: Any, close: Any, levels: int, gap: float, multiplier: float, rate: float
) -> Any:
    """``(pnl, fills)`` of a grid around the first close: each rung a limit order, then its reply, for ever.

    A rung below buys and sells one gap higher, a rung above sells and buys one gap lower; a limit fills at the
    open where that is better, and once a bar at most.
    """
    cash, held, fills = 0.0, 0, 0
    prices, sides = np.empty(2 * levels), np.empty(2 * levels, np.int64)
    for k in range(levels):
        prices[k], sides[k] = close[0] - (k + 1) * gap, 1
        prices[levels + k], sides[levels + k] = close[0] + (k + 1) * gap, -1
    below, above = close[0] - gap, close[0] + gap  # between them a bar reaches no rung
    for i in range(1, len(close)):
        if low[i] > below and high[i] < above:
            continue
        below, above = -np.inf, np.inf
        for k in range(2 * levels):
            if (low[i] <= prices[k]) if sides[k] > 0 else (high[i] >= prices[k]):
                price = min(prices[k], open_[i]) if sides[k] > 0 else max(prices[k], open_[i])
                cash -= sides[k] * price * multiplier + price * multiplier * rate
                held += sides[k]
                fills += 1
                prices[k] += sides[k] * gap
                sides[k] = -sides[k]
            if sides[k] > 0:
                below = max(below, prices[k])
            else:
                above = min(above, prices[k])
    return cash + held * close[-1] * multiplier, fills


def double_ma(table: Table) -> Callable[[], Outcome]:
    """10 against 30."""
    return lambda: _crossed(table, ((10, 30),))


def pairs200(table: Table) -> Callable[[], Outcome]:
    """The 200 pairs, one after the other."""
    return lambda: _crossed(table, PAIRS)


def grid(table: Table) -> Callable[[], Outcome]:
    """Ten levels on each side, ten ticks apart."""

    def work() -> Outcome:
        gap = SPACING * table.tick
        prices = (table.open, table.high, table.low, table.close)
        pnl, fills = ladder(*prices, LEVELS, gap, table.multiplier, table.rate)
        return Outcome(fills, pnl, note=NOTE)

    return work


def _crossed(table: Table, pairs: tuple[tuple[int, int], ...]) -> Outcome:
    slip = table.slippage_ticks * table.tick
    terms = (table.multiplier, table.rate, slip)
    results = [cross(table.open, table.close, fast, slow, *terms) for fast, slow in pairs]
    return Outcome(sum(fills for _, fills in results), sum(pnl for pnl, _ in results), note=NOTE)


if __name__ == "__main__":
    serve(f"numba {numba.__version__}", {"double_ma": double_ma, "grid": grid, "pairs200": pairs200})
