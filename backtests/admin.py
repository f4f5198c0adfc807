"""The console's pages about backtests: list, new run, and the page of one run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from accounts import audit_words
from accounts.admin_base import AuditedModelAdmin, actor_of, nobody
from backtests import services
from backtests.admin_compare import CompareAdmin
from backtests.admin_forms import (
    COST_FIELDS,
    RULE_FIELDS,
    NewRunForm,
    ShareForm,
    initial_of,
    new_run_form,
    parameter_fields,
)
from backtests.audit_words import DEEDS, THINGS
from backtests.broadcast import states_of
from backtests.domain.statistics_annual import known_annual_days
from backtests.models import BacktestRun, RunStatus
from backtests.permissions import find_run, visible_runs
from backtests.reports.embed import ChartDocument, equity_json, excursions_json, price_json, rolling_json
from backtests.reports.html import CLOSE_UP_BARS
from backtests.reports.report_input import multipliers_of
from backtests.result_rows import read_days, read_fills
from backtests.run_page import page_context, run_url, status_labels
from backtests.run_report import bars_of
from quantsite.common.errors import MissingError, RuleError
from quantsite.web.csp import use_report_policy
from quantsite.web.renderers import dumps
from strategies import registry

RunView = Callable[[HttpRequest, BacktestRun], HttpResponseBase]

audit_words.name(THINGS, DEEDS)


@admin.register(BacktestRun)
class BacktestRunAdmin(CompareAdmin):
    """Own and shared runs; everything that is done here goes through ``services``."""

    list_display = [
        "shown_run",
        "shown_instrument",
        "shown_status",
        "shown_return",
        "shown_drawdown",
        "shown_sharpe",
        "shown_trades",
        "owner",
        "shown_age",
        "shown_duration",
    ]
    list_display_links = ["shown_run"]
    list_select_related = ["instrument", "owner"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        "strategy",
        ("instrument", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    ]
    list_filter_submit = True
    list_per_page = 50
    list_before_template = "admin/backtests/backtestrun/live.html"
    search_fields = ["=id", "strategy", "instrument__code", "owner__username", "result_hash"]
    search_help_text = _("Number, strategy, instrument, owner or result hash")
    ordering = ["-id"]
    autocomplete_fields = ["instrument"]
    has_change_permission = nobody  # a run is never edited: a new one is made from it

    class Media:
        js = ["backtests/runs.js"]
        css = {"all": ["backtests/runs.css"]}

    # --- what is shown -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[BacktestRun]:
        """The runs that this person may see."""
        return visible_runs(actor_of(request)).select_related("instrument", "owner", "again_of")

    @display(description=pgettext_lazy("backtest", "Run"), ordering="id")
    def shown_run(self, run: BacktestRun) -> str:
        """Number and strategy with its parameters."""
        values = ", ".join(f"{name} {value}" for name, value in run.parameters.items())
        return f"#{run.pk} {run.strategy} ({values})" if values else f"#{run.pk} {run.strategy}"

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_instrument(self, run: BacktestRun) -> SafeString | str:
        """Code and interval; made-up data says so."""
        text = f"{run.shown_instruments} {run.interval}"
        return (
            format_html('{} <span class="qs-tag">{}</span>', text, _t("simulated"))
            if run.instrument.simulated
            else text
        )

    @display(description=_("State"), ordering="status")
    def shown_status(self, run: BacktestRun) -> SafeString:
        """The state, kept fresh by ``runs.js``."""
        html = '<span class="qs-state qs-state-{}" data-run-status="{}">{}</span>'
        return format_html(html, run.status, run.pk, run.get_status_display())

    @display(description=_("Net return"), ordering="total_return")
    def shown_return(self, run: BacktestRun) -> SafeString:
        """A fraction as percent, signed and coloured."""
        sign = "" if not run.total_return else "qs-profit" if run.total_return > 0 else "qs-loss"
        return _figure(run, "total_return", sign)

    @display(description=_("Max drawdown"), ordering="max_drawdown")
    def shown_drawdown(self, run: BacktestRun) -> SafeString:
        """A fraction as percent."""
        return _figure(run, "max_drawdown")

    @display(description=_("Sharpe"), ordering="sharpe")
    def shown_sharpe(self, run: BacktestRun) -> SafeString:
        """Yearly, standard conventions."""
        return _figure(run, "sharpe")

    @display(description=_("Trades"), ordering="trade_count")
    def shown_trades(self, run: BacktestRun) -> SafeString:
        """Closed lots."""
        return _figure(run, "trade_count")

    @display(description=_("Asked for"), ordering="created_at")
    def shown_age(self, run: BacktestRun) -> SafeString:
        """Since it was asked for; the moment stands in the tooltip."""
        return format_html(
            '<time class="qs-number" datetime="{}" title="{}">{}</time>',
            run.created_at.isoformat(),
            timezone.localtime(run.created_at).strftime("%Y-%m-%d %H:%M:%S"),
            _age(run),
        )

    @display(description=_("Duration, s"))
    def shown_duration(self, run: BacktestRun) -> SafeString:
        """From claimed to stored, in seconds."""
        started, finished = run.started_at, run.finished_at
        text = f"{(finished - started).total_seconds():.2f}" if started and finished else "–"
        return format_html('<span class="qs-number">{}</span>', text)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the words that ``runs.js`` writes into it."""
        return super().changelist_view(request, {**(extra_context or {}), "status_labels_json": status_labels()})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The page of one run; ``?annual_days=242`` reads its standard figures with a shorter year."""
        run = _run_or_404(request, object_id)
        try:
            annual_days = known_annual_days(request.GET.get("annual_days"))
        except RuleError as error:
            raise Http404(error.text) from error
        context = {**(extra_context or {}), **page_context(run, actor_of(request), annual_days), "title": str(run)}
        return super().change_view(request, object_id, form_url, context)

    # --- a new run -----------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """The form; its one button runs."""
        known = {"title": _t("New backtest"), "broken_strategies": registry.broken()}
        return super().add_view(request, form_url, {**(extra_context or {}), **known})

    @property
    def conditional_fields(self) -> dict[str, str]:
        """Parameters are shown for the chosen strategy only."""
        return {field: f"strategy == '{strategy}'" for field, strategy in parameter_fields().items()}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """For a new run the form of all strategies; a stored one is only looked at."""
        if obj is None:
            kwargs["form"] = new_run_form()
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """What to run, its parameters, what it costs, and how real it is."""
        if obj is not None:
            return [(None, {"fields": ["strategy"]})]
        costs = _("Left empty: from the instrument's dated tables. One fee given sets the fees not given to 0.")
        realism = _("Left as it is, every switch is off: the plain rules of the documentation hold.")
        return [
            (None, {"fields": ["strategy", "instrument", "legs", "interval", ("start", "end")]}),
            (_("Parameters"), {"fields": list(parameter_fields())}),
            (_("Money"), {"fields": [("capital", "volume"), "close_at_end"]}),
            (_("Costs"), {"fields": list(COST_FIELDS), "description": costs}),
            (_("Realism"), {"fields": list(RULE_FIELDS), "description": realism, "classes": ["collapse"]}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=<run>`` fills the form with that run's request."""
        origin = request.GET.get("from", "")
        if not origin.isdigit():
            return {"capital": 1_000_000, "volume": 1, **super().get_changeform_initial_data(request)}
        return initial_of(_run_or_404(request, origin))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """The run is made by the verb that API and command use too."""
        if isinstance(form, NewRunForm):
            made = services.run_backtest(actor_of(request), form.to_request())
            obj.__dict__.update(made.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's log only: the verb has written its own audit entry."""
        return super(AuditedModelAdmin, self).log_addition(request, obj, message)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """On to the page of the new run, which shows how it gets on."""
        messages.success(request, _t("Backtest run %(id)s waits for a worker.") % {"id": obj.pk})
        return HttpResponseRedirect(run_url("change", obj.pk))

    # --- pages about one run -------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses after our own."""
        own: dict[str, tuple[str, RunView]] = {
            "state": ("state/", require_GET(self.state_view)),
            "equity_chart": ("charts/equity/", require_GET(self.equity_chart_view)),
            "price_chart": ("charts/price/", require_GET(self.price_chart_view)),
            "rolling_chart": ("charts/rolling/", require_GET(self.rolling_chart_view)),
            "excursions_chart": ("charts/excursions/", require_GET(self.excursions_chart_view)),
            "report": ("report/", require_GET(self.report_view)),
            "fills_csv": ("fills.csv", require_GET(self._file_view("fills", "csv"))),
            "fills_parquet": ("fills.parquet", require_GET(self._file_view("fills", "parquet"))),
            "equity_csv": ("equity.csv", require_GET(self._file_view("equity", "csv"))),
            "equity_parquet": ("equity.parquet", require_GET(self._file_view("equity", "parquet"))),
            "report_pdf": ("report.pdf", require_GET(self._file_view("report", "pdf"))),
            "report_json": ("report.json", require_GET(self._file_view("report", "json"))),
            "cancel": ("cancel/", require_POST(self.cancel_view)),
            "again": ("again/", require_POST(self.again_view)),
            "share": ("share/", require_POST(self.share_view)),
        }
        pages = [
            path(f"<int:run_id>/{tail}", self._page(view), name=f"backtests_backtestrun_{name}")
            for name, (tail, view) in own.items()
        ]
        return [*pages, *super().get_urls()]

    def _page(self, view: RunView) -> Callable[..., HttpResponseBase]:
        """A view of one run: 404 where the person may not see it, a broken rule as a message on its page."""

        def inner(request: HttpRequest, run_id: int) -> HttpResponseBase:
            run = _run_or_404(request, str(run_id))
            try:
                return view(request, run)
            except RuleError as error:
                messages.error(request, error.text)
                return HttpResponseRedirect(run_url("change", run_id))

        page: Callable[..., HttpResponseBase] = self.admin_site.admin_view(inner)
        return page

    def state_view(self, request: HttpRequest, run: BacktestRun) -> HttpResponse:
        """The run's state as JSON, for a page whose socket is down."""
        [state] = states_of(visible_runs(actor_of(request)).filter(pk=run.pk))
        return HttpResponse(dumps(state), content_type="application/json")

    def equity_chart_view(self, _request: HttpRequest, run: BacktestRun) -> JsonResponse:
        """The equity chart for ``charts.js``, beside buying and holding."""
        return JsonResponse(equity_json(read_days(run), run.capital, bars_of(run)))

    def rolling_chart_view(self, request: HttpRequest, run: BacktestRun) -> JsonResponse:
        """Figures over a moving window; 409 where the run is too short for one."""
        return _chart(rolling_json(read_days(run), run.capital, known_annual_days(request.GET.get("annual_days"))))

    def excursions_chart_view(self, _request: HttpRequest, run: BacktestRun) -> JsonResponse:
        """How far each trade went for and against its holder; 409 for a run without trades."""
        return _chart(excursions_json(bars_of(run), read_fills(run), multipliers_of(run.cost_table)))

    def price_chart_view(self, request: HttpRequest, run: BacktestRun) -> JsonResponse:
        """The price chart of the first instrument with its fills; with ``?end`` of the last bars only, one by one."""
        bars = bars_of(run)[0]
        if "end" in request.GET:
            bars = bars.take(slice(max(0, len(bars) - CLOSE_UP_BARS), None))
        return JsonResponse(price_json(bars, read_fills(run), run.cost_table["price_tick"]))

    def report_view(self, request: HttpRequest, run: BacktestRun) -> HttpResponseBase:
        """The report in the language of the page; ``?download`` saves it as a file."""
        annual_days = request.GET.get("annual_days")
        response = HttpResponse(services.generate_report(actor_of(request), run.pk, annual_days=annual_days))
        if "download" in request.GET:
            response.headers["Content-Disposition"] = f'attachment; filename="backtest-{run.pk}.html"'
        return use_report_policy(response)

    def _file_view(self, kind: str, form: str) -> RunView:
        """A view that answers with a file of the run."""

        def view(request: HttpRequest, run: BacktestRun) -> HttpResponse:
            annual_days = request.GET.get("annual_days")
            made = services.export_run(actor_of(request), run.pk, kind, form, annual_days=annual_days)
            headers = {"Content-Disposition": made.disposition}
            return HttpResponse(made.body, content_type=made.media_type, headers=headers)

        return view

    def cancel_view(self, request: HttpRequest, run: BacktestRun) -> HttpResponse:
        """Cancel, then back to the page."""
        cancelled = services.cancel_run(actor_of(request), run.pk)
        done = cancelled.status == RunStatus.CANCELLED
        messages.success(request, _t("The run is cancelled.") if done else _t("The worker was asked to stop."))
        return HttpResponseRedirect(run_url("change", run.pk))

    def again_view(self, request: HttpRequest, run: BacktestRun) -> HttpResponse:
        """Queue the same request, and go to the new run."""
        made = services.run_again(actor_of(request), run.pk)
        messages.success(request, _t("Backtest run %(id)s waits for a worker.") % {"id": made.pk})
        return HttpResponseRedirect(run_url("change", made.pk))

    def share_view(self, request: HttpRequest, run: BacktestRun) -> HttpResponse:
        """Share with a person or a group, or take it back."""
        form = ShareForm(run, request.POST)
        if form.is_valid():
            shared = form.cleaned_data["shared"]
            services.share_run(actor_of(request), run.pk, form.to_receiver(), shared=shared)
            messages.success(request, _t("The run is shared.") if shared else _t("The run is not shared any more."))
        else:
            messages.error(request, _t("Choose a person or a group."))
        return HttpResponseRedirect(run_url("change", run.pk))


def _run_or_404(request: HttpRequest, run_id: str) -> BacktestRun:
    if not (run_id.isascii() and run_id.isdigit() and len(run_id) <= 18):
        raise Http404
    try:
        return find_run(actor_of(request), int(run_id))
    except MissingError as error:
        raise Http404(error.text) from error


def _chart(chart: ChartDocument | None) -> JsonResponse:
    """A chart, or the conflict with a run that has nothing to draw: its page does not ask for one."""
    if chart is None:
        return JsonResponse({"detail": _t("This run has nothing to draw here.")}, status=409)
    return JsonResponse(chart)


FORMS = {"total_return": "{:+.2%}", "max_drawdown": "{:.2%}", "sharpe": "{:.2f}", "trade_count": "{:,}"}


def _figure(run: BacktestRun, name: str, css: str = "") -> SafeString:
    value = getattr(run, name)
    text = "–" if value is None else FORMS[name].format(value)
    html = '<span class="qs-number {}" data-run-figure="{}" data-name="{}">{}</span>'
    return format_html(html, css, run.pk, name, text)


def _age(run: BacktestRun) -> str:
    if timezone.now() - run.created_at < timedelta(minutes=1):
        return _t("just now")
    return _t("%(age)s ago") % {"age": timesince(run.created_at, depth=1)}
