"""The console's pages about exchanges, products, hours, calendar, instruments and imports. Bars have no page."""

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display

from accounts import audit_words
from accounts.admin_base import AuditedModelAdmin, ReadOnlyModelAdmin, actor_of, nobody, run_dialog
from marketdata import services
from marketdata.admin_columns import HasBarsFilter, plain, rate_text
from marketdata.admin_forms import HolidaysForm
from marketdata.audit_words import DEEDS, THINGS
from marketdata.domain.instrument import Dated, rates_on
from marketdata.fact_rows import Origin
from marketdata.instruments import costs_for
from marketdata.models import (
    BarCoverage,
    BarImport,
    Exchange,
    Instrument,
    Product,
    ProductSession,
    SessionSuspension,
    SpecialOpeningDay,
    TradingDay,
)

SHOWN_WARNINGS = 200
EXTEND = {
    "title": _("Add the next year to the calendar"),
    "description": _("Take the closed weekdays from the exchanges' notice; every other weekday is open."),
    "form_class": HolidaysForm,
    "form_submit_text": _("Add year"),
}

audit_words.name(THINGS, DEEDS)


class FactAdmin(AuditedModelAdmin):
    """Rows from the reference files; what is changed here is never overwritten by a later version."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """The row is the desk's from now on."""
        obj.origin = Origin.DESK
        super().save_model(request, obj, form, change)


@admin.register(Exchange)
class ExchangeAdmin(FactAdmin):
    """Six exchanges and the simulated one."""

    list_display = ["code", "shown_name", "close_today_flag", "simulated", "origin"]
    search_fields = ["code", "name_en", "name_zh"]

    @display(description=_("Name"))
    def shown_name(self, row: Exchange) -> str:
        """In the reader's language."""
        return _name(row)

    def get_readonly_fields(self, _request: HttpRequest, obj: Model | None = None) -> list[str]:
        """The code is the row's key."""
        return ["code"] if obj else []


@admin.register(Product)
class ProductAdmin(FactAdmin):
    """What each exchange trades or has traded."""

    list_display = [
        "code",
        "exchange",
        "shown_name",
        "shown_multiplier",
        "shown_tick",
        "first_day",
        "last_day",
        "origin",
    ]
    list_filter = ["exchange", ("last_day", admin.EmptyFieldListFilter)]
    search_fields = ["code", "name_en", "name_zh"]
    list_select_related = ["exchange"]
    shown_multiplier = plain("multiplier", _("Multiplier"))
    shown_tick = plain("price_tick", _("Price tick"))

    @display(description=_("Name"))
    def shown_name(self, row: Product) -> str:
        """In the reader's language."""
        return _name(row)


@admin.register(ProductSession)
class ProductSessionAdmin(FactAdmin):
    """Trading hours, dated."""

    list_display = ["product", "valid_from", "night", "day", "auctions", "group", "origin"]
    list_filter = ["product__exchange", ("product", AutocompleteSelectFilter)]
    list_select_related = ["product"]
    autocomplete_fields = ["product"]
    search_fields = ["product__code", "group"]


@admin.register(SessionSuspension)
class SessionSuspensionAdmin(FactAdmin):
    """Nights without trading that the hours do not tell."""

    list_display = ["first", "last", "exchange", "product", "reason", "origin"]
    list_select_related = ["exchange", "product"]
    autocomplete_fields = ["product"]
    list_display_links = ["first"]


@admin.register(SpecialOpeningDay)
class SpecialOpeningDayAdmin(FactAdmin):
    """Days that opened at an unusual moment."""

    list_display = ["trading_day", "opens", "exchange", "product", "reason", "origin"]
    list_select_related = ["exchange", "product"]
    autocomplete_fields = ["product"]


