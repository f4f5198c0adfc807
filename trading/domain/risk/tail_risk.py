"""Value at risk and expected shortfall of what is held now, by historical simulation over one trading day.

The profit of day ``t`` is what today's positions would have made on it: ``sum of exposure_i * r_i,t`` with the simple
daily return ``r`` of each instrument. With the losses ``L = -profit`` of ``n`` days and a confidence ``c``:

- value at risk is the smallest loss ``l`` with ``P(L <= l) >= c``, the ``ceil(c * n)``-th smallest (McNeil, Frey and
  Embrechts, Quantitative Risk Management, 2005, definition 2.10; numpy's ``inverted_cdf``);
- expected shortfall is the mean of the worst ``(1 - c) * n`` losses, the last of them counted with its fraction
  (Acerbi and Tasche, On the coherence of expected shortfall, 2002, definition 2.6), hence never below the former.

Both are at least 0. Nothing is assumed of the distribution; what did not happen in the window is not in the figures.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_DAYS = 60
"""Days below which a history tells nothing."""

_DUST = 1e-9


class TailRisk(NamedTuple):
    """In yuan, from ``days`` trading days; NaN where something is held and nothing of it has a history.

    ``left_out`` are the instruments held that are not in the sums, because their price or enough history is missing.
    """

    value_at_risk: float
    shortfall: float
    days: int
    left_out: tuple[str, ...]


def losses(exposures: Mapping[str, float], returns: Mapping[str, Floats]) -> tuple[Floats, tuple[str, ...]]:
    """What today's exposures (yuan, short below 0) would have lost on each day, and the instruments left out.

    ``returns`` are simple daily returns by instrument, all columns over the same trading days, NaN on days without
    one. Only days count on which all the instruments have a return; while fewer than :data:`LEAST_DAYS` are left, the
    instrument with the shortest history is left out.
    """
    held = {code: value for code, value in exposures.items() if value != 0.0}
    usable = [code for code, value in held.items() if math.isfinite(value) and code in returns]
    usable.sort(key=lambda code: -int(np.isfinite(returns[code]).sum()))
    while usable:
        matrix = np.column_stack([returns[code] for code in usable])
        common = matrix[np.isfinite(matrix).all(axis=1)]
        if len(common) >= LEAST_DAYS:
            told = -(common @ np.array([held[code] for code in usable]))
            return told, tuple(sorted(held.keys() - set(usable)))
        usable.pop()
    return np.empty(0), tuple(sorted(held))


def value_at_risk(lost: Floats, confidence: float) -> float:
    """The loss in yuan that is not passed on ``confidence`` of the days; at least 0. ``lost`` is not empty."""
    rank = max(math.ceil(confidence * len(lost) - _DUST), 1)
    return max(float(np.partition(lost, rank - 1)[rank - 1]), 0.0)


def expected_shortfall(lost: Floats, confidence: float) -> float:
    """The mean loss in yuan of the days beyond ``confidence``; at least 0. ``lost`` is not empty."""
    tail = max((1.0 - confidence) * len(lost), _DUST)
    worst_first = np.sort(lost)[::-1]
    whole = min(math.floor(tail + _DUST), len(lost))
    total = float(worst_first[:whole].sum())
    if whole < len(lost):
        total += max(tail - whole, 0.0) * float(worst_first[whole])
    return max(total / tail, 0.0)


def tail_risk(
    exposures: Mapping[str, float], returns: Mapping[str, Floats], *, confidence: float, shortfall_confidence: float
) -> TailRisk:
    """Both figures of the exposures; 0 where nothing is held."""
    lost, left_out = losses(exposures, returns)
    if not len(lost):
        nothing = math.nan if left_out else 0.0
        return TailRisk(nothing, nothing, 0, left_out)
    shortfall = expected_shortfall(lost, shortfall_confidence)
    return TailRisk(value_at_risk(lost, confidence), shortfall, len(lost), left_out)
