"""Technical indicators over whole columns: shape ``(n,)`` in, shape ``(n,)`` out, NaN during the look-back.

Each is causal: its value on a bar depends on that bar and earlier ones only. Most come from TA-Lib (ta-lib.org;
the formulas below are those of its C sources). It is imported when the first indicator is computed: the web
process lists strategies and must stay light.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from marketdata.domain.bars import FloatColumn

STILL = 1e-9
"""Fraction of the price: an average movement below it counts as none."""

FORGOTTEN = 1e-15
"""Weight at which an old bar is lost in the rounding of a float64, ten thousand times below what counts as a tie."""

_FEW_WINDOWS = 64
"""Up to so many windows are cheaper computed one by one."""


class Macd(NamedTuple):
    """The difference of a fast and a slow EMA, and the EMA of that difference."""

    line: FloatColumn
    signal: FloatColumn


class Bands(NamedTuple):
    """A middle line and the lines at equal distances below and above it."""

    lower: FloatColumn
    middle: FloatColumn
    upper: FloatColumn


def sma(values: FloatColumn, length: int) -> FloatColumn:
    """Mean of the last ``length`` values (TA-Lib ``SMA``); NaN on the first ``length - 1``."""
    return _column(_talib().SMA(values, timeperiod=_checked(length)))


def ema(values: FloatColumn, length: int) -> FloatColumn:
    """``ema = ema[-1] + 2 / (length + 1) * (value - ema[-1])`` (TA-Lib ``EMA``).

    The first one, on value number ``length``, is the mean of the values until there; NaN before it.
    """
    return _column(_talib().EMA(values, timeperiod=_checked(length)))


def macd(values: FloatColumn, fast: int, slow: int, signal: int) -> Macd:
    """``line = ema(fast) - ema(slow)``, ``signal = ema(line, signal)`` (G. Appel; TA-Lib ``MACD``).

    Both averages begin on value number ``slow``, the fast one as the mean of the ``fast`` values until there.
    NaN on the first ``slow + signal - 2``. Raises ``ValueError`` unless 2 <= ``fast`` < ``slow``.
    """
    if not _checked(fast, 2) < slow:
        raise ValueError(f"fast ({fast}) must be below slow ({slow})")
    periods = {"fastperiod": fast, "slowperiod": slow, "signalperiod": _checked(signal)}
    line, average, _ = _talib().MACD(values, **periods)
    return Macd(_column(line), _column(average))


def rsi(values: FloatColumn, length: int) -> FloatColumn:
    """``100 * rise / (rise + fall)`` with Wilder's averages of the changes up and down (TA-Lib ``RSI``).

    An average starts as the mean of the first ``length`` changes, then ``(average[-1] * (length - 1) + change) /
    length``. NaN on the first ``length`` values. Where ``rise + fall`` is below 1e-9 of the value nothing has
    moved and the RSI is 50 (TA-Lib: 0, as after losses only). Source: J. W. Wilder, New Concepts in Technical
    Trading Systems (1978). Raises ``ValueError`` for a ``length`` below 2.
    """
    found = _column(_talib().RSI(values, timeperiod=_checked(length, 2)))
    movement = atr(values, values, values, length)  # of single prices: Wilder's average of all changes, unsigned
    found[movement < STILL * np.abs(values)] = 50.0
    return found


def bollinger(values: FloatColumn, length: int, width: float) -> Bands:
    """``sma(length)`` and ``width`` population standard deviations to each side (J. Bollinger; TA-Lib ``BBANDS``).

    NaN on the first ``length - 1``. Computed from deviations, not from sums of squares as TA-Lib does: those
    leave noise of the size of the smallest price moves after a million bars, and more on a long average.
    """
    middle, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    if len(values) >= _checked(length):
        mean, squares = _moments(values, length)
        middle[length - 1 :] = mean
        deviation[length - 1 :] = width * np.sqrt(squares / length)
    return Bands(middle - deviation, middle, middle + deviation)


def atr(high: FloatColumn, low: FloatColumn, close: FloatColumn, length: int) -> FloatColumn:
    """Wilder's average of the true range (TA-Lib ``ATR``); NaN on the first ``length`` bars.

    True range: the largest of ``high - low``, ``|high - close[-1]|`` and ``|low - close[-1]|``, from the second
    bar on. The average starts as the mean of the first ``length`` ones, then as in :func:`rsi`. Source: Wilder.
    """
    return _column(_talib().ATR(high, low, close, timeperiod=_checked(length)))


def donchian(high: FloatColumn, low: FloatColumn, length: int) -> Bands:
    """Lowest low, its mean with the highest high, and highest high of the last ``length`` bars (R. Donchian).

    This bar is included (TA-Lib ``MIN``, ``MAX``); NaN on the first ``length - 1``.
    """
    if _checked(length) == 1:
        lower, upper = low.copy(), high.copy()
    else:
        lower, upper = _column(_talib().MIN(low, timeperiod=length)), _column(_talib().MAX(high, timeperiod=length))
    return Bands(lower, (lower + upper) / 2, upper)


def ema_memory(length: int) -> int:
    """Values after which an EMA has forgotten where it started: its weight ``(1 - 2 / (length + 1)) ** n`` <= 1e-15."""
    return _memory(1.0 - 2.0 / (_checked(length) + 1))


def wilder_memory(length: int) -> int:
    """Values after which an average of Wilder's has forgotten its start: ``(1 - 1 / length) ** n`` <= 1e-15."""
    return _memory(1.0 - 1.0 / _checked(length))


