"""How many of many trials were really different: what the deflated Sharpe ratio takes as its N.

Neighbouring parameters trade nearly alike, so that 1,000 of them are not 1,000 independent chances. Two
estimates, both of a matrix of daily returns of shape ``(trials, days)``:

- :func:`by_average_correlation`: ``N_eff = rho + (1 - rho) * N`` with the mean correlation ``rho`` of all pairs
  (Bailey and Lopez de Prado, "The Deflated Sharpe Ratio", 2014, appendix 3). Right where all pairs are about
  equally correlated, far too high where the trials fall into groups of copies.
- :func:`by_clusters`: the number of groups of trials that correlate by at least ``threshold`` with the group's
  first member (after Lopez de Prado and Lewis, "Detection of false investment strategies using unsupervised
  learning methods", 2019, with the simplest clustering: leaders in the order of the trials). Right where they
  fall into groups.

The plain N is never below either: taking it is the cautious choice.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.floating]

THRESHOLD = 0.9
"""Correlation of daily returns from which two trials count as one."""

CHUNK = 512
"""Trials that are worked on together: 512 x 1,500 days are 6 MB."""


def daily_sharpes(returns: Matrix) -> Floats:
    """The daily Sharpe ratio of each trial, shape ``(trials,)``; 0 for one that never moves (it did not trade)."""
    sharpes = np.zeros(len(returns))
    if returns.shape[1] < 2:
        return sharpes
    for first in range(0, len(returns), CHUNK):
        part = np.asarray(returns[first : first + CHUNK], dtype=np.float64)
        deviation = part.std(axis=1, ddof=1)
        moves = deviation > FLAT
        np.divide(part.mean(axis=1), deviation, out=sharpes[first : first + CHUNK], where=moves)
    return sharpes


def sharpe_variance(sharpes: Floats) -> float:
    """The variance of the trials' Sharpe ratios, ddof=1; 0 for fewer than two."""
    return float(sharpes.var(ddof=1)) if len(sharpes) > 1 else 0.0


def average_correlation(returns: Matrix) -> float:
    """The mean correlation over all pairs of trials that move; 0 where there is no pair.

    Needs no matrix of pairs: with unit vectors ``z`` it is ``(|sum(z)| ** 2 - N) / (N * (N - 1))``.
    """
    total, count = np.zeros(returns.shape[1]), 0
    for unit in _units(returns):
        total += unit.sum(axis=0)
        count += len(unit)
    if count < 2:
        return 0.0
    return float((total @ total - count) / (count * (count - 1)))


def by_average_correlation(returns: Matrix) -> float:
    """``rho + (1 - rho) * N``, from 1 to N: a mean correlation below 0 counts as 0."""
    if not len(returns):
        return 0.0
    shared = min(1.0, max(0.0, average_correlation(returns)))
    return shared + (1.0 - shared) * len(returns)


def by_clusters(returns: Matrix, threshold: float = THRESHOLD) -> int:
    """How many groups the trials form; those that never move are one group together.

    In the order of the trials each one joins the first leader with which it correlates by ``threshold`` or
    more, or becomes a leader. Time is ``trials x groups x days``.
    """
    leaders = np.empty((0, returns.shape[1]))
    moving = 0
    for unit in _units(returns):
        moving += len(unit)
        fresh = unit[~(unit @ leaders.T >= threshold).any(axis=1)] if len(leaders) else unit
        leaders = np.concatenate((leaders, _leaders(fresh, threshold)))
    return len(leaders) + (moving < len(returns))


def _leaders(unit: Floats, threshold: float) -> Floats:
    """The rows that lead, among rows of which none is led from outside."""
    near = unit @ unit.T >= threshold
    free = np.ones(len(unit), dtype=bool)
    chosen = []
    for row in range(len(unit)):
        if free[row]:
            chosen.append(row)
            free &= ~near[row]
    return unit[chosen]


def _units(returns: Matrix) -> Iterator[Floats]:
    """The trials that move, centred and of length 1, in pieces of at most ``CHUNK`` rows."""
    for first in range(0, len(returns), CHUNK):
        part = np.asarray(returns[first : first + CHUNK], dtype=np.float64)
        part = part - part.mean(axis=1, keepdims=True)
        length = np.sqrt((part * part).sum(axis=1))
        moves = length > FLAT * np.sqrt(part.shape[1])
        yield part[moves] / length[moves, None]
