"""What the console's pages about limits show: rules by scopes with what is inherited, and what a change would be."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from accounts.models import Proposal, ProposalStatus, User
from quantsite.common.errors import RuleError
from trading.console.figures import NOTHING
from trading.console.stop_page import scope_text, scope_value
from trading.domain.risk.limits import DEFAULT, Limit
from trading.domain.risk.rules import RULES, BreachAction, Rule, Stage, Unit
from trading.domain.risk.scopes import Scope
from trading.limit_models import RiskLimit, RiskLimitChange
from trading.permissions import visible_accounts
from trading.risk_choices import BreachActionName, RuleName
from trading.risk_permissions import LIMIT, has, visible_scoped
from trading.verbs.limit_form import WATCHED, checked_limit
from trading.verbs.limits import RAISE, limit_values, loosens, target_of
from trading.verbs.limits_table import LimitCell, LimitRow, limits_at, limits_table, lineage

MOST_SCOPES = 8
"""Columns that are shown without a choice: more are read by nobody."""
SET, LIFT, REMOVE = "set", "lift", "remove"

UNITS = {
    Unit.LOTS: gettext_lazy("lots"),
    Unit.YUAN: gettext_lazy("yuan"),
    Unit.FRACTION: gettext_lazy("fraction"),
    Unit.COUNT: pgettext_lazy("unit", "number"),
    Unit.PER_SECOND: gettext_lazy("a second"),
    Unit.DAYS: gettext_lazy("days"),
    Unit.LIST: gettext_lazy("list"),
}
STAGES = {
    Stage.ORDER: gettext_lazy("Asked before an order"),
    Stage.BOTH: gettext_lazy("Asked before an order, and watched"),
    Stage.AFTER: gettext_lazy("Watched"),
}
DETAILS = {
    "volume": gettext_lazy("from so many lots on"),
    "seconds": gettext_lazy("within so many seconds"),
    "confidence": gettext_lazy("confidence"),
    "days": gettext_lazy("trading days of history"),
    "per_second": gettext_lazy("orders and cancels a second"),
    "allowed": gettext_lazy("allowed"),
}


def number_text(value: float, unit: Unit) -> str:
    """A limit's number: thousands apart, and no more decimals than it has; a fraction in per cent."""
    if unit is Unit.FRACTION:
        return f"{value * 100:,.6g} %"
    return f"{value:,.2f}" if unit is Unit.YUAN and value != int(value) else f"{value:,.10g}"


def limit_text(rule: Rule, maximum: float | None, params: Mapping[str, Any]) -> str:
    """What is limited, in the rule's unit."""
    unit = RULES[rule].unit
    if maximum is None:
        return _("no limit")
    if unit is Unit.LIST:
        return ", ".join(params.get("allowed", ())) or _("nothing allowed")
    return number_text(maximum, unit)


def values_text(rule: Rule, values: Mapping[str, Any] | None) -> str:
    """The same of a limit as JSON; a dash for none."""
    if values is None:
        return NOTHING
    parts = [limit_text(rule, values["maximum"], values["params"]), *details(rule, values["params"])]
    if RULES[rule].stage is not Stage.ORDER:
        parts.append(str(BreachActionName(values["action"]).label))
    return " · ".join(parts)


def details(rule: Rule, params: Mapping[str, Any]) -> list[str]:
    """The rule's other details in words."""
    names = [name for name in RULES[rule].params if name != "allowed"]
    return [f"{DETAILS[name]} {params.get(name, RULES[rule].params[name]):g}" for name in names]


def origin_text(origin: Scope | None) -> str:
    """Where a limit comes from."""
    if origin is None:
        return ""
    if origin == DEFAULT:
        return _("by default")
    return _("from %(scope)s") % {"scope": scope_text(origin)}


# --- the table ------------------------------------------------------------------------------------------------


def rows_for(user: User, scope: Scope | None) -> tuple[list[LimitRow], int]:
    """The columns of the table: of a scope all that it lies in, widest first; and how many others were left out."""
    if scope is not None:
        desks = dict(visible_accounts(user).order_by().values_list("code", "desk__code"))
        return [limits_at(user, each) for each in reversed(lineage(scope, desks))], 0
    rows = limits_table(user, every_account=False)
    return rows[:MOST_SCOPES], max(0, len(rows) - MOST_SCOPES)


def table(user: User, rows: list[LimitRow]) -> list[dict[str, Any]]:
    """Rule by rule, in groups; each with a cell for every scope."""
    may_change = has(user, LIMIT)
    open_rows = Proposal.objects.filter(kind=RAISE, status=ProposalStatus.OPEN, expires_at__gt=timezone.now())
    waiting = set(open_rows.values_list("target", flat=True)) if may_change else set()
    return [
        {
            "title": title,
            "rules": [
                {
                    "name": RuleName(rule).label,
                    "unit": "" if spec.unit is Unit.FRACTION else UNITS[spec.unit],  # its cells say per cent
                    "floor": spec.floor,
                    "cells": [_cell(row.scope, row.cells[rule], may_change, waiting) for row in rows],
                }
                for rule, spec in RULES.items()
                if spec.stage is stage
            ],
        }
        for stage, title in STAGES.items()
    ]


