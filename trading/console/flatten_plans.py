"""The console's list of plans to close positions; each one's own page belongs to the risk desk."""

# mypy: disallow-untyped-decorators=False
# (the theme is untyped; pyproject.toml says the same of every admin.py)

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_pages import PagesAdmin
from trading.console.base import VisibleAccountFilter
from trading.console.figures import moment
from trading.risk_models import FlattenPlan
from trading.risk_permissions import visible_plans

MARKS = {"waiting": "queued", "running": "running", "done": "succeeded", "failed": "failed"}
"""By state: the name of its mark in the console's styles; a stopped one is crossed out."""


@admin.register(FlattenPlan)
class FlattenPlanAdmin(PagesAdmin):
    """Plans are made by stops and broken limits; a person looks at one and may stop it."""

    list_display = [
        "shown_plan",
        "shown_account",
        "shown_status",
        "shown_closed",
        "product",
        "strategy_key",
        "shown_starts",
        "created_by",
    ]
    list_display_links = ["shown_plan"]
    list_filter = ["status", VisibleAccountFilter]
    list_filter_submit = True
    list_select_related = ["account", "created_by"]
    ordering = ["-id"]

    class Media:
        css = {"all": ["trading/desk.css", "trading/risk_book.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those of accounts that the person may see."""
        return visible_plans(actor_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who holds the permission; for one row also who sees its account."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    @display(description=_("Plan"), ordering="id")
    def shown_plan(self, plan: FlattenPlan) -> str:
        """Its number."""
        return f"#{plan.pk}"

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, plan: FlattenPlan) -> str:
        """Whose positions."""
        return plan.account.code

    @display(description=pgettext_lazy("plan", "State"), ordering="status")
    def shown_status(self, plan: FlattenPlan) -> SafeString:
        """Where it stands, with a mark."""
        mark = MARKS.get(plan.status, "cancelled")
        return format_html('<span class="qs-state qs-state-{}">{}</span>', mark, plan.get_status_display())

    @display(description=_("Lots closed"))
    def shown_closed(self, plan: FlattenPlan) -> SafeString:
        """Of how many."""
        return format_html('<span class="qs-number">{} / {}</span>', plan.closed, plan.lots)

    @display(description=_("Begins"), ordering="starts_at")
    def shown_starts(self, plan: FlattenPlan) -> SafeString | str:
        """When its first order goes."""
        return moment(plan.starts_at)

    def row_view(self, _request: HttpRequest, row: FlattenPlan) -> HttpResponseBase:
        """On to the page with its steps and the button that stops it."""
        return HttpResponseRedirect(reverse("risk-plan", args=[row.pk]))
