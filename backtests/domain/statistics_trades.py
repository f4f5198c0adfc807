"""Statistics of closed trades: a column of net profits in money, shape ``(n,)``.

A trade is a closed lot, first in first out, net of the commissions of its entry and of its exit. A win is
above zero, a loss below; a trade of exactly zero counts in the number of trades only.
"""

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import finite

Floats = npt.NDArray[np.float64]


def win_rate(profits: Floats) -> float | None:
    """Share of the trades that won, 0 to 1. None without a trade."""
    return finite(np.count_nonzero(profits > 0) / len(profits)) if len(profits) else None


def payoff_ratio(profits: Floats) -> float | None:
    """Average win over the absolute average loss. None if nothing was won or nothing lost."""
    wins, losses = profits[profits > 0], profits[profits < 0]
    if not len(wins) or not len(losses):
        return None
    return finite(wins.mean() / abs(losses.mean()))


def profit_factor(profits: Floats) -> float | None:
    """Sum of the wins over the absolute sum of the losses. None if nothing was lost."""
    losses = profits[profits < 0]
    return finite(profits[profits > 0].sum() / abs(losses.sum())) if len(losses) else None


def expectancy(profits: Floats) -> float | None:
    """Mean net profit of a trade in money. None without a trade."""
    return finite(profits.mean()) if len(profits) else None
