"""The console's pages about the quality of data: instruments by their worst days, a calendar of a year, one day."""

from django.contrib import admin

from accounts.admin_base import ReadOnlyModelAdmin
from marketdata.live_models import DayQuality


@admin.register(DayQuality)
class DayQualityAdmin(ReadOnlyModelAdmin):
    """Judged days."""
