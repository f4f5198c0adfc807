"""The console's page about files of ticks: shown to all who work here, written by the archive only."""

from typing import Any

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin
from marketdata.ticks.models import TickFile


def _size(_page: Any, row: TickFile) -> str:
    """The size of the file as people say it."""
    return str(filesizeformat(row.bytes))


def _packed(_page: Any, row: TickFile) -> str:
    """Bytes a tick."""
    return f"{row.bytes / row.rows:.1f}" if row.rows else "–"


@admin.register(TickFile)
class TickFileAdmin(ReadOnlyModelAdmin):
    """Which trading days of which contracts are in files, and how large those are."""

    list_display = ["trading_day", "instrument", "rows", "shown_size", "shown_packed", "path", "created_at"]
    list_filter = [
        "instrument__product__exchange",
        ("instrument", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
    ]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code"]
    shown_size = display(description=_("Size"), ordering="bytes")(_size)
    shown_packed = display(description=_("Bytes a tick"))(_packed)
