"""Figures of strategies in words and formats; ``strategies/live.js`` writes them alike."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from strategies.choices import ActivityName, Health, StageName
from trading.console.figures import NOTHING, price, tone

TROUBLES: dict[str, str | Promise] = {
    "failed": pgettext_lazy("strategy", "failed"),
    "gap": pgettext_lazy("strategy", "data missing"),
    "silent": gettext_lazy("no word of the runner"),
    "off": gettext_lazy("not taken up"),
}
"""What keeps an instance from its work, by the names of ``standing.trouble_of``."""

MARKS = {
    "live": "running",
    "paper": "running",
    "approved": "pending",
    "paused": "paused",
    "stopped": "stopped",
    "retired": "cancelled",
}
"""Status -> the mark in the console's styles."""

HEALTH_MARKS = {
    "running": "running",
    "failed": "failed",
    "gap": "failed",
    "paused": "paused",
    "warming": "pending",
    "waiting": "pending",
}

SEVERITY = {"failed": 0, "gap": 1, "silent": 2, "off": 3}
MOST_VALUES = 8


def status_word(status: str) -> str:
    """A status in the reader's language."""
    return str(StageName(status).label if status in StageName.values else ActivityName(status).label)


def health_word(health: str) -> str:
    """What the runner says, in the reader's language."""
    return str(Health(health).label)


def gain(value: float | None) -> str:
    """Whole yuan with a sign."""
    return NOTHING if value is None else f"{value:+,.0f}" if round(value) else "0"


def lots(value: int) -> str:
    """Signed lots; flat is 0."""
    return f"{value:+,d}" if value else "0"


def units(value: float) -> str:
    """A target: signed, without digits that say nothing."""
    return f"{value:+g}" if value else "0"


def side(value: float) -> str:
    """``long``, ``short`` or nothing: the style of a position or target."""
    return "buy" if value > 0 else "sell" if value < 0 else ""


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in the largest unit that says enough; a dash for never."""
    if moment is None:
        return NOTHING
    seconds = max(0, int(((now or timezone.now()) - moment).total_seconds()))
    if seconds < 100:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 6_000:
        return _("%(count)d min") % {"count": seconds // 60}
    if seconds < 172_800:
        return _("%(count)d h") % {"count": seconds // 3_600}
    return _("%(count)d d") % {"count": seconds // 86_400}


def figure(value: Any) -> str:
    """One value that a signal was based on: numbers short, everything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value.is_integer():
        return f"{value:,.0f}"
    return f"{value:,.6g}" if abs(value) < 1_000 else f"{value:,.2f}"


def based_on(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The values of a signal, name by name, in the order in which the strategy told them."""
    return [(str(name), figure(value)) for name, value in list(values.items())[:MOST_VALUES]]


def position_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """One leg of a standing, as a table shows it."""
    return {
        **line,
        "shown_lots": lots(line["lots"]),
        "side": side(line["lots"]),
        "shown_average": price(line["average"], line["tick"]),
        "shown_marked": price(line["marked"], line["tick"]),
        "shown_profit": gain(line["profit"]),
        "tone": tone(line["profit"]),
        "shown_day": gain(line["day_profit"]),
        "day_tone": tone(line["day_profit"]),
    }


REFERENCES: dict[str, str | Promise] = {
    "backtest": gettext_lazy("backtest %(number)s"),
    "drift": gettext_lazy("comparison %(number)s"),
}
"""What a piece of evidence refers to, by the first word of its reference."""


def reference_word(reference: str) -> str:
    """Where a piece of evidence comes from: a run or a comparison by its number; anything else as it stands."""
    kind, _blank, number = reference.partition(" ")
    return str(REFERENCES[kind]) % {"number": number} if kind in REFERENCES and number.isdigit() else reference


def counted_strategies(count: int) -> str:
    """``3 strategies``."""
    return ngettext("%(count)d strategy", "%(count)d strategies", count) % {"count": count}


def texts() -> dict[str, Any]:
    """Every word that ``live.js`` writes."""
    return {
        "statuses": {word: status_word(word) for word in (*StageName.values, "paused", "stopped")},
        "marks": MARKS,
        "health": {word: health_word(word) for word in Health.values},
        "healthMarks": HEALTH_MARKS,
        "troubles": {name: str(word) for name, word in TROUBLES.items()},
        "seconds": _("%(count)d s"),
        "minutes": _("%(count)d min"),
        "hours": _("%(count)d h"),
        "days": _("%(count)d d"),
    }
