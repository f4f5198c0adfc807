"""The console's page that shows runs beside each other, and the action of the list that leads there."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.admin_base import AuditedModelAdmin, actor_of
from backtests.compare import compare_runs, export_comparison, numbers_of
from backtests.models import BacktestRun
from backtests.reports.compare_html import comparison_json, comparison_texts
from backtests.run_page import run_url
from quantsite.common.errors import MissingError, RuleError

TEMPLATE = "admin/backtests/backtestrun/comparison.html"
NAME = "backtests_backtestrun_compare"

View = Callable[[HttpRequest, list[int]], HttpResponseBase]


def compare_url(run_ids: list[int], name: str = NAME) -> str:
    """The address of the comparison: it carries the runs, so that it can be kept and passed on."""
    return f"{reverse(f'admin:{name}')}?{urlencode({'runs': ','.join(map(str, run_ids))}, safe=',')}"


class CompareAdmin(AuditedModelAdmin):
    """What the list of runs gets for comparing."""

    actions = ["compare"]

    @admin.action(description=_("Compare"), permissions=["view"])
    def compare(self, _request: HttpRequest, chosen: QuerySet[BacktestRun]) -> HttpResponse:
        """The chosen runs beside each other, the oldest first."""
        return HttpResponseRedirect(compare_url(sorted(chosen.values_list("pk", flat=True))))

    def get_urls(self) -> list[URLPattern]:
        """The page and its chart, then the theme's addresses."""
        own = [
            path("compare/", self._of_runs(self.compare_view), name=NAME),
            path("compare/chart/", self._of_runs(self.compare_chart_view), name=f"{NAME}_chart"),
        ]
        return [*own, *super().get_urls()]

    def _of_runs(self, view: View) -> Callable[..., HttpResponseBase]:
        """A view of the runs in ``?runs``; runs that cannot be compared lead to the list, which says why."""

        def inner(request: HttpRequest) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied
            try:
                return view(request, numbers_of(request.GET.get("runs", "")))
            except RuleError as error:
                messages.error(request, error.text)
                return HttpResponseRedirect(reverse("admin:backtests_backtestrun_changelist"))

        page: Callable[..., HttpResponseBase] = self.admin_site.admin_view(self._guarded(require_GET(inner)))
        return page

    def compare_view(self, request: HttpRequest, run_ids: list[int]) -> HttpResponseBase:
        """The page; with ``?as`` the same as a file."""
        actor = actor_of(request)
        if form := request.GET.get("as"):
            made = export_comparison(actor, run_ids, form)
            headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
            return HttpResponse(made.body, content_type=made.media_type, headers=headers)
        texts = comparison_texts(compare_runs(actor, run_ids))
        heads = [head._replace(url=run_url("change", head.run)) for head in texts["heads"]]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            **texts,
            "heads": heads,
            "media": Media(css={"all": ["backtests/runs.css", "backtests/compare.css"]}),
            "chart_url": compare_url(run_ids, f"{NAME}_chart"),
            "file_url": compare_url(run_ids),
        }
        return render(request, TEMPLATE, context)

    def compare_chart_view(self, request: HttpRequest, run_ids: list[int]) -> JsonResponse:
        """The chart for ``charts.js``; 404 for a run that the person may not see."""
        try:
            return JsonResponse(comparison_json(compare_runs(actor_of(request), run_ids)))
        except MissingError as error:
            raise Http404(error.text) from error