@admin.register(TradingDay)
class TradingDayAdmin(FactAdmin):
    """The calendar: every weekday, open or closed."""

    list_display = ["day", "is_open", "reason", "origin"]
    list_filter = ["is_open", ("day", RangeDateFilter)]
    list_filter_submit = True
    date_hierarchy = "day"
    actions_list = ["extend"]
    has_delete_permission = nobody  # a gap in the calendar would count as a trading day

    def get_readonly_fields(self, _request: HttpRequest, obj: Model | None = None) -> list[str]:
        """The day is the row's key."""
        return ["day"] if obj else []

    def has_extend_permission(self, request: HttpRequest) -> bool:
        """For the action."""
        return request.user.has_perm("marketdata.add_tradingday")

    @action(description=_("Add next year"), permissions=["extend"], dialog=EXTEND)
    def extend(self, request: HttpRequest, form: HolidaysForm) -> HttpResponse:
        """All weekdays of the year after the last one."""

        def work() -> str:
            last = services.extend_calendar(actor_of(request), form.cleaned_data["holidays"])
            return _t("The calendar reaches to %(day)s now.") % {"day": date_format(last)}

        return run_dialog(request, form, EXTEND, work=work, to=reverse("admin:marketdata_tradingday_changelist"))


class CoverageInline(TabularInline):
    """What bars are stored of one instrument."""

    model = BarCoverage
    fields = ["interval", "bars", "first_start", "last_start"]
    readonly_fields = fields
    extra = 0
    has_add_permission = has_change_permission = has_delete_permission = nobody


@admin.register(Instrument)
class InstrumentAdmin(AuditedModelAdmin):
    """Contracts and series. They come from imports; what an exchange or broker changes is corrected here."""

    list_display = [
        "code",
        "shown_name",
        "kind",
        "shown_multiplier",
        "shown_tick",
        "listed",
        "expires",
        "shown_bars",
        "shown_simulated",
    ]
    list_filter = [
        "product__exchange",
        HasBarsFilter,
        ("kind", ChoicesDropdownFilter),
        ("product", AutocompleteSelectFilter),
        ("expires", RangeDateFilter),
    ]
    list_filter_submit = True
    list_select_related = ["product"]
    search_fields = ["^code", "name", "^product__name_en", "product__name_zh"]
    inlines = [CoverageInline]
    shown_multiplier = plain("multiplier", _("Multiplier"))
    shown_tick = plain("price_tick", _("Price tick"))
    has_add_permission = nobody
    fieldsets = [
        (None, {"fields": ["code", "name", "product", "kind", "series", "simulated"]}),
        (_("Contract"), {"fields": ["multiplier", "price_tick", "max_margin_side", "shown_fees", "shown_margins"]}),
        (_("Life"), {"fields": ["delivery_year", "delivery_month", "listed", "expires", "expiry_by_rule"]}),
        (
            _("Orders"),
            {"fields": ["min_limit_volume", "max_limit_volume", "min_market_volume", "max_market_volume"]},
        ),
    ]
    readonly_fields = [
        "code",
        "product",
        "kind",
        "series",
        "simulated",
        "delivery_year",
        "delivery_month",
        "expiry_by_rule",
        "shown_fees",
        "shown_margins",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instrument]:
        """Coverage comes with the instruments: one query a page."""
        return super().get_queryset(request).prefetch_related("coverage")  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """A last day given by hand is no computed one."""
        if "expires" in form.changed_data:
            obj.expiry_by_rule = False
        super().save_model(request, obj, form, change)

    @display(description=_("Name"))
    def shown_name(self, row: Instrument) -> str:
        """The contract's own name, else its product's in the reader's language."""
        return row.name or _name(row.product)

    @display(description=_("Bars"))
    def shown_bars(self, row: Instrument) -> str | SafeString:
        """Interval, number of bars, first and last trading day; two lines an interval where room is short."""
        lines = [
            (found.interval, f"{found.bars:,}", found.first_day, found.last_day)
            for found in row.coverage.all()
            if found.bars
        ]
        html = '<span class="qs-line">{} × {}</span> <span class="qs-line qs-soft">{} – {}</span>'
        return format_html_join(SafeString("<br>"), html, lines) or "–"

    @display(description=_("Data"), label={"simulated": "warning"})
    def shown_simulated(self, row: Instrument) -> tuple[str, str] | None:
        """A word on made-up data, nothing on real."""
        return ("simulated", _t("simulated")) if row.simulated else None

    @display(description=_("Commission in force"))
    def shown_fees(self, row: Instrument) -> str:
        """Open, close and close today, each by money and by lot."""
        return _in_force(
            costs_for(row)[1],
            lambda fee: (
                _t("open %(open)s, close %(close)s, close today %(today)s")
                % {
                    "open": rate_text(fee.open_by_money, fee.open_by_volume),
                    "close": rate_text(fee.close_by_money, fee.close_by_volume),
                    "today": rate_text(fee.close_today_by_money, fee.close_today_by_volume),
                }
            ),
        )

    @display(description=_("Margin in force"))
    def shown_margins(self, row: Instrument) -> str:
        """Long and short, each by money and by lot."""
        return _in_force(
            costs_for(row)[2],
            lambda margin: (
                _t("long %(long)s, short %(short)s")
                % {
                    "long": rate_text(margin.long_by_money, margin.long_by_volume),
                    "short": rate_text(margin.short_by_money, margin.short_by_volume),
                }
            ),
        )


