"""What there is to choose from: strategies with what they say of themselves, and the instruments of the day."""

import inspect
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from marketdata.live_models import InstrumentFeed
from marketdata.models import Instrument
from quantsite.common.texts import respoken
from strategies import registry

MOST_CODES = 300

PRESETS: dict[str, str | Promise] = {
    "bollinger": _("Bollinger bands: with the close that breaks out of them, or against it."),
    "double_ma": _("Two moving averages: long when the fast one crosses above the slow one, short below."),
    "dual_thrust": _("Dual Thrust: each day two lines around the open; the one that is reached gives the side."),
    "grid": _("A grid of resting limit orders: buys below an anchor, sells above it."),
    "imbalance": _("Order book imbalance: with the side that offers far more lots at the best price; on ticks."),
    "macd": _("MACD: long when its line crosses above its signal line, short when it crosses below."),
    "momentum_portfolio": _("Momentum: long the strongest of several instruments, short the weakest."),
    "rsi": _("RSI: long when the index comes back up out of the oversold range, short the other way round."),
    "spread": _("A spread of two instruments: against it where it lies far from its mean."),
    "turtle": _("Turtle: breakouts of a price channel, in units that the market's range sizes."),
}
"""What the platform's own strategies do, in a sentence for people; authors' own say it in their docstring."""


def shelf() -> list[dict[str, Any]]:
    """Every strategy that can be run: its name, its first sentence, on how many legs, and whose it is."""
    found = []
    for name in registry.names():
        facts = registry.facts(name)
        found.append(
            {
                "name": name,
                "text": str(PRESETS.get(name) or _first(facts.text)),
                "legs": facts.legs,
                "ticks": facts.ticks,
                "own": name not in registry.library_names(),
                "trusted": registry.is_trusted(name),
                "parameters": len(facts.parameters),
            }
        )
    return found


def broken_files() -> list[dict[str, str]]:
    """The files of users that give no strategy: each with its line, and what is wrong in the reader's language."""
    return [
        {"where": each.where, "told": str(respoken(each.fault)), "traceback": each.traceback}
        for each in registry.broken()
    ]


def codes() -> list[str]:
    """Codes for the inputs' proposals: what is published now first, else the main contracts and their like."""
    published = list(InstrumentFeed.objects.order_by("instrument__code").values_list("instrument__code", flat=True))
    if published:
        return published[:MOST_CODES]
    today = timezone.localdate()
    rows = Instrument.objects.filter(Q(expires__isnull=True) | Q(expires__gte=today)).order_by("code")
    return list(rows.values_list("code", flat=True)[:MOST_CODES])


def _first(text: str) -> str:
    """The first paragraph in one line, without the marks of code."""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].replace("``", "").split())
