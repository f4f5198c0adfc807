"""How much of a limit is used: as a share, 1 where it is reached, above 1 only where it is broken."""

import math

from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import DUST, RULES, WARNINGS, Unit

MOST = 1_000.0
"""The largest share that is told: a number that every reader of the figures can take."""


def breaks(value: float, limit: Limit) -> bool:
    """Whether the value is beyond the limit, which may be reached; what is not a number always is."""
    bound = bound_of(limit)
    dust = DUST * max(1.0, abs(bound))
    if limit.floor:
        return not value >= bound - dust
    return not value <= bound + dust


def share_of(value: float, limit: Limit) -> float:
    """The part of the limit that the value uses, at most :data:`MOST`, which is for what is not a number too.

    Of a floor, where less is worse: the floor divided by the value. A limit of 0 is unused, or broken without measure.
    """
    bound = bound_of(limit)
    part, whole = (bound, value) if limit.floor else (value, bound)
    if not breaks(value, limit):
        return min(part / whole, 1.0) if part > 0.0 and whole > 0.0 else 0.0
    return min(part / whole, MOST) if part > 0.0 and whole > 0.0 else MOST


def level_of(share: float) -> float:
    """The highest of the warning levels that a share has reached; 0 below the first, 1 where the limit is broken."""
    if share > 1.0:
        return 1.0
    for level in reversed(WARNINGS):
        if share >= level - DUST:
            return level
    return 0.0


def bound_of(limit: Limit) -> float:
    """The limit's number; NaN, which everything breaks, for one without. Of a list nothing may be left out: 0."""
    if RULES[limit.rule].unit == Unit.LIST:
        return 0.0
    return math.nan if limit.maximum is None else limit.maximum
