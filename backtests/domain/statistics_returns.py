"""Statistics of a column of simple daily returns ``r``, shape ``(n,)``, in fractions.

Formulas as in the library empyrical (read from its ``stats.py``) with risk-free rate and required return 0;
``A`` is the number of periods in a year. Each function gives None where its figure is undefined: too few
days, a zero in the denominator, or a value beyond the range of a double. None of them gives NaN or infinity.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FLAT = 1e-14
"""A deviation of daily returns at or below this is rounding of ``E_t / E_(t-1)``, not movement."""


def finite(value: float) -> float | None:
    """``value`` as a plain float, or None where it is NaN or infinite."""
    number = float(value)
    return number if math.isfinite(number) else None


def simple_returns(equity: Floats, capital: float) -> Floats | None:
    """``r_t = E_t / E_(t-1) - 1`` with ``E_0 = capital``, shape ``(n,)``.

    None if the capital or any equity is not positive: from there on a ratio of equities says nothing, and
    a mean over the days before would hide the ruin.
    """
    if capital <= 0 or bool(np.any(equity <= 0)):
        return None
    return equity / np.concatenate(([capital], equity[:-1])) - 1.0


def moments(returns: Floats) -> tuple[float, float]:
    """Mean and ``std(ddof=1)`` of two values or more; by hand, as numpy's own takes four times as long for a year."""
    mean = float(np.add.reduce(returns)) / len(returns)
    off = returns - mean
    return mean, math.sqrt(float(off @ off) / (len(returns) - 1))


def annual_return(returns: Floats, annual_days: int) -> float | None:
    """``(prod(1 + r)) ** (A / n) - 1``: compounded. None without a day."""
    if not len(returns):
        return None
    return compounded(float(np.add.reduce(np.log1p(returns))) * annual_days / len(returns))


def compounded(log_growth: float) -> float | None:
    """``exp(log_growth) - 1``; None beyond a double, where a few wild days were extrapolated to a year."""
    try:
        return finite(math.expm1(log_growth))
    except OverflowError:
        return None


def annual_volatility(returns: Floats, annual_days: int) -> float | None:
    """``std(r, ddof=1) * sqrt(A)``. None below two days."""
    if len(returns) < 2:
        return None
    return finite(moments(returns)[1] * math.sqrt(annual_days))


def sharpe(returns: Floats, annual_days: int) -> float | None:
    """``mean(r) / std(r, ddof=1) * sqrt(A)``. None below two days or without deviation."""
    if len(returns) < 2:
        return None
    mean, deviation = moments(returns)
    return None if deviation <= FLAT else finite(mean / deviation * math.sqrt(annual_days))


def downside_risk(returns: Floats, annual_days: int) -> float:
    """``sqrt(mean(min(r, 0) ** 2)) * sqrt(A)``: all days in the mean, also those without a loss."""
    losses = np.minimum(returns, 0.0)
    return math.sqrt(float(losses @ losses) / len(returns) * annual_days)


def sortino(returns: Floats, annual_days: int) -> float | None:
    """``mean(r) * A / downside_risk``. None below two days or without a losing day."""
    if len(returns) < 2:
        return None
    risk = downside_risk(returns, annual_days)
    if risk <= FLAT:
        return None
    return finite(float(np.add.reduce(returns)) / len(returns) * annual_days / risk)


def calmar(yearly: float | None, drawdown: float | None) -> float | None:
    """Annual return over the depth of the maximum drawdown. None where either is None, or without a drawdown."""
    if yearly is None or not drawdown:
        return None
    return finite(yearly / abs(drawdown))


def omega(returns: Floats) -> float | None:
    """``sum(max(r, 0)) / sum(max(-r, 0))``: threshold 0. None below two days or without a losing day."""
    if len(returns) < 2:
        return None
    lost = -float(np.add.reduce(np.minimum(returns, 0.0)))
    if lost <= FLAT:
        return None
    return finite(float(np.add.reduce(np.maximum(returns, 0.0))) / lost)


def stability(returns: Floats) -> float | None:
    """R squared of the straight line through the cumulated ``ln(1 + r)`` over the day's number.

    None below two days or if the line never moves.
    """
    if len(returns) < 2:
        return None
    path = np.log1p(returns).cumsum()
    path -= np.add.reduce(path) / len(path)
    day = np.arange(len(path)) - (len(path) - 1) / 2
    spread = float(path @ path)
    if math.sqrt(spread / len(path)) <= FLAT:
        return None
    shared = float(day @ path)
    return finite(shared * shared / (float(day @ day) * spread))


def percentile(ordered: Floats, fraction: float) -> float:
    """The value below which ``fraction`` of an ascending, not empty column lies, linear between ranks."""
    place = (len(ordered) - 1) * fraction
    rank = int(place)
    low, high = float(ordered[rank]), float(ordered[min(rank + 1, len(ordered) - 1)])
    return low + (high - low) * (place - rank)


def tail_ratio(ordered: Floats) -> float | None:
    """``abs(95th percentile) / abs(5th percentile)`` of ascending returns. None where the lower one is 0."""
    if not len(ordered):
        return None
    low, high = abs(percentile(ordered, 0.05)), abs(percentile(ordered, 0.95))
    return None if low <= FLAT else finite(high / low)


def var_95(ordered: Floats) -> float | None:
    """Value at risk: the 5th percentile of ascending returns, linear between ranks. None without a day."""
    return finite(percentile(ordered, 0.05)) if len(ordered) else None


def cvar_95(ordered: Floats) -> float | None:
    """Expected shortfall: mean of the first ``int((n - 1) * 0.05) + 1`` of ascending returns. None without a day."""
    if not len(ordered):
        return None
    worst = int((len(ordered) - 1) * 0.05) + 1
    return finite(float(np.add.reduce(ordered[:worst])) / worst)
