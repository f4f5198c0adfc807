"""The console's pages about limits: rules by scopes in one table, the question that sets one, and its history."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin, attempt
from quantsite.common.errors import RuleError
from trading import services
from trading.account_models import Desk
from trading.console.limit_page import (
    form_of,
    history,
    history_url,
    named_scopes,
    preview,
    rows_for,
    table,
    wanted,
)
from trading.console.stop_page import OFFERED, approvers, parse_scope, scope_text, scope_value
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind
from trading.limit_models import RiskLimit
from trading.permissions import sees_every_account, visible_accounts
from trading.risk_choices import RuleName, ScopeName
from trading.risk_permissions import LIMIT, visible_scoped
from trading.verbs.limit_form import find_rule
from trading.verbs.risk_scopes import find_scope

MOST_CHANGES = 200
HISTORY = "trading.view_risklimitchange"


@admin.register(RiskLimit)
class RiskLimitAdmin(PagesAdmin):
    """Limits. What tightens is applied at once, what loosens becomes a proposal: the verbs decide which it is."""

    own_pages = (
        ("set/", "set_view", "set"),
        ("set/told/", "told_view", "told"),
        ("past/", "past_view", "past"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RiskLimit]:
        """Those at scopes in which the person sees something."""
        return visible_scoped(actor_of(request), super().get_queryset(request))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # noqa: ARG002
        """The table; ``?scope=account:A1`` shows the scope with all that it lies in."""
        return self._page(self._table_view)(request)

    def row_view(self, _request: HttpRequest, row: RiskLimit) -> HttpResponseBase:
        """On to the table, at the scope of the limit."""
        return HttpResponseRedirect(f"{self.url('changelist')}?scope={scope_value(row.scope)}")

    def _table_view(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        scope = _asked_scope(request)
        rows, left_out = rows_for(actor, scope)
        context = {
            "scopes": [scope_text(row.scope) for row in rows],
            "groups": table(actor, rows),
            "left_out": left_out,
            "scope": scope_value(scope) if scope else "",
            "scope_text": scope_text(scope) if scope else "",
            "choices": _choices(actor, scope),
            "kinds": [(kind.value, ScopeName(kind).label) for kind in ScopeKind if kind is not ScopeKind.PLATFORM],
            "history_url": history_url() if actor.has_perm(HISTORY) else "",
            "may_change": actor.has_perm(LIMIT),
        }
        return self.show(request, "risklimit/limits.html", _("Limits"), context)

    def set_view(self, request: HttpRequest) -> HttpResponseBase:
        """What the limit is, and why it is to be another; a POST asks for it."""
        self.demand(request, LIMIT)
        actor = actor_of(request)
        rule, scope = self._asked(request)
        there = f"{self.url('changelist')}?scope={scope_value(scope)}"
        if request.method == "POST":

            def work() -> str:
                return _set(request, rule, scope)

            return attempt(request, work, there)
        [cell] = [row.cells[rule] for row in [services.limits_at(actor, scope)]]
        context = {"form": form_of(rule, scope, cell), "back": there, "may_see_history": actor.has_perm(HISTORY)}
        return self.show(request, "risklimit/ask_set.html", _("Set a limit"), context)

    def told_view(self, request: HttpRequest) -> HttpResponse:
        """What a form that is being filled in would do: said before it is sent."""
        self.demand(request, LIMIT)
        actor = actor_of(request)
        rule, scope = self._asked(request)
        data = {name: str(value) for name, value in request.GET.items()}
        try:
            limit = wanted(rule, scope, data)
        except RuleError as error:
            return render(request, "admin/trading/risklimit/told.html", {"wrong": error.text})
        context = {"told": preview(actor, rule, scope, limit), "people": approvers(actor)}
        return render(request, "admin/trading/risklimit/told.html", context)

    def past_view(self, request: HttpRequest) -> HttpResponse:
        """What limits were and became, who wanted it, who approved, and why."""
        self.demand(request, HISTORY)
        actor = actor_of(request)
        rule = find_rule(request.GET["rule"]) if request.GET.get("rule") else None
        scope = parse_scope(request.GET.get("scope", ""))
        about = [str(RuleName(rule).label)] if rule else []
        about += [scope_text(scope)] if scope else []
        context = {"changes": history(actor, rule, scope, MOST_CHANGES), "about": " · ".join(about)}
        return self.show(request, "risklimit/past.html", _("History of limits"), context)

    def _asked(self, request: HttpRequest) -> tuple[Rule, Scope]:
        given = request.POST if request.method == "POST" else request.GET
        scope = parse_scope(given.get("scope", ""))
        if scope is None:
            raise RuleError("no_scope", _("Choose a limit in the table."))
        found = find_scope(actor_of(request), scope.kind.value, scope.key, unborn=True)
        return find_rule(given.get("rule", "")), found


def _set(request: HttpRequest, rule: Rule, scope: Scope) -> str:
    """Ask the verbs for what was posted; gives what became of it."""
    actor, reason = actor_of(request), request.POST.get("reason", "")
    data = {name: str(value) for name, value in request.POST.items()}
    limit = wanted(rule, scope, data)
    if limit is None:
        made = services.remove_limit(actor, rule.value, scope.kind.value, scope.key, reason)
    else:
        params = {} if limit.maximum is None else dict(limit.params)  # a list that is named would be in force
        named = (rule.value, scope.kind.value, scope.key)
        made = services.set_limit(actor, *named, limit.maximum, limit.action.value, params, reason)
    if made.proposal is not None:
        return _("This loosens a limit: it is proposed, and waits for a second person.")
    return _("The limit stands: it is in force at once.")


def _asked_scope(request: HttpRequest) -> Scope | None:
    """The scope of the address; ``kind`` and ``key`` of the form for others come first. Raises ``RuleError``."""
    text = request.GET.get("scope", "")
    if request.GET.get("key"):
        text = f"{request.GET.get('kind', '')}:{request.GET['key'].strip()}"
    if not text:
        return None
    scope = parse_scope(text)
    if scope is None:
        raise RuleError("no_scope", _("There is no scope %(text)s.") % {"text": repr(text[:80])})
    return find_scope(actor_of(request), scope.kind.value, scope.key, unborn=True)


def _choices(actor: Any, chosen: Scope | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """The scopes to choose from, by kind: those with limits, every desk and account that one sees, and the chosen."""
    accounts = visible_accounts(actor).filter(is_active=True).order_by("code")
    desks = Desk.objects.order_by("code").values_list("code", flat=True)
    mine = desks if sees_every_account(actor) else sorted({row.desk.code for row in accounts})
    scopes = [PLATFORM, *(Scope(ScopeKind.DESK, code) for code in mine)]
    scopes += [Scope(ScopeKind.ACCOUNT, row.code) for row in accounts]
    scopes += [*named_scopes(actor), *([chosen] if chosen else [])]
    found = dict.fromkeys(scopes)
    kinds = [ScopeKind.PLATFORM, *OFFERED, ScopeKind.ACCOUNT_PRODUCT, ScopeKind.USER]
    groups = [
        (str(ScopeName(kind).label), [(scope_value(each), scope_text(each)) for each in found if each.kind is kind])
        for kind in kinds
    ]
    return [group for group in groups if group[1]]
