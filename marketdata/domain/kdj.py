"""KDJ, the stochastic oscillator of Chinese charting software."""

from typing import Any

import numpy as np

from marketdata.domain.bars import FloatColumn

KDJ_OUTPUTS = ("k", "d", "j")
BEGIN = 50.0
"""What K and D are said to be before their first value; and the RSV of bars over which nothing has moved."""


def kdj(
    high: FloatColumn, low: FloatColumn, close: FloatColumn, *, fastk_period: int, slowk_period: int, slowd_period: int
) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """K, D and J of each bar, shape ``(n,)``; NaN on the first ``fastk_period - 1``.

    ``RSV = 100 * (close - lowest low) / (highest high - lowest low)`` of the last ``fastk_period`` bars, this one
    included; ``K = (RSV + (slowk_period - 1) * K[-1]) / slowk_period``, D the same of K, both from 50 on; ``J = 3K -
    2D``. The formula of Chinese charting software (``SMA(RSV, M, 1)``); nothing is cut to 0 .. 100.
    """
    rsv = np.full(len(close), np.nan)
    first = fastk_period - 1
    if len(close) > first:
        rsv[first:] = _rsv(high, low, close, fastk_period)[first:]
    k = _smoothed(rsv, first, slowk_period)
    d = _smoothed(k, first, slowd_period)
    return k, d, 3.0 * k - 2.0 * d


def _rsv(high: FloatColumn, low: FloatColumn, close: FloatColumn, length: int) -> FloatColumn:
    highest = high if length == 1 else _talib().MAX(high, timeperiod=length)
    lowest = low if length == 1 else _talib().MIN(low, timeperiod=length)
    span = highest - lowest
    still = span == 0.0
    found: FloatColumn = np.where(still, BEGIN, 100.0 * (close - lowest) / np.where(still, 1.0, span))
    return found


def _smoothed(values: FloatColumn, first: int, length: int) -> FloatColumn:
    """Wilder's average from :data:`BEGIN` on: TA-Lib's begins with the mean of ``length`` values, here all 50."""
    found = values.copy()
    if length > 1 and len(values) > first:
        begun = np.concatenate((np.full(length, BEGIN), values[first:]))
        found[first:] = _talib().RMA(begun, timeperiod=length)[length:]
    return found


def _talib() -> Any:
    import talib  # noqa: PLC0415 - loaded with the first indicator: the web process must start light

    return talib
