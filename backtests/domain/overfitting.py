"""Is a Sharpe ratio more than luck? Probabilistic and deflated Sharpe ratio, minimum track record length.

All Sharpe ratios in here are *per day*, never annualised: ``SR = mean(r) / std(r, ddof=1)`` of simple daily
returns. Skewness and kurtosis are those of the sample (moments divided by n); the kurtosis is raw, 3 for a
normal distribution. An annual Sharpe ratio becomes a daily one by dividing by ``sqrt(annual_days)``.

Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012
(probabilistic Sharpe ratio, minimum track record length); the same, "The Deflated Sharpe Ratio", Journal of
Portfolio Management 40(5), 2014.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt

from backtests.domain.statistics_returns import FLAT

Floats = npt.NDArray[np.float64]

EULER = 0.5772156649015329
"""The constant of Euler and Mascheroni: the mean of the Gumbel distribution that the largest of many tends to."""

NORMAL = NormalDist()

CONFIDENCE = 0.95
"""The probability from which a Sharpe ratio counts as shown."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What the formulas need of a column of daily returns: its length, daily Sharpe ratio, skewness, raw kurtosis."""

    days: int
    sharpe: float
    skewness: float
    kurtosis: float

    @classmethod
    def of(cls, returns: Floats) -> Self | None:
        """Of simple daily returns, shape ``(n,)``. None below three days or where they never move."""
        if len(returns) < 3:
            return None
        deviation = float(returns.std(ddof=1))
        if not math.isfinite(deviation) or deviation <= FLAT:
            return None
        unit = (returns - returns.mean()) / returns.std()
        return cls(len(returns), float(returns.mean()) / deviation, float((unit**3).mean()), float((unit**4).mean()))

    def spread(self) -> float:
        """``1 - skewness * SR + (kurtosis - 1) / 4 * SR ** 2``: n times the variance of the estimate of SR.

        Of a sample it cannot be negative, as no kurtosis lies below ``skewness ** 2 + 1``.
        """
        return 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2


def probabilistic_sharpe(moments: Moments, benchmark: float = 0.0) -> float | None:
    """The probability that the true daily Sharpe ratio lies above ``benchmark`` (daily), 0 to 1.

    ``cdf((SR - benchmark) * sqrt(n - 1) / sqrt(1 - skewness * SR + (kurtosis - 1) / 4 * SR ** 2))``.
    None in the one case where the spread is 0 (returns of two values only, at a certain Sharpe ratio).
    """
    spread = moments.spread()
    if spread <= FLAT:
        return None
    return NORMAL.cdf((moments.sharpe - benchmark) * math.sqrt((moments.days - 1) / spread))


def expected_maximum_sharpe(variance: float, trials: float) -> float:
    """The highest daily Sharpe ratio to expect by luck alone of ``trials`` independent ones whose true value is 0.

    ``sqrt(variance) * ((1 - g) * ppf(1 - 1 / N) + g * ppf(1 - 1 / (N * e)))`` with Euler's ``g``; ``variance``
    is that of the daily Sharpe ratios of the trials. 0 for one trial. Effective numbers need not be whole; just
    above 1 the formula goes below 0 and 0 is given.
    """
    if trials <= 1.0 or variance <= 0.0:
        return 0.0
    # ppf(1 - p) is -ppf(p), which keeps its digits where p is tiny
    highest = -(1.0 - EULER) * NORMAL.inv_cdf(1.0 / trials) - EULER * NORMAL.inv_cdf(1.0 / (trials * math.e))
    return max(0.0, math.sqrt(variance) * highest)


def deflated_sharpe(moments: Moments, variance: float, trials: float) -> float | None:
    """The probabilistic Sharpe ratio against what luck alone gives the best of ``trials``, 0 to 1.

    ``moments`` are of the chosen (best) trial, ``variance`` of the daily Sharpe ratios over all trials. With one
    trial it is the probabilistic Sharpe ratio against 0. None as in :func:`probabilistic_sharpe`.
    """
    return probabilistic_sharpe(moments, expected_maximum_sharpe(variance, trials))


def minimum_track_record(moments: Moments, benchmark: float = 0.0, confidence: float = CONFIDENCE) -> float | None:
    """Days needed until a Sharpe ratio such as this one exceeds ``benchmark`` (daily) with ``confidence``.

    ``1 + (1 - skewness * SR + (kurtosis - 1) / 4 * SR ** 2) * (ppf(confidence) / (SR - benchmark)) ** 2``: the n
    at which the probabilistic Sharpe ratio reaches ``confidence``. None if the ratio does not exceed the
    benchmark, which no number of days would show.
    """
    if moments.sharpe <= benchmark:
        return None
    days = 1.0 + moments.spread() * (NORMAL.inv_cdf(confidence) / (moments.sharpe - benchmark)) ** 2
    return days if math.isfinite(days) else None