@admin.register(BarImport)
class BarImportAdmin(ReadOnlyModelAdmin):
    """Every import that changed bars, with its warnings."""

    list_display = [
        "id",
        "shown_at",
        "actor",
        "instrument",
        "interval",
        "source",
        "rows_read",
        "stored",
        "refused",
        "warning_count",
        "shown_simulated",
    ]
    list_filter = [("instrument", AutocompleteSelectFilter), "interval", "simulated", ("created_at", RangeDateFilter)]
    list_filter_submit = True
    list_select_related = ["instrument", "actor"]
    search_fields = ["source", "instrument__code", "sha256"]
    exclude = ["warnings"]
    readonly_fields = ["shown_warnings"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BarImport]:
        """The list has no use for the warnings in full."""
        found: QuerySet[BarImport] = super().get_queryset(request)
        return (
            found
            if request.resolver_match and "object_id" in request.resolver_match.kwargs
            else found.defer("warnings")
        )

    @display(description=_("At"), ordering="created_at")
    def shown_at(self, row: BarImport) -> SafeString:
        """Shanghai time, on one line."""
        moment = f"{timezone.localtime(row.created_at):%Y-%m-%d %H:%M}"
        return format_html('<span class="whitespace-nowrap">{}</span>', moment)

    @display(description=_("Data"), label={"simulated": "warning"})
    def shown_simulated(self, row: BarImport) -> tuple[str, str] | None:
        """A word on made-up data, nothing on real."""
        return ("simulated", _t("simulated")) if row.simulated else None

    @display(description=_("Bars outside the trading hours"))
    def shown_warnings(self, row: BarImport) -> str | SafeString:
        """Line and time in the file; the first ones, and how many more there are."""
        shown = [(_t("line %(line)s: %(time)s") % {"line": line, "time": time},) for line, time in row.warnings]
        if not shown:
            return "–"
        lines = format_html_join(SafeString("<br>"), "{}", shown[:SHOWN_WARNINGS])
        hidden = len(shown) - SHOWN_WARNINGS
        if hidden <= 0:
            return lines
        more = ngettext("and %(count)d more", "and %(count)d more", hidden) % {"count": hidden}
        return format_html("{}<br>{}", lines, more)


def _name(row: Exchange | Product) -> str:
    return row.name_zh if (get_language() or "").startswith("zh") else row.name_en


def _in_force(rows: tuple[Dated[Any], ...], describe: Any) -> str:
    """The rates of today with the day from which they hold, a dash where there are none."""
    if not rows:
        return "–"
    value, _before_first = rates_on(rows, timezone.localdate())
    since: date = next(row.valid_from for row in rows if row.value is value)
    return _t("%(rates)s (since %(day)s)") % {"rates": describe(value), "day": since.isoformat()}
