"""The probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

The days are cut into S blocks. Every choice of S/2 of them serves once as in-sample half, the rest as
out-of-sample half. The trial with the best Sharpe ratio in sample is looked up out of sample: ``omega`` is its
rank there among all N trials (1 is the worst, ties averaged) over ``N + 1``. PBO is the share of the splits in
which ``ln(omega / (1 - omega))`` is 0 or below, that is in which the chosen trial was no better than the median.

The Sharpe ratio of any union of blocks needs only the sums and the sums of squares of each block, so that
10,000 trials of 1,500 days and 12,870 splits take seconds and little memory.

Source: Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting", Journal of
Computational Finance 20(4), 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.floating]

BLOCKS = 16
"""What the authors use: 12,870 splits."""

MOST_BLOCKS = 20
"""184,756 splits; two blocks more make it four times as many."""

LEAST_DAYS = 5
"""Days a block; a deviation of fewer says nothing."""

CELLS = 1 << 20
"""Sharpe ratios worked out at a time (8 MB a column of intermediate results)."""

CONSTANT = 1e-12
"""Share of the mean square at or below which a variance is rounding: a half without movement."""


@dataclass(frozen=True, slots=True)
class BlockSums:
    """All that the split of days needs of the trials: small enough to be kept for each one.

    ``days`` of each block, shape ``(S,)``; ``totals`` and ``squares`` are the sums of daily returns and of their
    squares, shape ``(trials, S)``.
    """

    days: npt.NDArray[np.int64]
    totals: Floats
    squares: Floats

    @classmethod
    def of(cls, returns: Matrix, blocks: int = BLOCKS) -> Self:
        """Of daily returns of shape ``(trials, days)``, the days in order; the first blocks take up what is left over.

        Raises ``RuleError`` ``invalid_blocks`` unless ``blocks`` is even, from 2 to ``MOST_BLOCKS``, with two
        days each, and ``invalid_returns`` for a return that is no number.
        """
        _check_blocks(blocks, returns.shape[1])
        short, longer = divmod(returns.shape[1], blocks)
        sizes = short + (np.arange(blocks) < longer).astype(np.int64)
        edges = np.concatenate(([0], np.cumsum(sizes)))
        totals, squares = np.empty((len(returns), blocks)), np.empty((len(returns), blocks))
        for block, (first, stop) in enumerate(pairwise(edges)):
            part = np.asarray(returns[:, first:stop], dtype=np.float64)
            totals[:, block] = part.sum(axis=1)
            squares[:, block] = np.einsum("ij,ij->i", part, part)
        if not np.isfinite(squares).all():
            trial = int(np.argmin(np.isfinite(squares).all(axis=1)))
            text = say("Trial %(trial)s has a daily return that is no number: leave it out.", trial=trial)
            raise RuleError("invalid_returns", text)
        return cls(sizes, totals, squares)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Sums of the same days worked out piece by piece, the trials in the order of the pieces."""
        totals = np.concatenate([part.totals for part in parts])
        return cls(parts[0].days, totals, np.concatenate([part.squares for part in parts]))

    def __len__(self) -> int:
        return len(self.totals)


@dataclass(frozen=True, slots=True)
class Overfit:
    """What the splits say. Columns have one value a split, shape ``(splits,)``, in no promised order.

    ``pbo`` and ``loss`` (the share of splits in which the chosen trial lost money out of sample) lie between 0
    and 1. ``chosen_in`` and ``chosen_out`` are the daily Sharpe ratios of the chosen trial in and out of sample,
    ``slope`` that of the straight line through them (below 0: the better it looked, the worse it did) and
    ``fit`` its R squared; both None where all in-sample ratios are the same.
    """

    pbo: float
    loss: float
    slope: float | None
    fit: float | None
    trials: int
    blocks: int
    logits: Floats
    chosen_in: Floats
    chosen_out: Floats

    @property
    def splits(self) -> int:
        """In how many ways the blocks were divided."""
        return len(self.logits)


