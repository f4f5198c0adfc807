"""Names of bar intervals: minutes of trading time (``5m``, ``2h``) or the whole trading day (``1d``)."""

import re

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

DAY = "1d"
COMMON_INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", DAY)
"""What pages offer; any other whole number of minutes is as good."""

LONGEST_MINUTES = 600
"""No session of any product is longer than this, so a longer bar could not end."""

_PATTERN = re.compile(r"([1-9]\d{0,3})(m|h)")


def parse_interval(text: str) -> int | None:
    """Minutes of trading time in one bar; ``None`` for ``1d``, the whole trading day.

    Raises :class:`RuleError` ``invalid_interval`` for anything else.
    """
    if text == DAY:
        return None
    match = _PATTERN.fullmatch(text)
    minutes = int(match[1]) * (60 if match[2] == "h" else 1) if match else 0
    if not 1 <= minutes <= LONGEST_MINUTES:
        given = {"text": text, "known": ", ".join(COMMON_INTERVALS)}
        told = say("%(text)r is no bar interval: use one of %(known)s, or any number of minutes.", **given)
        raise RuleError("invalid_interval", told)
    return minutes


def interval_name(minutes: int | None) -> str:
    """The one name of bars of ``minutes``: ``60`` is ``1h``, ``90`` is ``90m``, ``None`` is ``1d``."""
    if minutes is None:
        return DAY
    hours, rest = divmod(minutes, 60)
    return f"{hours}h" if hours and not rest else f"{minutes}m"
