"""The console's pages about rolls and settlements: shown to all who work here, written by imports only."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin
from marketdata.daily_facts import ContractRoll, DailySettlement


def _gap(_page: Any, row: ContractRoll) -> str:
    """The new contract's close less the old one's."""
    return f"{row.new_close - row.old_close:+.6g}"


@admin.register(ContractRoll)
class ContractRollAdmin(ReadOnlyModelAdmin):
    """When the contract behind a series changed, and at what prices."""

    list_display = [
        "trading_day",
        "instrument",
        "from_contract",
        "to_contract",
        "old_close",
        "new_close",
        "shown_gap",
        "closes_day",
    ]
    list_filter = [
        "instrument__product__exchange",
        ("instrument", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
    ]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code", "from_contract", "to_contract"]
    shown_gap = display(description=_("Gap"))(_gap)


@admin.register(DailySettlement)
class DailySettlementAdmin(ReadOnlyModelAdmin):
    """What exchanges published after a trading day."""

    list_display = [
        "trading_day",
        "instrument",
        "settlement_price",
        "pre_settlement",
        "upper_limit",
        "lower_limit",
        "source",
    ]
    list_filter = [
        "instrument__product__exchange",
        ("instrument", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
    ]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code"]
