"""The console's pages about the quality of data: instruments by their worst days, a calendar of a year, one day."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _t

from accounts.admin_base import ReadOnlyModelAdmin, find_row
from marketdata.live_models import DayQuality
from marketdata.quality.day_page import day_context
from marketdata.quality.page import page_context
from quantsite.common.errors import MissingError

TEMPLATES = "admin/marketdata/dayquality"


@admin.register(DayQuality)
class DayQualityAdmin(ReadOnlyModelAdmin):
    """Judged days; they are written by the verb alone."""

    change_form_template = f"{TEMPLATES}/day.html"

    class Media:
        css = {"all": ["marketdata/quality.css"]}
        js = ["marketdata/quality.js"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Instruments by their worst day; with ``?instrument=`` the calendar of one of its years."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            found = page_context(request.GET)
        except MissingError as error:
            raise Http404(error.text) from error
        title = f"{found['instrument'].code} · {found['year']}" if "instrument" in found else _t("Data quality")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            **found,
            **(extra_context or {}),
        }
        return TemplateResponse(request, f"{TEMPLATES}/overview.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """One day: what was found, what it costs, and examples."""
        row = find_row(DayQuality, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = {**(extra_context or {}), **day_context(row), "title": str(row)}
        return super().change_view(request, object_id, form_url, context)
