"""The console's pages about risk events: open ones first, the worst and nobody's on top; taken, discussed, closed."""

# mypy: disallow-untyped-decorators=False
# (the theme is untyped; pyproject.toml says the same of every admin.py)

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Case, F, QuerySet, SmallIntegerField, Value, When
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt
from trading import services
from trading.console.base import VisibleAccountFilter
from trading.console.figures import moment
from trading.console.programme import ProgrammePages
from trading.console.risk_event_page import event_context, owner_mark, severity_mark
from trading.console.stop_page import scope_text
from trading.console.timeline import TimelinePages
from trading.risk_models import RiskEvent
from trading.risk_permissions import HANDLE, find_risk_event, visible_risk_events

OPEN, NOBODYS, MINE, CLOSED, ALL = "open", "nobody", "mine", "closed", "all"
TAKEN = Case(
    When(assigned_to=None, acknowledged_at=None, then=Value(0)), default=Value(1), output_field=SmallIntegerField()
)


class StateFilter(DropdownFilter):  # type: ignore[misc]
    """Open ones, unless others are asked for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _page: Any) -> Sequence[tuple[str, Any]]:
        """Where an event may stand."""
        return [
            (OPEN, pgettext_lazy("risk events", "open")),
            (NOBODYS, pgettext_lazy("risk events", "nobody's")),
            (MINE, pgettext_lazy("risk events", "mine")),
            (CLOSED, pgettext_lazy("risk events", "closed")),
            (ALL, pgettext_lazy("risk events", "all")),
        ]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen state."""
        state = self.value() or OPEN
        if state == ALL:
            return rows
        if state == CLOSED:
            return rows.exclude(closed_at=None)
        rows = rows.filter(closed_at=None)
        if state == NOBODYS:
            return rows.filter(assigned_to=None, acknowledged_at=None)
        return rows.filter(assigned_to=actor_of(request)) if state == MINE else rows


@admin.register(RiskEvent)
class RiskEventAdmin(TimelinePages, ProgrammePages):
    """What the rules found. Rows are the platform's; people take, give, discuss and close them through ``services``."""

    list_display = [
        "shown_level",
        "shown_what",
        "shown_text",
        "shown_account",
        "subject",
        "count",
        "shown_last",
        "shown_owner",
    ]
    list_display_links = ["shown_level", "shown_what"]
    list_filter = [
        StateFilter,
        ("kind", ChoicesDropdownFilter),
        ("rule", ChoicesDropdownFilter),
        VisibleAccountFilter,
        ("trading_day", RangeDateFilter),
    ]
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["=id", "account__code", "subject", "scope_key", "reason_code"]
    search_help_text = _("Number, account, instrument or scope")
    own_pages = (
        ("timeline/", "timeline_view", "timeline"),
        ("programme/", "programme_view", "programme"),
        ("<int:event_id>/acknowledge/", "acknowledge_view", "acknowledge"),
        ("<int:event_id>/assign/", "assign_view", "assign"),
        ("<int:event_id>/comment/", "comment_view", "comment"),
        ("<int:event_id>/close/", "close_view", "close"),
    )

    class Media:
        css = {"all": ["trading/desk.css", "quantsite/ask.css", "trading/risk_book.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that the person may see."""
        return visible_risk_events(actor_of(request)).annotate(taken=TAKEN)

    def get_ordering(self, _request: HttpRequest) -> Any:
        """Open before closed, nobody's before somebody's, the worst first."""
        return [F("closed_at").desc(nulls_first=True), "taken", F("level").desc(nulls_last=True), "-last_at"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who holds the permission; for one row also who sees its account."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    # --- what is shown -------------------------------------------------------------------------------------

    @display(description=_("Of the limit"), ordering="level")
    def shown_level(self, event: RiskEvent) -> SafeString:
        """The share of the limit, with a mark and a word of its severity."""
        return severity_mark(event)

    @display(description=_("What"), ordering="kind")
    def shown_what(self, event: RiskEvent) -> str:
        """The kind, and the rule."""
        return " · ".join(filter(None, [event.get_kind_display(), event.get_rule_display()]))

    @display(description=_("What was found"))
    def shown_text(self, event: RiskEvent) -> str:
        """What was found, in the reader's language."""
        return event.shown_text

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, event: RiskEvent) -> str:
        """The account, or where it holds."""
        return event.account.code if event.account else scope_text(event.scope)

    @display(description=pgettext_lazy("risk event", "Last"), ordering="last_at")
    def shown_last(self, event: RiskEvent) -> SafeString | str:
        """When it was found last."""
        return moment(event.last_at)

    @display(description=pgettext_lazy("risk event", "taken by"), ordering="taken")
    def shown_owner(self, event: RiskEvent) -> SafeString:
        """Who has it; amber while nobody has."""
        return owner_mark(event)

    # --- pages ---------------------------------------------------------------------------------------------

    def row_view(self, request: HttpRequest, row: RiskEvent) -> HttpResponseBase:
        """One event: what was found, what belongs to it, what people did, and what they may do."""
        title = _t("Risk event #%(id)s") % {"id": row.pk}
        return self.show(request, "riskevent/event.html", title, event_context(actor_of(request), row))

    def acknowledge_view(self, request: HttpRequest, event_id: int) -> HttpResponseBase:
        """Take it: seen, and one's own."""

        def work() -> str:
            actor = actor_of(request)
            services.acknowledge(actor, event_id)
            services.assign(actor, event_id, actor.username)
            return _t("You have taken this risk event.")

        return self._do(request, event_id, work)

    def assign_view(self, request: HttpRequest, event_id: int) -> HttpResponseBase:
        """Give it to somebody."""

        def work() -> str:
            event = services.assign(actor_of(request), event_id, request.POST.get("to", ""))
            return _t("Given to %(name)s.") % {"name": event.assigned_to}

        return self._do(request, event_id, work)

    def comment_view(self, request: HttpRequest, event_id: int) -> HttpResponseBase:
        """Write something about it."""

        def work() -> str:
            services.comment(actor_of(request), event_id, request.POST.get("text", ""))
            return _t("Written down.")

        return self._do(request, event_id, work)

    def close_view(self, request: HttpRequest, event_id: int) -> HttpResponseBase:
        """Be done with it, and say why."""

        def work() -> str:
            services.close_risk_event(actor_of(request), event_id, request.POST.get("reason", ""))
            return _t("Closed. What is found from now on is a new risk event.")

        return self._do(request, event_id, work)

    def _do(self, request: HttpRequest, event_id: int, work: Callable[[], str]) -> HttpResponseBase:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self.demand(request, HANDLE)
        find_risk_event(actor_of(request), event_id)
        return attempt(request, work, self.url("change", event_id))
