"""Columns and filters that several of the console's lists of market data share."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from marketdata.models import Instrument


def plain(name: str, title: Any) -> Any:
    """A column with a decimal as it is: the console would fill it up with zeros."""

    def shown(_page: Any, row: Model) -> str:
        return f"{getattr(row, name):f}"

    return display(description=title, ordering=name)(shown)


def both_terms(name: str, title: Any) -> Any:
    """A column with a rate by money and by lot: "0.01% + 3 yuan a lot"."""

    def shown(_page: Any, row: Model) -> str:
        return rate_text(float(getattr(row, f"{name}_by_money")), float(getattr(row, f"{name}_by_volume")))

    return display(description=title)(shown)


def rate_text(by_money: float, by_volume: float) -> str:
    """Both terms: "0.01% + 3 yuan", a dash where both are zero."""
    parts = [f"{by_money * 100:.6g}%"] if by_money else []
    parts += [_t("%(amount)s yuan a lot") % {"amount": f"{by_volume:.6g}"}] if by_volume else []
    return " + ".join(parts) or "–"


class HasBarsFilter(admin.SimpleListFilter):
    """Instruments of which bars are stored, or none."""

    title = _("bars")
    parameter_name = "bars"

    def lookups(self, _request: HttpRequest, _page: Any) -> list[tuple[str, Any]]:
        """The two answers."""
        return [("yes", _("stored")), ("no", _("none"))]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Instrument]) -> QuerySet[Instrument]:
        """The rows of the chosen answer."""
        if self.value() == "yes":
            return rows.filter(coverage__bars__gt=0).distinct()
        return rows.exclude(coverage__bars__gt=0) if self.value() == "no" else rows
