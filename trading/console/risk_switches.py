"""The console's page about stops: those in force first, then the buttons that set one, then what earlier ones did."""

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
from trading.console.stop_page import (
    QUICK,
    SLOW,
    approvers,
    buttons,
    cards,
    checked,
    chosen,
    deed,
    effects_said,
    offered,
    phrase_of,
    plans_of,
    reach_of,
    release_of,
    scope_text,
    scope_value,
)
from trading.domain.risk.scopes import Scope
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch
from trading.risk_permissions import RELEASE, find_switch, visible_scoped

LATEST = 20


@admin.register(KillSwitch)
class KillSwitchAdmin(PagesAdmin):
    """Stops. One person sets one, at once; a release is proposed here and decided by a second person."""

    own_pages = (
        ("set/", "set_view", "set"),
        ("<int:switch_id>/release/", "release_view", "release"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[KillSwitch]:
        """Those at scopes in which the person sees something."""
        return visible_scoped(actor_of(request), super().get_queryset(request))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """The page; with ``?part=1`` only what changes while it is open."""
        self.demand_view(request)
        actor = actor_of(request)
        groups = offered(actor)
        scope = chosen(groups, request.GET.get("scope", ""))
        value = scope_value(scope) if scope else ""
        stops = self.get_queryset(request)
        active = cards(actor, stops.filter(released_at=None).order_by("-strength", "-pk"))
        context: dict[str, Any] = {
            "active": active,
            "pace": QUICK if any(card["busy"] for card in active) else SLOW,
            "buttons": buttons(actor, reach_of(scope)) if scope else [],
            "scope_text": scope_text(scope) if scope else "",
            "fresh_url": f"{request.path}?part=1&scope={value}",
        }
        if "part" in request.GET:
            return render(request, "admin/trading/killswitch/live.html", context)
        context |= {
            "scope": value,
            "groups": [(name, [(scope_value(each), each.key) for each in scopes]) for name, scopes in groups],
            "ended": cards(actor, stops.exclude(released_at=None).order_by("-pk")[:LATEST]),
        }
        return self.show(request, "killswitch/stops.html", _("Stops"), context)

    def row_view(self, request: HttpRequest, row: KillSwitch) -> HttpResponseBase:
        """One stop: who, why, what it did on each account, and how it ended."""
        actor = actor_of(request)
        [card] = cards(actor, KillSwitch.objects.filter(pk=row.pk))
        context = {
            "card": card,
            "plans": plans_of(actor, row),
            "last_release": release_of(row) if actor.has_perm("accounts.view_proposal") else None,
            "pace": QUICK if card["busy"] else SLOW,
            "fresh_url": f"{request.path}?part=1",
        }
        if "part" in request.GET:
            return render(request, "admin/trading/killswitch/stop_live.html", context)
        return self.show(request, "killswitch/stop.html", _("Stop #%(id)s") % {"id": row.pk}, context)

    def set_view(self, request: HttpRequest) -> HttpResponseBase:
        """What a stop would reach, counted, and why; a POST sets it."""
        actor = actor_of(request)
        given = request.POST if request.method == "POST" else request.GET
        scope, force = checked(actor, given.get("scope", ""), given.get("strength", ""))
        there = f"{self.url('changelist')}?scope={scope_value(scope)}"
        if request.method != "POST":
            return self._ask_set(request, scope, force, there)
        phrase = phrase_of(scope) if force is Strength.FLATTEN else ""

        def work() -> str:
            if phrase and given.get("phrase", "").strip() != phrase:
                raise RuleError("phrase_missing", _("Type %(phrase)s to close everything.") % {"phrase": phrase})
            services.set_switch(actor, scope.kind.value, scope.key, force.value, given.get("reason", ""))
            return _("Stopped: %(scope)s.") % {"scope": scope_text(scope)}

        return attempt(request, work, there)

    def _ask_set(self, request: HttpRequest, scope: Scope, force: Strength, there: str) -> HttpResponse:
        services.preview_stop(actor_of(request), scope.kind.value, scope.key, force.value)  # there is such a scope
        reach = reach_of(scope)
        context = {
            "button": deed(reach, force),
            "said": effects_said(reach, force),
            "scope": scope_value(scope),
            "strength": force.value,
            "phrase": phrase_of(scope) if force is Strength.FLATTEN else "",
            "back": there,
        }
        return self.show(request, "killswitch/ask_set.html", _("Stop trading"), context)

    def release_view(self, request: HttpRequest, switch_id: int) -> HttpResponseBase:
        """Propose that a stop ends: why, and who may approve it."""
        actor = actor_of(request)
        self.demand(request, RELEASE)
        stop = find_switch(actor, switch_id)
        there = self.url("changelist")
        if request.method == "POST":

            def work() -> str:
                services.ask_release(actor, switch_id, request.POST.get("reason", ""))
                return _("The release is proposed: a second person decides on it.")

            return attempt(request, work, there)
        if stop.released_at is not None:
            return HttpResponseRedirect(there)
        [card] = cards(actor, KillSwitch.objects.filter(pk=stop.pk))
        context = {"card": card, "people": approvers(actor), "back": there}
        return self.show(request, "killswitch/ask_release.html", _("Release a stop"), context)