def _memory(decay: float) -> int:
    return math.ceil(math.log(FORGOTTEN) / math.log(decay)) if decay > 0.0 else 1


def _moments(values: FloatColumn, length: int) -> tuple[FloatColumn, FloatColumn]:
    """Mean and sum of squared deviations of each full window, both of shape ``(n - length + 1,)``."""
    count = len(values) - length + 1
    if count <= _FEW_WINDOWS:
        windows = sliding_window_view(values, length)
        mean = windows.mean(axis=1)
        return mean, np.square(windows - mean[:, None]).sum(axis=1)
    # Any window is the end of one block of its length and the beginning of the next. Both parts of all blocks
    # are computed at once, row j for those that begin (end) with the block's value j, and never a difference of
    # large sums taken: what one window has left behind does not reach the next.
    blocks = -(-len(values) // length) + 1
    padded = np.pad(values, (0, blocks * length - len(values)), mode="edge").reshape(blocks, length).T
    head_mean, head_squares = _running_moments(padded)
    tail_mean, tail_squares = (part[::-1, :-1] for part in _running_moments(padded[::-1]))
    head_mean, head_squares = (np.roll(part[:, 1:], 1, axis=0) for part in (head_mean, head_squares))
    head_squares[0] = 0.0  # a window that is a whole block has no head
    share = np.arange(length)[:, None] / length
    apart = np.where(share > 0.0, head_mean - tail_mean, 0.0)
    mean = tail_mean + apart * share
    squares = tail_squares + head_squares + np.square(apart) * share * (length - np.arange(length)[:, None])
    return mean.T.ravel()[:count], squares.T.ravel()[:count]


def _running_moments(rows: FloatColumn) -> tuple[FloatColumn, FloatColumn]:
    """Mean and sum of squared deviations of rows 0 to j, for each j; shape of ``rows`` (B. P. Welford, 1962)."""
    mean, squares = np.empty(rows.shape), np.zeros(rows.shape)
    mean[0] = rows[0]
    for number in range(1, len(rows)):
        apart = rows[number] - mean[number - 1]
        mean[number] = mean[number - 1] + apart / (number + 1)
        squares[number] = squares[number - 1] + apart * (rows[number] - mean[number])
    return mean, squares


def _checked(length: int, least: int = 1) -> int:
    if length < least:
        raise ValueError(f"a length must be at least {least}, not {length}")
    return length


def _column(found: Any) -> FloatColumn:
    return np.asarray(found, dtype=np.float64)


def _talib() -> Any:
    import talib  # noqa: PLC0415 - see the module's docstring

    return talib
