"""Statistics that are columns, not numbers: returns by month and year, and figures over a moving window."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.int32]


class YearRow(NamedTuple):
    """Returns of one year as fractions: ``months`` from January to December (None without a day), ``total``."""

    year: int
    months: tuple[float | None, ...]
    total: float | None


class Rolling(NamedTuple):
    """Figures over the last ``window`` trading days; shape ``(n,)``.

    A column cannot hold None: NaN stands in the ``window - 1`` days before the first full window, and where a
    figure is undefined (no Sharpe ratio without deviation).
    """

    window: int
    total_return: Floats
    annual_volatility: Floats
    sharpe: Floats


def monthly_returns(trading_day: Days, equity: Floats, capital: float) -> list[YearRow]:
    """Month and year returns by trading day, from the last equity before to the last one in it.

    None where the equity before was zero or below, or where the month has no trading day.
    """
    if not len(trading_day):
        return []
    month = trading_day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(month)), len(month) - 1)
    ends = equity[last].tolist()
    returns = dict(zip(month[last].tolist(), map(_growth, [capital, *ends], ends), strict=True))
    before, rows = capital, []
    for year, end in dict(zip((month[last] // 12).tolist(), ends, strict=True)).items():
        months = tuple(returns.get(year * 12 + number) for number in range(12))
        rows.append(YearRow(1970 + year, months, _growth(before, end)))
        before = end
    return rows


def _growth(before: float, after: float) -> float | None:
    return after / before - 1 if before > 0 else None


def rolling(returns: Floats, window: int, annual_days: int) -> Rolling:
    """Return, volatility and Sharpe ratio of each ``window`` of simple daily returns, as the whole run's are made.

    Raises ``ValueError`` for a window below two days: there is no deviation in it.
    """
    if window < 2:
        raise ValueError(f"a window of {window} days has no deviation: take 2 or more")
    found = Rolling(window, *(np.full(len(returns), np.nan) for _ in range(3)))
    if len(returns) < window:
        return found
    windows = np.lib.stride_tricks.sliding_window_view(returns, window)
    deviation = windows.std(axis=1, ddof=1)
    moving = deviation > FLAT
    mean = windows.mean(axis=1)[moving]
    found.total_return[window - 1 :] = np.prod(1.0 + windows, axis=1) - 1.0
    found.annual_volatility[window - 1 :] = deviation * math.sqrt(annual_days)
    found.sharpe[window - 1 :][moving] = mean / deviation[moving] * math.sqrt(annual_days)
    return found
