"""How deep and how long equity stays below its peak; the start capital is the first peak."""

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import finite

Floats = npt.NDArray[np.float64]


def drawdowns(equity: Floats, capital: float) -> Floats:
    """``(E_t - peak_t) / peak_t``, a fraction of 0 or below, shape ``(n,)``.

    ``peak_t`` is the highest equity up to day t, the start capital included (empyrical prepends it too).
    With a positive capital this is defined for any equity: a debt gives less than -1.
    """
    peak = np.maximum(np.maximum.accumulate(equity), capital)
    return (equity - peak) / peak


def max_drawdown(equity: Floats, capital: float) -> float | None:
    """The lowest of :func:`drawdowns`; 0.0 if equity never fell below its peak, None without a day or a capital."""
    if not len(equity) or capital <= 0:
        return None
    return finite(min(drawdowns(equity, capital).min(), 0.0))


def max_drawdown_days(equity: Floats, capital: float) -> int | None:
    """The longest time under water in trading days; 0 if there was none, None without a day.

    Day 0 is the start. A spell runs from the last day at the peak to the first day on which equity is back
    at that peak or above it, that day counted; a spell not recovered runs to the last day. It need not be
    the spell of the deepest drawdown.
    """
    if not len(equity):
        return None
    path = np.concatenate(([capital], equity))
    at_peak = np.flatnonzero(path >= np.maximum.accumulate(path))
    spells = np.diff(np.append(at_peak, len(path)))
    spells[-1] -= 1  # the end is the last day itself, not a recovery on the day after
    spells[:-1][spells[:-1] == 1] = 0  # from peak to peak on the next day: never under water
    return int(spells.max())
