"""The console's lists of what instances decide, send and show: read only, seen with their instance."""

# mypy: disallow-untyped-decorators=False
# (the theme is untyped; pyproject.toml says the same of every admin.py)

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin, actor_of
from strategies.console.instance_rows import order_line
from strategies.console.words import based_on, lots, reference_word, side, units
from strategies.event_models import Evidence, Signal, StrategyLog, StrategyOrder
from strategies.labels import LOG_KINDS, REASONS, word
from strategies.permissions import visible_instances
from trading.console.figures import moment, price

MOST_CHOICES = 300


class InstanceFilter(DropdownFilter):  # type: ignore[misc]
    """Rows of one instance, of those that the person sees."""

    title = _("strategy")
    parameter_name = "instance"

    def lookups(self, request: HttpRequest, _page: Any) -> Sequence[tuple[str, str]]:
        """Their names."""
        rows = visible_instances(actor_of(request)).order_by("key")[:MOST_CHOICES]
        return [(str(row.pk), row.shown_name) for row in rows]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen one."""
        chosen = self.value() or ""
        return rows.filter(instance=int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) < 18 else rows


class InstanceRowAdmin(ReadOnlyModelAdmin):
    """Rows of instances, written by the runner only."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    list_select_related: Sequence[str] = ["instance", "instrument"]
    ordering = ["-id"]

    class Media:
        css = {"all": ["trading/desk.css", "strategies/strategies.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that this person may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.visible_to(actor_of(request))  # type: ignore[attr-defined,no-any-return]

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Who holds the permission; for one row also who sees its instance."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    @display(description=_("Strategy"), ordering="instance__key")
    def shown_instance(self, row: Any) -> SafeString | str:
        """Its name, leading to its page."""
        if row.instance is None:
            return "–"
        url = reverse("admin:strategies_strategyinstance_change", args=[row.instance_id])
        return format_html('<a class="qs-action" href="{}">{}</a>', url, row.instance.shown_name)


@admin.register(Signal)
class SignalAdmin(InstanceRowAdmin):
    """Every decision, with the values that it was based on."""

    list_display = [
        "shown_at",
        "shown_instance",
        "shown_instrument",
        "shown_target",
        "shown_position",
        "shown_price",
        "shown_reason",
        "shown_values",
    ]
    list_display_links = ["shown_at"]
    list_filter = [InstanceFilter, ("decided_at", RangeDateTimeFilter), "late"]
    search_fields = ["instance__key", "instrument__code", "reason"]

    @display(description=_("Decided"), ordering="decided_at")
    def shown_at(self, row: Signal) -> SafeString | str:
        """By the market's clock."""
        return moment(row.decided_at)

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_instrument(self, row: Signal) -> str:
        """Its code."""
        return row.instrument.code

    @display(description=_("Target, units"), ordering="target")
    def shown_target(self, row: Signal) -> SafeString:
        """Signed, with its side."""
        return format_html('<span class="qs-number tr-side tr-{}">{}</span>', side(row.target), units(row.target))

    @display(description=_("Held, lots"))
    def shown_position(self, row: Signal) -> SafeString:
        """When it was decided."""
        return format_html('<span class="qs-number">{}</span>', lots(row.position))

    @display(description=_("Price"))
    def shown_price(self, row: Signal) -> SafeString:
        """When it was decided."""
        return format_html('<span class="qs-number">{}</span>', price(row.price, row.instrument.price_tick))

    @display(description=_("Reason"), ordering="reason")
    def shown_reason(self, row: Signal) -> str:
        """In words, where it is one of the platform's own."""
        return word(REASONS, row.reason)

    @display(description=_("Based on"))
    def shown_values(self, row: Signal) -> SafeString:
        """Name by name."""
        pairs = format_html_join("", '<span class="st-value"><i>{}</i> {}</span>', based_on(row.values))
        return format_html('<span class="st-values">{}</span>', pairs)


@admin.register(StrategyOrder)
class StrategyOrderAdmin(InstanceRowAdmin):
    """Every order as its instance asked for it, with slippage and latency."""

    list_display = [
        "shown_at",
        "shown_instance",
        "shown_order",
        "shown_instrument",
        "cause",
        "shown_side",
        "shown_decision",
        "shown_filled",
        "shown_slippage",
        "shown_latency",
    ]
    list_display_links = ["shown_at"]
    list_select_related = ["instance", "instrument", "order"]
    list_filter = [InstanceFilter, ("cause", ChoicesDropdownFilter), "trading_day"]
    search_fields = ["instance__key", "instrument__code"]

    @display(description=_("Decided"), ordering="decided_at")
    def shown_at(self, row: StrategyOrder) -> SafeString | str:
        """By the market's clock."""
        return moment(row.decided_at)

    @display(description=_("Order"))
    def shown_order(self, row: StrategyOrder) -> SafeString | str:
        """The account's order, or why there is none."""
        line = order_line(row)
        if not line["url"]:
            return format_html('<span class="tr-reason">{}</span>', line["refused"])
        return format_html('<a class="qs-action" href="{}">#{}</a>', line["url"], row.order_id)

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_instrument(self, row: StrategyOrder) -> str:
        """Its code."""
        return row.instrument.code

    @display(description=_("Side"))
    def shown_side(self, row: StrategyOrder) -> SafeString:
        """Direction and lots."""
        html = '<span class="tr-side tr-{}">{} {}</span>'
        return format_html(html, row.direction, row.get_direction_display(), f"{row.lots:,}")

    @display(description=_("Decided at"))
    def shown_decision(self, row: StrategyOrder) -> SafeString:
        """The price then."""
        return format_html('<span class="qs-number">{}</span>', order_line(row)["decision"])

    @display(description=_("Filled at"))
    def shown_filled(self, row: StrategyOrder) -> SafeString:
        """The average of its fills."""
        return format_html('<span class="qs-number">{}</span>', order_line(row)["filled"])

    @display(description=_("Slippage, ticks / yuan"))
    def shown_slippage(self, row: StrategyOrder) -> SafeString:
        """A plus has cost."""
        line = order_line(row)
        return format_html('<span class="qs-number">{} / {}</span>', line["ticks"], line["yuan"])

    @display(description=_("Latency, ms"))
    def shown_latency(self, row: StrategyOrder) -> SafeString:
        """From the event at the runner to the stored order."""
        return format_html('<span class="qs-number">{}</span>', order_line(row)["latency"])


@admin.register(StrategyLog)
class StrategyLogAdmin(InstanceRowAdmin):
    """What instances and people have reported and done."""

    list_display = ["shown_at", "shown_instance", "shown_level", "shown_kind", "shown_text"]
    list_display_links = ["shown_at"]
    list_select_related = ["instance"]
    list_filter = [InstanceFilter, ("level", ChoicesDropdownFilter), ("at", RangeDateTimeFilter)]
    search_fields = ["instance__key", "kind"]

    @display(description=_("At"), ordering="at")
    def shown_at(self, row: StrategyLog) -> SafeString | str:
        """By the wall clock."""
        return moment(row.at)

    @display(description=_("Level"), ordering="level")
    def shown_level(self, row: StrategyLog) -> SafeString:
        """With its severity."""
        css = {"warning": "qs-severity qs-severity-warning", "error": "qs-severity qs-severity-critical"}
        return format_html('<span class="{}">{}</span>', css.get(row.level, ""), row.get_level_display())

    @display(description=_("Kind"), ordering="kind")
    def shown_kind(self, row: StrategyLog) -> str:
        """In a word."""
        return word(LOG_KINDS, row.kind)

    @display(description=_("Text"))
    def shown_text(self, row: StrategyLog) -> str:
        """In the reader's language."""
        return row.told


@admin.register(Evidence)
class EvidenceAdmin(InstanceRowAdmin):
    """What was shown of strategies: gates read it. Figures stand on the instance's page, for who may know them."""

    fields = ["kind", "strategy", "interval", "instance", "trading_day", "passed", "reference", "created_by"]
    list_display = [
        "shown_at",
        "kind",
        "strategy",
        "shown_of",
        "trading_day",
        "passed",
        "shown_reference",
        "created_by",
    ]
    list_display_links = ["shown_at"]
    list_select_related = ["instance", "created_by"]
    list_filter = [InstanceFilter, ("kind", ChoicesDropdownFilter), "passed", "strategy"]
    search_fields = ["strategy", "reference", "source_hash"]

    @display(description=_("At"), ordering="created_at")
    def shown_at(self, row: Evidence) -> SafeString | str:
        """When it was written."""
        return moment(row.created_at)

    @display(description=_("Instance"), ordering="instance__key")
    def shown_of(self, row: Evidence) -> SafeString | str:
        """The one instance that it is about; a dash where it stands for the strategy as such."""
        shown: SafeString | str = self.shown_instance(row)
        return shown

    @display(description=_("Reference"))
    def shown_reference(self, row: Evidence) -> str:
        """Where it comes from."""
        return reference_word(row.reference) or "–"
