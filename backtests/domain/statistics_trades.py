"""Statistics of closed trades: a column of net profits in money, shape ``(n,)``.

A trade is a closed lot, first in first out, net of the commissions of its entry and of its exit. A win is
above zero, a loss below; a trade of exactly zero counts in the number of trades only.
"""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from backtests.domain.result import DayTable, TradeTable
from backtests.domain.statistics_returns import finite

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Tally(NamedTuple):
    """Number of trades, which of them won and lost, how many, and the sums of wins and of losses, both above 0."""

    number: int
    is_win: Mask
    is_loss: Mask
    wins: int
    losses: int
    won: float
    lost: float

    @classmethod
    def of(cls, profits: Floats) -> Self:
        """Counted once for all figures below."""
        is_win, is_loss = profits > 0, profits < 0
        return cls(
            number=len(profits),
            is_win=is_win,
            is_loss=is_loss,
            wins=int(np.count_nonzero(is_win)),
            losses=int(np.count_nonzero(is_loss)),
            won=float(np.add.reduce(np.maximum(profits, 0.0))),  # faster than to pick the wins out first
            lost=-float(np.add.reduce(np.minimum(profits, 0.0))),
        )


def win_rate(trades: Tally) -> float | None:
    """Share of the trades that won, 0 to 1. None without a trade."""
    return finite(trades.wins / trades.number) if trades.number else None


def payoff_ratio(trades: Tally) -> float | None:
    """Average win over the absolute average loss. None if nothing was won or nothing lost."""
    if not trades.wins or not trades.losses:
        return None
    return finite((trades.won / trades.wins) / (trades.lost / trades.losses))


def profit_factor(trades: Tally) -> float | None:
    """Sum of the wins over the absolute sum of the losses. None if nothing was lost."""
    return finite(trades.won / trades.lost) if trades.losses else None


def expectancy(trades: Tally) -> float | None:
    """Mean net profit of a trade in money. None without a trade."""
    return finite((trades.won - trades.lost) / trades.number) if trades.number else None


def longest_streak(mask: Mask) -> int:
    """The most trades in a row, in the order of their closes, for which ``mask`` is true; 0 where there is none.

    A trade of exactly zero ends a streak of wins and one of losses.
    """
    ends = np.flatnonzero(~mask)
    if not len(ends):
        return len(mask)
    between = int(np.diff(ends).max()) - 1 if len(ends) > 1 else 0
    return max(between, int(ends[0]), len(mask) - 1 - int(ends[-1]))


def average_holding_bars(trades: TradeTable) -> float | None:
    """Mean number of bars from the bar of the entry to the bar of the exit. None without a trade."""
    return _mean_step(trades.entry_index, trades.exit_index) if len(trades) else None


def average_holding_days(trades: TradeTable, days: DayTable) -> float | None:
    """Mean number of trading days from entry to exit, 0 within one day. None without a trade or a day."""
    if not len(trades) or not len(days):
        return None
    first, last = int(days.trading_day[0]), int(days.trading_day[-1])
    number = np.zeros(last - first + 1, dtype=np.int64)
    number[days.trading_day - first] = np.arange(len(days))
    return _mean_step(number.take(trades.entry_day - first), number.take(trades.exit_day - first))


def _mean_step(begin: Longs, end: Longs) -> float | None:
    """``mean(end - begin)`` of whole numbers, exact."""
    return finite(int(np.add.reduce(end) - np.add.reduce(begin)) / len(begin))
