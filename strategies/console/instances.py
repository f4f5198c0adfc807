"""The console's pages of strategy instances: the list, one instance, its forms, and the questions before each deed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin, attempt
from strategies.console import list_page, parts, words
from strategies.console.execution_page import ExecutionPages
from strategies.console.instance_page import monitor, page_context
from strategies.console.library_page import broken_files
from strategies.console.questions import QuestionPages
from strategies.instance_models import ADD, StrategyInstance
from strategies.permissions import find_instance, visible_instances


@admin.register(StrategyInstance)
class StrategyInstanceAdmin(QuestionPages, ExecutionPages, PagesAdmin):
    """Own and granted instances, every one for risk officers; whatever is done here goes through ``services``."""

    search_fields = ["key", "title"]
    own_pages = (
        ("do/<slug:verb>/", "do_view", "do"),
        ("<int:instance_id>/live/", "live_view", "live"),
        ("<int:instance_id>/terms/", "terms_view", "terms"),
        ("<int:instance_id>/parameters/", "parameters_view", "parameters"),
        ("<int:instance_id>/execution/", "execution_view", "execution"),
        ("<int:instance_id>/decide/", "decide_view", "decide"),
        ("<int:instance_id>/share/", "share_view", "share"),
        ("<int:instance_id>/charts/<slug:chart>/", "chart_view", "chart"),
        ("<int:instance_id>/parts/<slug:part>/", "part_view", "part"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[StrategyInstance]:
        """The instances that this person may see."""
        return visible_instances(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who holds the permission; for one instance also who may see it."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whose role makes instances."""
        return bool(request.user.has_perm(f"strategies.{ADD}"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # noqa: ARG002
        """The list; with ``?part=1`` only what changes while it is open."""
        return self._page(self._list_view)(request)

    def _list_view(self, request: HttpRequest) -> HttpResponse:
        actor = actor_of(request)
        asked = list_page.Asked.of(request)
        found = list_page.listed(actor, asked, request.GET.get("page", ""))
        context: dict[str, Any] = {
            "lines": found.lines(),
            "page": found.page,
            "page_numbers": list(found.page.paginator.get_elided_page_range(found.page.number, on_each_side=2)),
            "summary": found.summary(),
            "bulk": found.bulk(),
            "approvals": list_page.waiting_approvals(actor),
            "asked": asked,
        }
        if "part" in request.GET:
            return render(request, "admin/strategies/list/regions.html", context)
        context |= {
            "choices": list_page.choices(actor),
            "broken": broken_files(),
            "texts": words.texts(),
            "add_url": self.url("add") if self.has_add_permission(request) else "",
        }
        return self.show(request, "list/strategies.html", _("Strategies"), context)

    def row_view(self, request: HttpRequest, row: StrategyInstance) -> HttpResponseBase:
        """The page of one instance."""
        context = {**page_context(request, actor_of(request), row), "texts": words.texts()}
        return self.show(request, "instance/instance.html", row.shown_name, context)

    def live_view(self, request: HttpRequest, instance_id: int) -> HttpResponse:
        """What changes of the page while it is open."""
        actor = actor_of(request)
        instance = find_instance(actor, instance_id)
        return render(request, "admin/strategies/instance/regions.html", monitor(actor, instance))

    def part_view(self, request: HttpRequest, instance_id: int, part: str) -> HttpResponseBase:
        """A button of an upper app's block; a GET only goes back to the page."""
        instance = find_instance(actor_of(request), instance_id)
        there = self.url("change", instance.pk)
        if request.method == "POST":
            return attempt(request, lambda: parts.done(request, instance, part), there)
        return HttpResponseRedirect(there)

    def chart_view(self, request: HttpRequest, instance_id: int, chart: str) -> HttpResponseBase:
        """A chart of an upper app, for ``charts.js``; 409 where there is nothing to draw."""
        instance = find_instance(actor_of(request), instance_id)
        made = parts.chart_of(request, instance, chart)
        if made is None:
            return JsonResponse({"detail": _("There is nothing to draw yet.")}, status=409)
        return JsonResponse(made)
