"""The console's pages of optimisations: lists and what a row holds; nothing is edited here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin_base import AuditedModelAdmin, actor_of, nobody
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.permissions import visible_optimizations, visible_walks


@admin.register(OptimizationRun)
class OptimizationRunAdmin(AuditedModelAdmin):
    """Own and shared optimisations."""

    list_display = ["id", "strategy", "instrument", "interval", "method", "status", "shown_progress", "owner"]
    list_select_related = ["instrument", "owner"]
    list_filter = [("status", ChoicesDropdownFilter), "strategy", "method"]
    search_fields = ["=id", "strategy", "instrument__code", "owner__username"]
    ordering = ["-id"]
    exclude = ["claimed_by", "lease_until", "attempt", "held_by", "held_until", "woken_at"]
    has_add_permission = nobody
    has_change_permission = nobody
    has_delete_permission = nobody

    def get_queryset(self, request: HttpRequest) -> QuerySet[OptimizationRun]:
        """Those that this person may see."""
        return visible_optimizations(actor_of(request)).select_related("instrument", "owner")

    @display(description=_("Trials"))
    def shown_progress(self, run: OptimizationRun) -> str:
        """Done of all."""
        return f"{run.done:,} / {run.total:,}"


@admin.register(WalkForwardRun)
class WalkForwardRunAdmin(AuditedModelAdmin):
    """Own walk-forwards."""

    list_display = ["id", "strategy", "instrument", "interval", "in_sample", "out_of_sample", "status", "owner"]
    list_select_related = ["instrument", "owner"]
    list_filter = [("status", ChoicesDropdownFilter), "strategy"]
    search_fields = ["=id", "strategy", "instrument__code", "owner__username"]
    ordering = ["-id"]
    has_add_permission = nobody
    has_change_permission = nobody
    has_delete_permission = nobody

    def get_queryset(self, request: HttpRequest) -> QuerySet[WalkForwardRun]:
        """Those that this person may see."""
        return visible_walks(actor_of(request)).select_related("instrument", "owner")
