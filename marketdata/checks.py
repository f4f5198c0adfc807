"""System checks of market data's settings.

quantsite.E003: the intervals of bars.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from marketdata.domain.intervals import interval_name, parse_interval
from quantsite.common.errors import RuleError


@register("quantsite")
def bar_intervals(app_configs: Sequence[Any] | None, **_options: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's hook
    """Names that a feed can build bars of, each in its one form."""
    hint = "Write them like 1m,5m,1h,1d."
    if not settings.BAR_INTERVALS:
        return [
            Error("QUANTSITE_BAR_INTERVALS names no interval: feeds would build no bars.", hint, id="quantsite.E003")
        ]
    found: list[CheckMessage] = []
    for name in settings.BAR_INTERVALS:
        try:
            known = interval_name(parse_interval(name))
        except RuleError as error:
            found.append(Error(f"QUANTSITE_BAR_INTERVALS: {error.text}", hint, id="quantsite.E003"))
            continue
        if known != name:
            text = f"QUANTSITE_BAR_INTERVALS has {name}, which is called {known} everywhere."
            found.append(Error(text, hint, id="quantsite.E003"))
    return found
