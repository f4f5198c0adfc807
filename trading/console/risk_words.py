"""Figures of risk in words and formats: shares, units, where a limit comes from. ``risk.js`` writes them alike."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from trading.console.figures import NOTHING, tone
from trading.console.risk_figures import LimitUse, RiskFigures, Worst
from trading.domain.risk.rules import WARNINGS, Rule, Unit
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.shares import level_of as reached
from trading.risk_choices import RuleName, ScopeName

WATCH, HIGH, BRINK = WARNINGS
STRIP = 14
"""Limits that one line of the page has bars for; ``risk.js`` knows it too."""
LEVELS = (
    ("broken", pgettext_lazy("risk level", "broken")),
    ("brink", pgettext_lazy("risk level", "at the brink")),
    ("high", pgettext_lazy("risk level", "high")),
    ("watch", pgettext_lazy("risk level", "watch")),
    ("unknown", pgettext_lazy("risk level", "not known")),
    ("calm", pgettext_lazy("risk level", "within limits")),
)
"""Names of levels for styles, with their words."""
NAMES = {0.0: "calm", WATCH: "watch", HIGH: "high", BRINK: "brink", 1.0: "broken"}
"""Of the levels at which somebody is told."""


def level_of(share: float | None) -> str:
    """The name of the level that a share has reached."""
    return "unknown" if share is None else NAMES[reached(share)]


def yuan(value: float | None) -> str:
    """Whole yuan."""
    return NOTHING if value is None else f"{value:,.0f}"


def gain(value: float | None) -> str:
    """Whole yuan with a sign."""
    return NOTHING if value is None else f"{value:+,.0f}" if round(value) else "0"


def share_text(share: float | None) -> str:
    """Per cent with one decimal; a question mark where nobody knows."""
    if share is None:
        return "?"
    return "> 10×" if share >= 10 else f"{share * 100:.1f} %"


def amount(value: float | None, unit: str) -> str:
    """A value in a rule's unit, without the unit."""
    if value is None:
        return NOTHING
    return f"{value * 100:.1f} %" if unit == Unit.FRACTION else f"{value:,.0f}"


def rule_word(rule: str) -> str:
    """The rule's name."""
    return str(RuleName(rule).label) if rule in RuleName.values else rule


def scope_word(scope: Scope, *, default: bool = False) -> str:
    """Where a limit stands."""
    if default:
        return _("the rule's own")
    word = str(ScopeName(scope.kind.value).label)
    return word if scope.kind is ScopeKind.PLATFORM else f"{word} {scope.key}"


def limit_title(use: LimitUse) -> str:
    """The rule and what it is about."""
    return f"{rule_word(use.rule)} {use.subject}".rstrip()


def used_of(use: LimitUse) -> str:
    """What is used, and the limit."""
    sign = "≥" if use.floor else "/"
    return f"{amount(use.used, use.unit)} {sign} {amount(use.maximum, use.unit)}"


def limit_line(use: LimitUse) -> dict[str, Any]:
    """One limit as a bar."""
    return {
        "title": limit_title(use),
        "level": level_of(use.share),
        "meter": f"{min(use.share or 0.0, 1.0):.4f}",
        "share": share_text(use.share),
        "used": amount(use.used, use.unit),
        "maximum": amount(use.maximum, use.unit),
        "floor": use.floor,
        "from": scope_word(use.scope, default=use.is_default),
    }


def strip(limits: list[LimitUse]) -> list[dict[str, Any]]:
    """Every limit as an upright bar in one line of the page, the worst first; what nobody knows stands full."""
    bars = []
    for place, use in enumerate(limits[:STRIP]):
        height = max(1, round(16 * min(1.0 if use.share is None else use.share, 1.0)))
        title = f"{limit_title(use)} {share_text(use.share)}"
        bars.append({"x": 6 * place, "y": 16 - height, "height": height, "level": level_of(use.share), "title": title})
    return bars


def worst_line(worst: Worst) -> dict[str, Any]:
    """The worst share of an account."""
    title = limit_title(worst.limit) if worst.limit else rule_word(Rule.RISK_DEGREE.value)
    return {
        "title": title,
        "share": share_text(worst.share),
        "level": level_of(worst.share),
        "meter": f"{min(worst.share or 0.0, 1.0):.4f}",
        "of": used_of(worst.limit) if worst.limit else "",
        "rank": 1e9 if worst.share is None else worst.share,
    }


def account_line(figures: RiskFigures) -> dict[str, Any]:
    """One row of the desk page."""
    profit, left = figures.number("day_profit"), figures.cancels_left
    degree = figures.number("risk_degree")
    return {
        "account": figures.account,
        "figures": figures,
        "worst": worst_line(figures.worst),
        "limits": [limit_line(use) for use in figures.limits],
        "strip": strip(figures.limits),
        "strip_width": 6 * STRIP,
        "gateway": str(GATEWAYS.get(figures.gateway, figures.gateway)),
        "balance": yuan(figures.number("balance")),
        "profit": gain(profit),
        "profit_tone": tone(profit),
        "degree": "∞" if degree is None and figures.number("margin") else share_text(degree or 0.0),
        "margin": yuan(figures.number("margin")),
        "products": [(key, yuan(value)) for key, value in figures.amounts("margin_by_product")],
        "exposure": gain(figures.number("net_exposure")),
        "working": yuan(figures.number("working_orders")),
        "left": yuan(float(left["left"])) if left and left.get("left") is not None else NOTHING,
        "left_of": str(left.get("instrument", "")) if left else "",
    }


def texts() -> dict[str, Any]:
    """Every word that ``risk.js`` writes."""
    return {
        "rules": {str(value): str(label) for value, label in RuleName.choices},
        "scopes": {str(value): str(label) for value, label in ScopeName.choices},
        "levels": {name: str(word) for name, word in LEVELS},
        "own": _("the rule's own"),
        "stale": _("stale since %(time)s"),
        "never": _("no picture yet"),
        "gateways": {name: str(word) for name, word in GATEWAYS.items()},
        "mute": _("no word"),
        "seconds": _("%(age)s s"),
    }


GATEWAYS = {
    "running": gettext_lazy("running"),
    "stopped": gettext_lazy("no gateway"),
}
