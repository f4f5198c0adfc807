"""The console's page about main contracts: shown to all who work here, written by the rule only."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin
from marketdata.daily_facts import MainContractDay
from marketdata.main_contracts.rows import reason_text


def _figure(name: str, side: str, title: Any) -> Any:
    """A column with one of the figures that the rule saw, a dash where there is none."""

    def shown(_page: Any, row: MainContractDay) -> str:
        value = (row.reason.get(side) or {}).get(name)
        return f"{value:,.0f}" if isinstance(value, float | int) else str(value or "–")

    return display(description=title)(shown)


def _reason(_page: Any, row: MainContractDay) -> str:
    """The ground as a sentence."""
    return reason_text(row)


@admin.register(MainContractDay)
class MainContractDayAdmin(ReadOnlyModelAdmin):
    """Which contract is the main one, since when, and what it was weighed against."""

    list_display = [
        "trading_day",
        "product",
        "instrument",
        "rolled",
        "shown_reason",
        "shown_interest",
        "shown_volume",
        "shown_rival",
        "shown_rival_interest",
        "shown_rival_volume",
        "decided_from",
    ]
    list_filter = [
        "product__exchange",
        ("product", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
        "rolled",
        "rule",
    ]
    list_filter_submit = True
    exclude = ["reason"]  # its sentence and figures stand below instead
    readonly_fields = [
        "shown_reason",
        "shown_interest",
        "shown_volume",
        "shown_rival",
        "shown_rival_interest",
        "shown_rival_volume",
    ]
    list_select_related = ["product", "instrument"]
    search_fields = ["instrument__code", "product__code"]
    shown_reason = display(description=_("Reason"))(_reason)
    shown_interest = _figure("open_interest", "main", _("Open interest"))
    shown_volume = _figure("volume", "main", _("Volume"))
    shown_rival = _figure("contract", "rival", _("Runner-up"))
    shown_rival_interest = _figure("open_interest", "rival", _("Its open interest"))
    shown_rival_volume = _figure("volume", "rival", _("Its volume"))