def _cell(scope: Scope, cell: LimitCell, may_change: bool, waiting: Iterable[str]) -> dict[str, Any]:
    spec = RULES[cell.rule]
    possible = spec.stage is not Stage.AFTER or scope.kind in WATCHED
    acts = spec.stage is not Stage.ORDER and cell.action not in {"", BreachAction.WARN}
    return {
        "text": NOTHING if cell.origin is None else limit_text(cell.rule, cell.maximum, cell.params),
        "details": [] if cell.maximum is None else details(cell.rule, cell.params),
        "action": BreachActionName(cell.action).label if acts and cell.maximum is not None else "",
        "own": cell.own,
        "from": "" if cell.own else origin_text(cell.origin),
        "url": set_url(cell.rule, scope) if may_change and possible else "",
        "waiting": target_of(cell.rule, scope) in waiting,
        "label": f"{RuleName(cell.rule).label}, {scope_text(scope)}",
        "scope": scope_text(scope),
    }


def set_url(rule: Rule, scope: Scope) -> str:
    """The address of the question that sets a limit."""
    query = urlencode({"rule": rule.value, "scope": scope_value(scope)})
    return f"{reverse('admin:trading_risklimit_set')}?{query}"


def history_url(rule: Rule | None = None, scope: Scope | None = None) -> str:
    """The address of the history of a limit, or of all."""
    query = {"rule": rule.value} if rule else {}
    query |= {"scope": scope_value(scope)} if scope else {}
    return f"{reverse('admin:trading_risklimit_past')}{'?' if query else ''}{urlencode(query)}"


# --- a change -------------------------------------------------------------------------------------------------


def wanted(rule: Rule, scope: Scope, data: Mapping[str, str]) -> Limit | None:
    """The limit that a form asks for, None for its removal. Raises ``RuleError`` that names the field."""
    what = data.get("what", SET)
    if what == REMOVE:
        return None
    action = data.get("action") or BreachAction.WARN.value
    params = _params(rule, data) if what == SET or RULES[rule].unit is not Unit.LIST else {}
    maximum = None if what == LIFT or RULES[rule].unit is Unit.LIST else _number(data.get("maximum", ""), _("limit"))
    return checked_limit(rule, scope, maximum, action, params)


def _params(rule: Rule, data: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in RULES[rule].params:
        text = data.get(f"param_{name}", "").strip()
        if name == "allowed":
            found[name] = text.replace(",", " ").split()
        elif text:
            found[name] = _number(text, str(DETAILS[name]))
    return found


def _number(text: str, name: str) -> float:
    try:
        value = float(text.replace(",", ""))
    except ValueError as error:
        told = _("%(name)s: %(text)s is no number.") % {"name": name, "text": repr(text[:40])}
        raise RuleError("no_number", told) from error
    return value


def preview(user: User, rule: Rule, scope: Scope, limit: Limit | None) -> dict[str, Any]:
    """What a change would be: what holds now, what would hold, and whether a second person is needed."""
    now = limits_at(user, scope).cells[rule]
    own = {"maximum": now.maximum, "action": now.action, "params": dict(now.params)} if now.own else None
    after = limit_values(limit)
    changes = own != after
    return {
        "now": values_text(rule, None if now.origin is None else _values(now)),
        "now_from": "" if now.own else origin_text(now.origin),
        "after": values_text(rule, after) if limit is not None else _("what a wider scope says"),
        "changes": changes,
        "loosens": changes and loosens(rule, scope, limit),
    }


def _values(cell: LimitCell) -> dict[str, Any]:
    return {"maximum": cell.maximum, "action": cell.action or BreachAction.WARN.value, "params": dict(cell.params)}


def form_of(rule: Rule, scope: Scope, cell: LimitCell) -> dict[str, Any]:
    """What the form is filled with: what holds at the scope now."""
    spec = RULES[rule]
    listed = spec.unit is Unit.LIST
    return {
        "rule": rule.value,
        "name": RuleName(rule).label,
        "unit": UNITS[spec.unit],
        "floor": spec.floor,
        "fraction": spec.unit is Unit.FRACTION,
        "listed": listed,
        "scope": scope_value(scope),
        "scope_text": scope_text(scope),
        "maximum": "" if cell.maximum is None or listed else f"{cell.maximum:.10g}",
        "lifted": cell.own and cell.maximum is None,
        "own": cell.own,
        "watched": spec.stage is not Stage.ORDER,
        "action": cell.action or BreachAction.WARN.value,
        "actions": BreachActionName.choices,
        "params": [
            {"name": name, "label": DETAILS[name], "value": _param_text(cell.params.get(name, default))}
            for name, default in spec.params.items()
        ],
        "history": history_url(rule, scope),
    }


def _param_text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list | tuple) else f"{value:g}"


# --- the history ----------------------------------------------------------------------------------------------


def history(user: User, rule: Rule | None, scope: Scope | None, most: int) -> list[dict[str, Any]]:
    """The latest changes, of one rule or at one scope where that is asked for."""
    rows = visible_scoped(user, RiskLimitChange.objects.select_related("changed_by", "approved_by"))
    if rule is not None:
        rows = rows.filter(rule=rule.value)
    if scope is not None:
        rows = rows.filter(scope_kind=scope.kind.value, scope_key=scope.key)
    return [_change(row) for row in rows.order_by("-pk")[:most]]


def _change(row: RiskLimitChange) -> dict[str, Any]:
    rule = Rule(row.rule)
    return {
        "row": row,
        "name": RuleName(rule).label,
        "scope": scope_text(row.scope),
        "url": history_url(rule, row.scope),
        "before": values_text(rule, row.before),
        "after": values_text(rule, row.after) if row.after is not None else pgettext("limit", "taken away"),
        "who": row.changed_by.get_username() if row.changed_by else _("system"),
    }


def named_scopes(user: User) -> list[Scope]:
    """The scopes that have a limit of their own and that the person may see."""
    rows = visible_scoped(user, RiskLimit.objects.order_by("scope_kind", "scope_key"))
    return list(dict.fromkeys(row.scope for row in rows))
