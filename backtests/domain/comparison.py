"""Several runs beside each other: which facts differ, each figure against the first run's, how days move together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT, simple_returns

Days = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Number = float | int | None


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


HIGHER: Mapping[str, frozenset[str]] = {
    "standard": _names(
        "total_return annual_return sharpe sortino calmar omega tail_ratio stability var_95 cvar_95 max_drawdown "
        "max_drawdown_money win_rate payoff_ratio profit_factor expectancy longest_winning_streak mae_mean mae_worst "
        "mfe_mean mfe_best net_profit alpha information_ratio"
    ),
    "vnpy": _names(
        "profit_days end_balance max_drawdown max_ddpercent total_net_pnl daily_net_pnl total_return annual_return "
        "daily_return sharpe_ratio ewm_sharpe return_drawdown_ratio rgr_ratio"
    ),
}
LOWER: Mapping[str, frozenset[str]] = {
    "standard": _names(
        "annual_volatility max_drawdown_days max_drawdown_to_trough max_drawdown_to_recover longest_losing_streak "
        "commission slippage tracking_error"
    ),
    "vnpy": _names(
        "loss_days max_drawdown_duration total_commission daily_commission total_slippage daily_slippage return_std"
    ),
}
"""Of the figures in neither table (counts, dates, exposure, beta ...) none is the best."""

FEWEST_DAYS = 3
"""A correlation of two days is always 1 or -1."""


class FactRow(NamedTuple):
    """A fact that is not the same in every run; ``name`` is a path such as ``parameters.fast``, None: not there."""

    name: str
    values: tuple[Any, ...]


class FigureRow(NamedTuple):
    """One figure of every run, less that of the first run, and the places of the best; None where undefined."""

    block: str
    name: str
    values: tuple[Number | str, ...]
    differences: tuple[Number, ...]
    best: tuple[int, ...]


class Correlation(NamedTuple):
    """Pearson's coefficient of the daily returns of two runs on the ``days`` that both have; None where undefined."""

    value: float | None
    days: int


def different_facts(facts: Sequence[Mapping[str, Any]]) -> list[FactRow]:
    """The facts that differ, in the order of their first appearance; mappings inside are walked through."""
    flat = [dict(_paths(mapping)) for mapping in facts]
    names = dict.fromkeys(name for mapping in flat for name in mapping)
    rows = (FactRow(name, tuple(mapping.get(name) for mapping in flat)) for name in names)
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def _paths(mapping: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{before}{key}.")
        else:
            yield before + key, value


def figure_rows(statistics: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[FigureRow]:
    """Every figure that any run has, block by block, in the order of the blocks."""
    found = []
    for block in dict.fromkeys(name for blocks in statistics for name in blocks):
        parts = [blocks.get(block, {}) for blocks in statistics]
        names = dict.fromkeys(name for part in parts for name in part)
        found += [_figure_row(block, name, tuple(part.get(name) for part in parts)) for name in names]
    return found


def _figure_row(block: str, name: str, values: tuple[Any, ...]) -> FigureRow:
    numbers = [None if name.endswith("_day") else number(value) for value in values]
    first = numbers[0]
    less = tuple(None if value is None or first is None else value - first for value in numbers)
    return FigureRow(block, name, values, less, _best(block, name, numbers))


def number(value: Any) -> float | int | None:
    """``value`` where it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _best(block: str, name: str, numbers: Sequence[Number]) -> tuple[int, ...]:
    """The places of the best of at least two figures that are not all the same."""
    known = [value for value in numbers if value is not None]
    higher, lower = name in HIGHER.get(block, ()), name in LOWER.get(block, ())
    if len(set(known)) < 2 or not (higher or lower):
        return ()
    best = max(known) if higher else min(known)
    return tuple(place for place, value in enumerate(numbers) if value == best)


def rebased(equity: Floats, capital: float) -> Floats:
    """Equity as a part of the start capital, which is 100."""
    return np.asarray(equity / capital * 100.0, dtype=np.float64)


def correlations(runs: Sequence[tuple[Days, Floats, float]]) -> list[list[Correlation]]:
    """Of each run with each, given as trading days, equity and capital; symmetric, a row a run.

    Undefined below ``FEWEST_DAYS`` common days, where a run does not move, and where equity was ever zero or below.
    """
    returns = [(days, simple_returns(equity, capital)) for days, equity, capital in runs]
    return [[_correlation(*one, *other) for other in returns] for one in returns]


def _correlation(days: Days, returns: Floats | None, others: Days, theirs: Floats | None) -> Correlation:
    common, here, there = np.intersect1d(days, others, assume_unique=True, return_indices=True)
    if returns is None or theirs is None or len(common) < FEWEST_DAYS:
        return Correlation(None, len(common))
    one, other = returns[here], theirs[there]
    if one.std() <= FLAT or other.std() <= FLAT:
        return Correlation(None, len(common))
    return Correlation(float(np.clip(np.corrcoef(one, other)[0, 1], -1.0, 1.0)), len(common))
