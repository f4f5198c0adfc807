"""A stored standard block read with another number of days in a year, without the run's rows."""

import math
from collections.abc import Mapping

from backtests.domain.statistics import Figure
from backtests.domain.statistics_conventions import ANNUAL_DAYS, STANDARD_ANNUAL_DAYS
from backtests.domain.statistics_returns import calmar, compounded
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

COMPOUNDED = ("annual_return", "alpha")
BY_ROOT = ("annual_volatility", "sharpe", "sortino", "information_ratio")
BY_DAYS = ("annual_turnover",)


def known_annual_days(text: str | None) -> int:
    """The days in a year that a reader chose, those of the stored figures if none.

    Raises ``RuleError`` ``invalid_annual_days`` that names the choices.
    """
    if not text:
        return STANDARD_ANNUAL_DAYS
    if text not in map(str, ANNUAL_DAYS):
        choices = " / ".join(map(str, ANNUAL_DAYS))
        told = say("annual_days must be %(choices)s, not %(given)r.", choices=choices, given=text)
        raise RuleError("invalid_annual_days", told, fields={"annual_days": told})
    return int(text)


def with_annual_days(
    figures: Mapping[str, Figure], annual_days: int, stored: int = STANDARD_ANNUAL_DAYS
) -> dict[str, Figure]:
    """``figures`` computed with ``stored`` days in a year as ``standard`` gives them for ``annual_days``.

    What a year does not enter stays; a figure that is undefined or not there stays so.
    """
    share = annual_days / stored
    changed = dict(figures)
    for names, factor in ((BY_ROOT, math.sqrt(share)), (BY_DAYS, share)):
        changed |= {name: value * factor for name in names if (value := figures.get(name)) is not None}
    changed |= {name: _compounded(value, share) for name in COMPOUNDED if (value := figures.get(name)) is not None}
    if figures.get("calmar") is not None:
        changed["calmar"] = calmar(changed.get("annual_return"), changed.get("max_drawdown"))
    return changed


def _compounded(yearly: float, share: float) -> float | None:
    """A compounded return of a year, for a year of ``share`` of its length."""
    return compounded(math.log1p(yearly) * share) if yearly > -1 else yearly
