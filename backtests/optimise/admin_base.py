"""What the console's pages of optimisations and of walk-forwards share: looks of a list, a form that counts first."""

# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import AuditedModelAdmin, nobody
from backtests.admin_forms import COST_FIELDS, RULE_FIELDS, parameter_fields
from backtests.optimise.forms import NewSearchForm, initial_of, search_form
from backtests.optimise.models import AskedRun
from backtests.optimise.page import METHODS, Verdict, status_labels
from backtests.reports.embed import ChartDocument
from quantsite.common.errors import MissingError, RuleError
from strategies import registry

Found = Callable[[HttpRequest, str], Any]


class SearchAdmin(AuditedModelAdmin):
    """Own and shared rows; everything that is done here goes through the services."""

    list_display_links: ClassVar[list[str]] = ["shown_run"]
    list_select_related: ClassVar[list[str]] = ["instrument", "owner"]
    list_filter: ClassVar[list[Any]] = [
        ("status", ChoicesDropdownFilter),
        "strategy",
        "method",
        ("instrument", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    ]
    list_filter_submit = True
    list_per_page = 50
    list_before_template = "admin/backtests/optimizationrun/live.html"
    search_fields: ClassVar[list[str]] = ["=id", "strategy", "instrument__code", "owner__username"]
    search_help_text = _("Number, strategy, instrument or owner")
    ordering: ClassVar[list[str]] = ["-id"]
    autocomplete_fields: ClassVar[list[str]] = ["instrument"]
    has_change_permission = has_delete_permission = nobody  # a new one is made from it

    blank_form: type[NewSearchForm] = NewSearchForm
    live_channel = ""
    empty_text: Any = ""
    form_title: Any = ""
    more_fieldsets: tuple[Any, ...] = ()

    class Media:
        js = ["backtests/optimise.js"]
        css = {"all": ["backtests/runs.css", "backtests/optimise.css"]}

    # --- what is shown -------------------------------------------------------------------------------------

    @display(description=pgettext_lazy("backtest", "Run"), ordering="id")
    def shown_run(self, run: AskedRun) -> str:
        """Number, strategy and what is searched."""
        return f"#{run.pk} {run.strategy} ({', '.join(run.space)})"

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_instrument(self, run: AskedRun) -> SafeString | str:
        """Codes and interval; made-up data says so."""
        text = f"{' + '.join(run.codes())} {run.interval}"
        if not run.instrument.simulated:
            return text
        return format_html('{} <span class="qs-tag">{}</span>', text, _t("simulated"))

    @display(description=_("Method"), ordering="method")
    def shown_method(self, run: AskedRun) -> str:
        """How trials are chosen."""
        return str(METHODS[run.method])

    @display(description=_("State"), ordering="status")
    def shown_status(self, run: AskedRun) -> SafeString:
        """The state, kept fresh by ``optimise.js``."""
        html = '<span class="qs-state qs-state-{}" data-search-status="{}">{}</span>'
        return format_html(html, run.status, run.pk, run.get_status_display())

    @display(description=_("Asked for"), ordering="created_at")
    def shown_age(self, run: AskedRun) -> SafeString:
        """Since it was asked for; the moment stands in the tooltip."""
        young = timezone.now() - run.created_at < timedelta(minutes=1)
        text = _t("just now") if young else _t("%(age)s ago") % {"age": timesince(run.created_at, depth=1)}
        return format_html(
            '<time class="qs-number" datetime="{}" title="{}">{}</time>',
            run.created_at.isoformat(),
            timezone.localtime(run.created_at).strftime("%Y-%m-%d %H:%M:%S"),
            text,
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with what ``optimise.js`` needs, and a sentence how to begin where it is empty."""
        known = {
            "status_labels_json": status_labels(),
            "live_channel": self.live_channel,
            "empty_text": self.empty_text,
            "add_url": self._url("add") if self.has_add_permission(request) else "",
            "add_text": self.form_title,
            "is_empty": not self.get_queryset(request).exists(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **known})

    # --- a new one -----------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """The form; its one button starts."""
        known = {
            "title": self.form_title,
            "preview_url": self._url("preview"),
            "list_url": self._url("changelist"),
            "broken_strategies": registry.broken(),
        }
        return super().add_view(request, form_url, {**(extra_context or {}), **known})

    @property
    def conditional_fields(self) -> dict[str, str]:
        """Parameters are shown for the chosen strategy only, the number of trials unless all are made."""
        own = {field: f"strategy == '{strategy}'" for field, strategy in parameter_fields().items()}
        return {**own, "trials": "method != 'grid'"}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """For a new one the form of all strategies; a stored one is only looked at."""
        if obj is None:
            kwargs["form"] = search_form(self.blank_form)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """What to search, by what, and what every trial is."""
        if obj is not None:
            return [(None, {"fields": ["strategy"]})]
        ranges = _(
            "A range a:b:step (both ends included) or a list a,b,c is searched; a single value stays, "
            "and so does the default where nothing is given."
        )
        costs = _("Left empty: from the instrument's dated tables. One fee given sets the fees not given to 0.")
        realism = _("Left as it is, every switch is off: the plain rules of the documentation hold.")
        goal = ["method", "trials", ("objective", "second_objective"), "constraints"]
        return [
            (None, {"fields": ["strategy", "instrument", "legs", "interval", ("start", "end")]}),
            (_("Search space"), {"fields": list(parameter_fields()), "description": ranges}),
            (_("Search"), {"fields": goal}),
            *self.more_fieldsets,
            (_("Money"), {"fields": [("capital", "volume"), "close_at_end"]}),
            (_("Costs"), {"fields": list(COST_FIELDS), "description": costs, "classes": ["collapse"]}),
            (_("Realism"), {"fields": list(RULE_FIELDS), "description": realism, "classes": ["collapse"]}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """``?from=<number>`` fills the form with that request."""
        origin = request.GET.get("from", "")
        if not origin.isdigit():
            return {"capital": 1_000_000, "volume": 1, **super().get_changeform_initial_data(request)}
        return initial_of(self.found(request, origin))

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """What the form would do: ``sentences`` about a sound one, else ``errors`` by label."""
        if not self.has_add_permission(request):
            return JsonResponse({"sentences": [], "errors": []}, status=403)
        if not request.POST.get("instrument"):
            return JsonResponse(
                {"sentences": [_t("Choose an instrument: then the trials are counted here.")], "errors": []}
            )
        form = self.get_form(request)(request.POST)
        if form.is_valid():
            return JsonResponse({"sentences": form.preview(), "errors": []})
        faults = [
            f"{form.fields[name].label}: {texts[0]}" if name in form.fields else texts[0]
            for name, texts in form.errors.items()
        ]
        return JsonResponse({"sentences": [], "errors": faults})

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's log only: the verb has written its own audit entry."""
        return super(AuditedModelAdmin, self).log_addition(request, obj, message)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """On to the page of the new one, which shows how it gets on."""
        messages.success(request, _t("%(run)s waits for a worker.") % {"run": obj})
        return HttpResponseRedirect(self._url("change", obj.pk))

    # --- pages about one -----------------------------------------------------------------------------------

    def own_views(self) -> dict[str, tuple[str, Callable[..., HttpResponseBase]]]:
        """Name -> address below the row's and view, for the pages about one row."""
        raise NotImplementedError

    def find(self, request: HttpRequest, number: int) -> Any:
        """The row. Raises ``MissingError`` where there is none that this person may see."""
        raise NotImplementedError

    def found(self, request: HttpRequest, number: str) -> Any:
        """The row that an address names. Raises ``Http404`` where there is none that this person may see."""
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise Http404
        try:
            return self.find(request, int(number))
        except MissingError as error:
            raise Http404(error.text) from error

    def get_urls(self) -> list[URLPattern]:
        """Ours, then the theme's."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        preview = self.admin_site.admin_view(self._guarded(require_POST(self.preview_view)))
        own = [path("preview/", preview, name=f"{name}_preview")]
        own += [
            path(f"<int:run_id>/{tail}", self._page(view), name=f"{name}_{key}")
            for key, (tail, view) in self.own_views().items()
        ]
        return [*own, *super().get_urls()]

    def _page(self, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        """A view of one row: 404 where the person may not see it, a broken rule as a message on its page."""

        def inner(request: HttpRequest, run_id: int) -> HttpResponseBase:
            run = self.found(request, str(run_id))
            try:
                return view(request, run)
            except RuleError as error:
                messages.error(request, error.text)
                return HttpResponseRedirect(self._url("change", run_id))

        page: Callable[..., HttpResponseBase] = self.admin_site.admin_view(inner)
        return page

    def _url(self, name: str, *arguments: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=arguments)


def chart_response(chart: ChartDocument | None) -> JsonResponse:
    """A chart, or the conflict with a row that has nothing to draw: its page does not ask for one."""
    if chart is None:
        return JsonResponse({"detail": _t("There is nothing to draw here.")}, status=409)
    return JsonResponse(chart)


def verdict_html(verdict: Verdict | None) -> SafeString | str:
    """Symbol and word of a verdict for a list; a dash before there is one."""
    if verdict is None:
        return "–"
    html = (
        '<span class="op-verdict op-{}" title="{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        "{}</span>"
    )
    return format_html(html, verdict.severity, verdict.sentence, verdict.icon, verdict.title)


def progress_html(run_id: int, done: int, total: int) -> SafeString:
    """A bar with its figures, kept fresh by ``optimise.js``."""
    html = (
        '<span class="op-progress"><progress data-search-progress="{}" max="{}" value="{}"></progress>'
        '<span class="qs-number" data-search-count="{}">{} / {}</span></span>'
    )
    return format_html(html, run_id, max(total, 1), done, run_id, f"{done:,}", f"{total:,}")
