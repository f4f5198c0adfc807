"""A run beside a benchmark: both as simple daily returns of the same trading days, shape ``(n,)``.

Formulas as in the library empyrical with risk-free rate 0; ``A`` is the number of days in a year.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT, compounded, finite, moments
from marketdata.domain.bars import BarSeries

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int32]


def buy_and_hold(trading_day: Days, bars: Sequence[BarSeries]) -> Floats | None:
    """Daily returns of holding every leg in equal shares, from the open of its first bar, by the day's last close.

    A day without bars of a leg returns 0 for it. None without bars, or where a price is zero or below (an
    adjusted series may be: its quotients say nothing).
    """
    columns = [_held(trading_day, series) for series in bars]
    known = [column for column in columns if column is not None]
    if not known or len(known) < len(columns):
        return None
    return known[0] if len(known) == 1 else np.asarray(np.mean(known, axis=0), dtype=np.float64)


def _held(trading_day: Days, series: BarSeries) -> Floats | None:
    if not len(series):
        return None
    last = np.searchsorted(series.trading_day, trading_day, side="right") - 1
    price = np.concatenate((series.open[:1], np.where(last < 0, series.open[0], series.close[last])))
    return price[1:] / price[:-1] - 1.0 if bool((price > 0).all()) else None


def total_return(benchmark: Floats) -> float | None:
    """``prod(1 + b) - 1``. None without a day or after a loss of all."""
    if not len(benchmark) or not bool((benchmark > -1).all()):
        return None
    return compounded(float(np.add.reduce(np.log1p(benchmark))))


def beta(returns: Floats, benchmark: Floats) -> float | None:
    """``cov(r, b) / var(b)``. None below two days or where the benchmark never moves."""
    if len(returns) < 2:
        return None
    mean, deviation = moments(benchmark)
    if deviation <= FLAT:
        return None
    return finite(float(returns @ (benchmark - mean)) / (deviation * deviation * (len(returns) - 1)))


def alpha(returns: Floats, benchmark: Floats, slope: float | None, annual_days: int) -> float | None:
    """``(1 + mean(r - beta * b)) ** A - 1`` with ``slope`` as beta: compounded. None where beta is."""
    if slope is None:
        return None
    mean = float(np.add.reduce(returns - slope * benchmark)) / len(returns)
    return compounded(math.log1p(mean) * annual_days) if mean > -1 else None


def information_ratio(returns: Floats, benchmark: Floats, annual_days: int) -> float | None:
    """``mean(r - b) / std(r - b, ddof=1) * sqrt(A)``. None below two days or where the difference never changes.

    empyrical's ``excess_sharpe`` is the same per day, without ``sqrt(A)``.
    """
    if len(returns) < 2:
        return None
    mean, deviation = moments(returns - benchmark)
    return None if deviation <= FLAT else finite(mean / deviation * math.sqrt(annual_days))
