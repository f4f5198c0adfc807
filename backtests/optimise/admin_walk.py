"""The console's pages of walk-forwards: list, new one, the page of one."""

# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import F, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from unfold.decorators import display

from accounts.admin_base import actor_of
from backtests.optimise import services
from backtests.optimise.admin_base import SearchAdmin, chart_response, progress_html
from backtests.optimise.charts import WALK_CHARTS, objective_label, shown_value
from backtests.optimise.forms import NewWalkForm, initial_of
from backtests.optimise.models import WalkForwardRun
from backtests.optimise.permissions import find_optimization, find_walk, visible_walks
from backtests.optimise.walk_page import progress_of, walk_context, walk_url
from backtests.reports.format import percent
from backtests.topics import WALK_FORWARDS
from quantsite.common.errors import MissingError
from quantsite.web.renderers import dumps


@admin.register(WalkForwardRun)
class WalkForwardRunAdmin(SearchAdmin):
    """Own walk-forwards."""

    list_display: ClassVar[list[str]] = [
        "shown_run",
        "shown_instrument",
        "shown_windows",
        "shown_status",
        "shown_progress",
        "shown_return",
        "shown_means",
        "shown_efficiency",
        "owner",
        "shown_age",
    ]
    blank_form = NewWalkForm
    live_channel = "walk-forwards"
    form_title = _("New walk-forward")
    empty_text = _(
        "No walk-forward yet. It searches on one stretch of days and judges on the next, window after window: the "
        "nearest thing to having traded the choice."
    )
    more_fieldsets = ((_("Windows"), {"fields": [("in_sample", "out_of_sample"), ("step", "gap"), "anchored"]}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WalkForwardRun]:
        """Those that this person may see, with the trials of their windows counted."""
        rows = visible_walks(actor_of(request)).select_related("instrument", "owner")
        worked_off = F("optimizations__done") + F("optimizations__failed")
        return rows.annotate(trials_done=Sum(worked_off), trials_total=Sum("optimizations__total"))

    def find(self, request: HttpRequest, number: int) -> WalkForwardRun:
        """One that this person may see."""
        return find_walk(actor_of(request), number)

    @display(description=_("In / out, days"))
    def shown_windows(self, walk: WalkForwardRun) -> str:
        """Trading days in sample and out of sample."""
        return f"{walk.in_sample} / {walk.out_of_sample}"

    @display(description=_("Trials"))
    def shown_progress(self, walk: WalkForwardRun) -> SafeString:
        """Worked off in all windows, of all."""
        total = getattr(walk, "trials_total", None) or 0
        done = total if walk.is_final and walk.summary else getattr(walk, "trials_done", None) or 0
        return progress_html(walk.pk, done, total)

    @display(description=_("Return out of sample"))
    def shown_return(self, walk: WalkForwardRun) -> SafeString:
        """Of all windows joined, signed and coloured."""
        value = walk.statistics.get("total_return")
        tone = "" if not value else "qs-profit" if value > 0 else "qs-loss"
        return format_html('<span class="qs-number {}">{}</span>', tone, percent(value, signed=True))

    @display(description=_("In sample → out"))
    def shown_means(self, walk: WalkForwardRun) -> SafeString | str:
        """Mean objective of the best trials, and that on the days after."""
        if not walk.summary:
            return "–"
        name = walk.summary["objective"]
        inside, outside = (shown_value(name, walk.summary[side]) for side in ("in_sample", "out_of_sample"))
        html = '<span class="qs-number">{} → {}</span><span class="op-under">{}</span>'
        return format_html(html, inside, outside, objective_label(name))

    @display(description=_("Efficiency"))
    def shown_efficiency(self, walk: WalkForwardRun) -> SafeString:
        """Out of sample over in sample."""
        value = walk.summary.get("efficiency")
        return format_html('<span class="qs-number">{}</span>', "–" if value is None else f"{value:.0%}")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=<walk-forward>`` or ``?from_search=<optimisation>`` fills the form with that request."""
        origin = request.GET.get("from_search", "")
        if not (origin.isascii() and origin.isdigit() and len(origin) <= 18):
            return super().get_changeform_initial_data(request)
        try:
            return initial_of(find_optimization(actor_of(request), int(origin)))
        except MissingError as error:
            raise Http404(error.text) from error

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """It is made by the verb that API and command use too."""
        if isinstance(form, NewWalkForm):
            made = services.walk_forward(actor_of(request), form.to_walk())
            obj.__dict__.update(made.__dict__)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The page of one walk-forward."""
        walk = self.found(request, object_id)
        context = {**(extra_context or {}), **walk_context(walk, actor_of(request)), "title": str(walk)}
        return super().change_view(request, object_id, form_url, context)

    def own_views(self) -> dict[str, tuple[str, Callable[..., HttpResponseBase]]]:
        """Everything about one walk-forward."""
        return {
            "state": ("state/", require_GET(self.state_view)),
            **{
                f"{name}_chart": (f"charts/{name}/", require_GET(partial(self.chart_view, name=name)))
                for name in WALK_CHARTS
            },
            "cancel": ("cancel/", require_POST(self.cancel_view)),
        }

    def state_view(self, request: HttpRequest, walk: WalkForwardRun) -> HttpResponse:
        """The state as JSON with the trials of all windows: the socket tells of the windows one by one."""
        [state] = WALK_FORWARDS.states(visible_walks(actor_of(request)).filter(pk=walk.pk))
        return HttpResponse(dumps({**state, **progress_of(walk)}), content_type="application/json")

    def chart_view(self, _request: HttpRequest, walk: WalkForwardRun, *, name: str) -> JsonResponse:
        """One chart for ``charts.js``; 409 where there is nothing to draw."""
        return chart_response(WALK_CHARTS[name](walk))

    def cancel_view(self, request: HttpRequest, walk: WalkForwardRun) -> HttpResponse:
        """Cancel with all of its windows, then back to the page."""
        services.cancel_walk_forward(actor_of(request), walk.pk)
        messages.success(request, _t("The walk-forward is cancelled."))
        return HttpResponseRedirect(walk_url("change", walk.pk))
