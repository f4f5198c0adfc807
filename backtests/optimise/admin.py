"""The console's pages of optimisations: list, new one, the page of one with its charts, tables and actions."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from accounts.admin_base import actor_of
from backtests.optimise import services
from backtests.optimise.admin_base import SearchAdmin, chart_response, progress_html, verdict_html
from backtests.optimise.charts import CHARTS, first_objective, objective_label, shown_value
from backtests.optimise.exports import csv_lines, parquet_bytes
from backtests.optimise.forms import NewSearchForm, ShareSearchForm
from backtests.optimise.models import OptimizationRun
from backtests.optimise.page import page_context, page_url, shares_of, verdict_of
from backtests.optimise.permissions import find_optimization, visible_optimizations
from backtests.optimise.trial_run import run_trial
from backtests.run_page import run_url
from backtests.topics import OPTIMIZATIONS
from quantsite.web.renderers import dumps


class PartFilter(DropdownFilter):
    """Windows of walk-forwards are reached from their walk-forward: the list leaves them out unless asked."""

    title = _("Windows of walk-forwards")
    parameter_name = "windows"
    all_option: ClassVar[list[Any]] = ["", _("left out")]

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, Any]]:
        """Only they, or they too."""
        return [("only", _("only these")), ("too", _("these too"))]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[OptimizationRun]) -> QuerySet[OptimizationRun]:
        """The rows by what was chosen."""
        if self.value() == "too":
            return queryset
        return queryset.filter(walk_forward__isnull=self.value() != "only")


@admin.register(OptimizationRun)
class OptimizationRunAdmin(SearchAdmin):
    """Own and shared optimisations."""

    list_display: ClassVar[list[str]] = [
        "shown_run",
        "shown_instrument",
        "shown_method",
        "shown_status",
        "shown_progress",
        "shown_best",
        "shown_verdict",
        "owner",
        "shown_age",
    ]
    list_filter: ClassVar[list[Any]] = [*SearchAdmin.list_filter, PartFilter]
    live_channel = "optimizations"
    form_title = _("New optimisation")
    empty_text = _(
        "No optimisation yet. Choose a strategy, give one or two of its parameters a range such as 5:24:1, and see "
        "how much of the best result is luck."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptimizationRun]:
        """Those that this person may see."""
        return visible_optimizations(actor_of(request)).select_related("instrument", "owner")

    def find(self, request: HttpRequest, number: int) -> OptimizationRun:
        """One that this person may see."""
        return find_optimization(actor_of(request), number)

    @display(description=_("Trials"))
    def shown_progress(self, run: OptimizationRun) -> SafeString:
        """Worked off, of all."""
        return progress_html(run.pk, round(run.progress * run.total), run.total)

    @display(description=_("Best"))
    def shown_best(self, run: OptimizationRun) -> SafeString | str:
        """The objective of the best trial."""
        if not run.best:
            return "–"
        name = first_objective(run)
        value = shown_value(name, run.best["objectives"][name])
        return format_html(
            '<span class="qs-number">{}</span><span class="op-under">{}</span>', value, objective_label(name)
        )

    @display(description=_("Verdict"))
    def shown_verdict(self, run: OptimizationRun) -> SafeString | str:
        """How much of it is luck."""
        return verdict_html(verdict_of(run.overfitting))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """It is made by the verb that API and command use too."""
        if isinstance(form, NewSearchForm):
            made = services.optimize(actor_of(request), form.to_search())
            obj.__dict__.update(made.__dict__)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The page of one optimisation; ``?x=`` and ``?y=`` choose the parameters of its map."""
        run = self.found(request, object_id)
        context = {**(extra_context or {}), **page_context(run, actor_of(request), request.GET), "title": str(run)}
        if context["may_share"]:
            context |= {"share_form": ShareSearchForm(run), "shares": shares_of(run)}
        return super().change_view(request, object_id, form_url, context)

    def own_views(self) -> dict[str, tuple[str, Callable[..., HttpResponseBase]]]:
        """Everything about one optimisation."""
        return {
            "state": ("state/", require_GET(self.state_view)),
            **{
                f"{name}_chart": (f"charts/{name}/", require_GET(partial(self.chart_view, name=name)))
                for name in CHARTS
            },
            "trials_csv": ("trials.csv", require_GET(self.csv_view)),
            "trials_parquet": ("trials.parquet", require_GET(self.parquet_view)),
            "run_trial": ("run-trial/", require_POST(self.run_trial_view)),
            "cancel": ("cancel/", require_POST(self.cancel_view)),
            "resume": ("resume/", require_POST(self.resume_view)),
            "share": ("share/", require_POST(self.share_view)),
        }

    def state_view(self, request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """The state as JSON, for a page whose socket is down."""
        [state] = OPTIMIZATIONS.states(visible_optimizations(actor_of(request)).filter(pk=run.pk))
        return HttpResponse(dumps(state), content_type="application/json")

    def chart_view(self, request: HttpRequest, run: OptimizationRun, *, name: str) -> JsonResponse:
        """One chart for ``charts.js``; 409 where there is nothing to draw."""
        return chart_response(CHARTS[name](run, request.GET))

    def csv_view(self, _request: HttpRequest, run: OptimizationRun) -> StreamingHttpResponse:
        """All trials, line by line."""
        return StreamingHttpResponse(csv_lines(run), content_type="text/csv; charset=utf-8", headers=_saved(run, "csv"))

    def parquet_view(self, _request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """All trials, unrounded."""
        media_type = "application/vnd.apache.parquet"
        return HttpResponse(parquet_bytes(run), content_type=media_type, headers=_saved(run, "parquet"))

    def run_trial_view(self, request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """Run one point as a backtest, and go to it: its result hash must be that of the trial."""
        made = run_trial(actor_of(request), run, request.POST.get("number", ""))
        messages.success(request, _t("Backtest run %(id)s waits for a worker.") % {"id": made.pk})
        return HttpResponseRedirect(run_url("change", made.pk))

    def cancel_view(self, request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """Cancel, then back to the page."""
        services.cancel_optimization(actor_of(request), run.pk)
        messages.success(request, _t("The optimisation is cancelled; its trials are kept."))
        return HttpResponseRedirect(page_url("change", run.pk))

    def resume_view(self, request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """Go on with what is left."""
        services.resume_optimization(actor_of(request), run.pk)
        messages.success(request, _t("The optimisation goes on."))
        return HttpResponseRedirect(page_url("change", run.pk))

    def share_view(self, request: HttpRequest, run: OptimizationRun) -> HttpResponse:
        """Share with a person or a group, or take it back."""
        form = ShareSearchForm(run, request.POST)
        if form.is_valid():
            shared = form.cleaned_data["shared"]
            services.share_optimization(actor_of(request), run.pk, form.to_receiver(), shared=shared)
            done = _t("The optimisation is shared.") if shared else _t("The optimisation is not shared any more.")
            messages.success(request, done)
        else:
            messages.error(request, _t("Choose a person or a group."))
        return HttpResponseRedirect(page_url("change", run.pk))


def _saved(run: OptimizationRun, form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="optimization-{run.pk}-trials.{form}"'}
