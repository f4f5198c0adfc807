"""What else could have happened with the same trades: other orders, and draws with repetition.

Shuffling the closed trades keeps the end equity and changes the way there: its drawdowns say how much of the
one that was seen is luck of the order. Drawing trades with repetition (the bootstrap of Efron, 1979) also varies
the end. Both take trades as independent of one another and of the money at stake; positions held together are
pulled apart. :func:`bootstrap_sharpe` draws whole stretches of days instead (circular block bootstrap of Politis
and Romano, 1992), which keeps what follows from one day to the next.

Everything random comes from the ``seed``: the same call gives the same figures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

Floats = npt.NDArray[np.float64]

RUNS = 1000
MOST_RUNS = 1_000_000
CELLS = 1 << 20
"""Drawn numbers in memory at a time (8 MB)."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of what the runs gave, linear between ranks."""

    p5: float
    p25: float
    median: float
    p75: float
    p95: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Of a column with at least one value."""
        return cls(*(float(value) for value in np.percentile(values, (5, 25, 50, 75, 95))))


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """Drawdowns (fractions, 0 or below) of the equity after each closed trade, in other orders.

    ``drawdown`` is that of the order that happened; ``worse`` the share of orders whose drawdown was at least as
    deep; ``ruin`` the share in which the equity reached 0 on the way.
    """

    trades: int
    runs: int
    drawdown: float
    drawdowns: Spread
    worse: float
    ruin: float


@dataclass(frozen=True, slots=True)
class Redrawn:
    """End equities (money) and drawdowns of trades drawn with repetition; ``loss`` is the share that ended below."""

    trades: int
    runs: int
    end_equity: Spread
    drawdowns: Spread
    loss: float
    ruin: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A daily Sharpe ratio and the bounds within which ``confidence`` of the redrawn ones lie."""

    value: float
    low: float
    high: float
    confidence: float


def trade_order(profits: Floats, capital: float, *, runs: int = RUNS, seed: int = 0) -> TradeOrder | None:
    """Shuffle the net profits of closed trades (money, shape ``(trades,)``). None below two trades.

    Raises ``RuleError`` ``invalid_monte_carlo`` for a number of runs or a capital that makes no sense.
    """
    _check(capital, runs)
    if len(profits) < 2:
        return None
    random = np.random.default_rng(seed)
    depths, ruined = np.empty(runs), 0
    for part in _pieces(runs, len(profits)):
        drawn = random.permuted(np.broadcast_to(profits, (part.stop - part.start, len(profits))), axis=1)
        equity = capital + drawn.cumsum(axis=1)
        depths[part] = _drawdowns(equity, capital)
        ruined += int((equity <= 0.0).any(axis=1).sum())
    seen = float(_drawdowns(capital + profits.cumsum()[None, :], capital)[0])
    # The sums of another order differ in their last digits: equally deep is not deeper.
    worse = float((depths <= seen + 1e-12).mean())
    return TradeOrder(len(profits), runs, seen, Spread.of(depths), worse, ruined / runs)


def redraw_trades(profits: Floats, capital: float, *, runs: int = RUNS, seed: int = 0) -> Redrawn | None:
    """Draw as many trades as there were, with repetition. None and errors as in :func:`trade_order`."""
    _check(capital, runs)
    if len(profits) < 2:
        return None
    random = np.random.default_rng(seed)
    depths, ends, ruined = np.empty(runs), np.empty(runs), 0
    for part in _pieces(runs, len(profits)):
        drawn = random.integers(0, len(profits), (part.stop - part.start, len(profits)))
        equity = capital + profits[drawn].cumsum(axis=1)
        depths[part], ends[part] = _drawdowns(equity, capital), equity[:, -1]
        ruined += int((equity <= 0.0).any(axis=1).sum())
    loss = float((ends < capital).mean())
    return Redrawn(len(profits), runs, Spread.of(ends), Spread.of(depths), loss, ruined / runs)


def bootstrap_sharpe(
    returns: Floats, *, runs: int = RUNS, seed: int = 0, confidence: float = 0.9, block: int | None = None
) -> Interval | None:
    """The daily Sharpe ratio of simple daily returns with a percentile interval from stretches of ``block`` days.

    Stretches begin anywhere and go on from the last day to the first; without ``block`` they are ``n ** (1/3)`` days
    long, rounded up. None where the ratio itself is undefined. Raises as :func:`trade_order`.
    """
    _check(1.0, runs)
    if len(returns) < 3 or returns.std(ddof=1) <= FLAT:
        return None
    length = block or math.ceil(len(returns) ** (1 / 3))
    pieces = math.ceil(len(returns) / length)
    random = np.random.default_rng(seed)
    ratios = np.zeros(runs)
    for part in _pieces(runs, len(returns)):
        first = random.integers(0, len(returns), (part.stop - part.start, pieces, 1))
        days = (first + np.arange(length)).reshape(len(first), -1)[:, : len(returns)] % len(returns)
        drawn = returns[days]
        deviation = drawn.std(axis=1, ddof=1)
        np.divide(drawn.mean(axis=1), deviation, out=ratios[part], where=deviation > FLAT)
    low, high = np.quantile(ratios, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(float(returns.mean() / returns.std(ddof=1)), float(low), float(high), confidence)


def _check(capital: float, runs: int) -> None:
    faults: dict[str, str] = {}
    if not (math.isfinite(capital) and capital > 0):
        faults["capital"] = say("capital must be above 0, not %(capital)r.", capital=capital)
    if not 1 <= runs <= MOST_RUNS:
        faults["runs"] = say("runs must be from 1 to %(most)s, not %(runs)s.", most=MOST_RUNS, runs=runs)
    if faults:
        raise RuleError("invalid_monte_carlo", " ".join(faults.values()), fields=faults)


def _pieces(runs: int, width: int) -> Iterator[slice]:
    """The runs in slices of at most ``CELLS`` numbers (one run where a single one is wider)."""
    step = max(1, CELLS // width)
    for first in range(0, runs, step):
        yield slice(first, min(runs, first + step))


def _drawdowns(equity: Floats, capital: float) -> Floats:
    """The deepest ``equity / peak - 1`` of each row, the start capital being the first peak."""
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), capital)
    depth: Floats = np.minimum((equity / peak - 1.0).min(axis=1), 0.0)
    return depth
