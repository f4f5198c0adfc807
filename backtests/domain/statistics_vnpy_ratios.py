"""Two ratios that only vn.py knows, on a column of logarithmic daily returns, shape ``(n,)``.

Either may come out NaN or infinite for too few days; the caller turns that into vn.py's 0.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DOWNSIDE_DAYS = 252
"""vn.py annualises this one deviation by 252, all others by 240."""


def ewm_sharpe(returns: Floats, half_life: float, annual_days: int) -> float:
    """Exponentially weighted mean over deviation of the last day, times ``sqrt(annual_days)``.

    As pandas ``ewm(halflife=...)`` with ``adjust=True, bias=False``: the return k days back weighs
    ``0.5 ** (k / half_life)``, and the variance is made unbiased by ``W^2 / (W^2 - sum(w^2))``, W the sum of
    the weights. NaN for a single day.
    """
    weights = np.exp2(-np.arange(len(returns) - 1, -1, -1) / half_life)
    total = weights.sum()
    mean = weights @ returns / total
    with np.errstate(divide="ignore", invalid="ignore"):
        unbiased = total * total / (total * total - weights @ weights)
        variance = weights @ (returns - mean) ** 2 / total * unbiased
        return float(mean / np.sqrt(variance) * math.sqrt(annual_days))


def skewness(returns: Floats) -> float:
    """Adjusted Fisher-Pearson skewness as pandas gives it: NaN below three days, 0 without deviation."""
    n = len(returns)
    if n < 3:
        return math.nan
    deviation = returns - returns.mean()
    m2, m3 = float(np.sum(deviation**2)), float(np.sum(deviation**3))
    return n * math.sqrt(n - 1) / (n - 2) * m3 / m2**1.5 if m2 > 0 else 0.0


def excess_kurtosis(returns: Floats) -> float:
    """Unbiased excess kurtosis as pandas gives it: NaN below four days, 0 without deviation."""
    n = len(returns)
    if n < 4:
        return math.nan
    squares = (returns - returns.mean()) ** 2
    m2, m4 = float(np.sum(squares)), float(np.sum(squares**2))
    if m2 <= 0:
        return 0.0
    scale = (n - 2) * (n - 3)
    return n * (n + 1) * (n - 1) / scale * m4 / m2**2 - 3 * (n - 1) ** 2 / scale


def rgr_ratio(returns: Floats, annual: float, ddpercent: float) -> float:
    """vn.py's risk-adjusted growth: gain x steadiness x skew bonus x fat-tail penalty, over combined risk.

    ``annual`` is the linear annual return as a fraction, ``ddpercent`` the maximum drawdown in percent. The
    penalty takes 3 from a kurtosis that is an excess already, as vn.py does. NaN below four days.
    """
    skew, kurtosis = skewness(returns), excess_kurtosis(returns)
    if math.isnan(kurtosis):
        return math.nan
    gain = math.copysign(math.log1p(abs(annual)), annual)
    deviation = float(returns.std(ddof=1))
    steadiness = 1 / (1 + deviation) if deviation > 0 else 0.0
    bonus = 1 + 0.1 * math.tanh(skew)
    penalty = 1 / (1 + 0.05 * max(kurtosis - 3, 0.0))
    return gain * steadiness * bonus * penalty / _combined_risk(returns, abs(ddpercent) / 100)


def _combined_risk(returns: Floats, depth: float) -> float:
    """Half the yearly downside deviation, 0.3 of the drawdown, 0.2 of the mean of the worst 5 % of the days."""
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))) * math.sqrt(DOWNSIDE_DAYS)
    worst = math.ceil(len(returns) * 0.05)
    shortfall = float(np.sort(returns)[:worst].mean())
    tail = abs(shortfall) if shortfall else depth * 0.5
    return max(0.5 * max(downside, 1e-6) + 0.3 * depth + 0.2 * tail, 1e-9)
