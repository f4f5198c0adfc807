"""What the console's page of one risk event shows: what was found, what belongs to it, and what people did."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import pgettext, pgettext_lazy

from accounts.models import User
from trading.console.figures import NOTHING, moment
from trading.console.limit_page import UNITS, history_url, number_text
from trading.console.stop_page import BACKEND, scope_text, scope_value
from trading.domain.risk.rules import RULES, Rule, Unit
from trading.risk_choices import RiskEventKind, RuleName
from trading.risk_models import RiskEvent, RiskNote
from trading.risk_permissions import HANDLE, has, visible_plans

CRITICAL, HIGH = 1.0, 0.8
"""Shares of a limit from which an event is critical, or a warning."""
VERBS = {
    "acknowledge": pgettext_lazy("risk event", "seen"),
    "assign": pgettext_lazy("risk event", "given to"),
    "comment": pgettext_lazy("risk event", "remark"),
    "close": pgettext_lazy("risk event", "closed"),
}


def event_context(user: User, event: RiskEvent) -> dict[str, Any]:
    """Everything that an event's page shows."""
    able = User.objects.with_perm(HANDLE, backend=BACKEND).filter(is_active=True).order_by("username")
    notes = RiskNote.objects.filter(event=event).select_related("author").order_by("pk")
    return {
        "event": event,
        "text": event.shown_text,
        "scope_text": scope_text(event.scope),
        "mark": severity_mark(event),
        "owner": owner_mark(event),
        "facts": _facts(event),
        "links": _links(user, event),
        "notes": [_note(note) for note in notes] if has(user, "trading.view_risknote") else [],
        "plans": list(visible_plans(user).filter(event=event)),
        "may_handle": has(user, HANDLE),
        "mine": event.assigned_to_id == user.pk,
        "people": list(able.values_list("username", flat=True)) if has(user, HANDLE) else [],
    }


def severity_of(event: RiskEvent) -> str:
    """How soon a person must look: by the share of the limit, else by what happened."""
    level = event.level or 0.0
    if event.kind == RiskEventKind.BREACH or level >= CRITICAL:
        return "critical"
    if level >= HIGH or event.kind in {RiskEventKind.SWITCH, RiskEventKind.FLATTEN}:
        return "warning"
    return "info"


def severity_mark(event: RiskEvent) -> SafeString:
    """The share of the limit; icon and ground tell the severity too."""
    severity = severity_of(event)
    icon = {"critical": "emergency", "warning": "warning", "info": "info"}[severity]
    text = NOTHING if event.level is None else f"{event.level * 100:,.0f} %"
    html = (
        '<span class="qs-severity qs-severity-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        '<span class="qs-number">{}</span></span>'
    )
    return format_html(html, severity, icon, text)


def owner_mark(event: RiskEvent) -> SafeString:
    """Closed, with whom, seen by whom, or nobody's."""
    if event.closed_at:
        return format_html('<span class="qs-state qs-state-succeeded">{}</span>', _t("closed"))
    if event.assigned_to:
        return format_html("{}", event.assigned_to.get_username())
    if event.acknowledged_by:
        return format_html('<span class="qs-soft">{}</span>', _t("seen by %(name)s") % {"name": event.acknowledged_by})
    return format_html('<span class="rb-nobody">{}</span>', _t("nobody"))


def _facts(event: RiskEvent) -> list[tuple[str, str]]:
    unit = RULES[Rule(event.rule)].unit if event.rule else None
    figures = {
        name: None if value is None or unit is None else _with_unit(number_text(value, unit), unit)
        for name, value in (("value", event.value), ("limit", event.limit))
    }
    found: list[tuple[Any, Any]] = [
        (_t("What"), event.get_kind_display()),
        (_t("Rule"), RuleName(event.rule).label if event.rule else None),
        (_t("Value"), figures["value"]),
        (_t("Limit"), figures["limit"]),
        (_t("Scope"), scope_text(event.scope)),
        (pgettext("risk event", "About"), event.subject),
        (_t("Times"), f"{event.count:,}"),
        (_t("First"), moment(event.created_at)),
        (pgettext("risk event", "Last"), moment(event.last_at)),
        (_t("Market clock"), moment(event.market_time) if event.market_time else None),
        (_t("Trading day"), event.trading_day),
    ]
    return [(name, value) for name, value in found if value not in (None, "")]


def _with_unit(text: str, unit: Unit) -> str:
    return text if unit is Unit.FRACTION else f"{text} {UNITS[unit]}"


def _links(user: User, event: RiskEvent) -> list[tuple[str, str]]:
    """Where what belongs to it is shown, as far as the person may open that."""
    found = []
    if event.account_id:
        found.append((_t("Account"), reverse("admin:trading_tradingaccount_change", args=[event.account_id])))
    if event.order_id:
        found.append(
            (_t("Order #%(id)s") % {"id": event.order_id}, reverse("admin:trading_order_change", args=[event.order_id]))
        )
    if event.switch_id:
        found.append(
            (
                _t("Stop #%(id)s") % {"id": event.switch_id},
                reverse("admin:trading_killswitch_change", args=[event.switch_id]),
            )
        )
    if event.rule and has(user, "trading.view_risklimit"):
        found.append(
            (_t("Limits there"), f"{reverse('admin:trading_risklimit_changelist')}?scope={scope_value(event.scope)}")
        )
    if event.rule and has(user, "trading.view_risklimitchange"):
        found.append((_t("History of the limit"), history_url(Rule(event.rule), event.scope)))
    return found


def _note(note: RiskNote) -> dict[str, Any]:
    return {
        "at": note.created_at,
        "who": note.author.get_username() if note.author else _t("system"),
        "verb": VERBS.get(note.verb, note.verb),
        "text": note.text,
    }