def blocks_for(days: int, most: int = BLOCKS) -> int | None:
    """The largest even number of blocks up to ``most`` that leaves each ``LEAST_DAYS``; None below four blocks."""
    blocks = min(most, days // LEAST_DAYS) // 2 * 2
    return blocks if blocks >= 4 else None


def pbo(returns: Matrix, blocks: int = BLOCKS) -> Overfit:
    """:func:`cscv` of daily returns, shape ``(trials, days)``. Raises as it and ``BlockSums.of`` do."""
    return cscv(BlockSums.of(returns, blocks))


def cscv(sums: BlockSums) -> Overfit:
    """All splits of the blocks. A trial without movement in a half has the Sharpe ratio 0 there; the first of
    equally good trials is chosen. Raises ``RuleError`` ``too_few_trials`` below two trials.
    """
    if len(sums) < 2:
        text = say(
            "Overfitting shows in the choice among trials: at least 2 are needed, not %(count)s.", count=len(sums)
        )
        raise RuleError("too_few_trials", text)
    halves = _first_halves(len(sums.days))
    step = max(1, CELLS // len(sums))
    parts = [_of_splits(sums, halves[first : first + step]) for first in range(0, len(halves), step)]
    inside, outside, omega = (np.concatenate(column) for column in zip(*parts, strict=True))
    logits = np.log(omega / (1.0 - omega))
    slope, fit = _line(inside, outside)
    return Overfit(
        pbo=float((logits <= 0.0).mean()),
        loss=float((outside < 0.0).mean()),
        slope=slope,
        fit=fit,
        trials=len(sums),
        blocks=len(sums.days),
        logits=logits,
        chosen_in=inside,
        chosen_out=outside,
    )


def _check_blocks(blocks: int, days: int) -> None:
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        text = say("blocks must be an even number from 2 to %(most)s, not %(blocks)s.", most=MOST_BLOCKS, blocks=blocks)
        raise RuleError("invalid_blocks", text, fields={"blocks": text})
    if days < 2 * blocks:
        given = {"blocks": blocks, "days": days, "least": 2 * blocks}
        text = say("%(blocks)s blocks need at least %(least)s days, there are %(days)s: take fewer blocks.", **given)
        raise RuleError("invalid_blocks", text, fields={"blocks": text})


def _first_halves(blocks: int) -> Floats:
    """One row for each pair of complementary halves, 1 where a block is in the first: shape ``(pairs, S)``.

    The first block is always in it; the other half is the rest.
    """
    chosen = list(combinations(range(1, blocks), blocks // 2 - 1))
    halves = np.zeros((len(chosen), blocks))
    halves[:, 0] = 1.0
    for column in zip(*chosen, strict=True):
        halves[np.arange(len(chosen)), list(column)] = 1.0
    return halves


def _of_splits(sums: BlockSums, halves: Floats) -> tuple[Floats, Floats, Floats]:
    """In-sample ratio, out-of-sample ratio and omega of the chosen trial, for each half as in-sample once."""
    first, second = _sharpes(sums, halves), _sharpes(sums, 1.0 - halves)
    forth, back = _choose(first, second), _choose(second, first)
    inside, outside, omega = (np.concatenate(pair) for pair in zip(forth, back, strict=True))
    return inside, outside, omega


def _sharpes(sums: BlockSums, halves: Floats) -> Floats:
    """The daily Sharpe ratio of every trial over every half, shape ``(halves, trials)``."""
    days = (halves @ sums.days)[:, None]
    mean = halves @ sums.totals.T / days
    square = halves @ sums.squares.T / days
    variance = square - mean * mean
    moves = variance > np.maximum(FLAT * FLAT, CONSTANT * square)
    ratio = np.zeros_like(mean)
    np.divide(mean, np.sqrt(variance * days / (days - 1.0), where=moves, out=square), out=ratio, where=moves)
    return ratio


def _choose(inside: Floats, outside: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each row the best in-sample ratio, the same trial's ratio out of sample, and its omega there."""
    row = np.arange(len(inside))
    best = inside.argmax(axis=1)
    there = outside[row, best][:, None]
    below = (outside < there).sum(axis=1)
    equal = (outside == there).sum(axis=1)
    rank = below + (equal + 1) / 2.0
    return inside[row, best], there[:, 0], rank / (inside.shape[1] + 1.0)


def _line(inside: Floats, outside: Floats) -> tuple[float | None, float | None]:
    """Slope and R squared of the least-squares line of ``outside`` over ``inside``."""
    across, up = inside - inside.mean(), outside - outside.mean()
    width, height = float(across @ across), float(up @ up)
    if width <= FLAT * FLAT * len(across):
        return None, None
    shared = float(across @ up)
    fit = None if height <= FLAT * FLAT * len(up) else shared * shared / (width * height)
    return shared / width, fit
