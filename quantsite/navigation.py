"""The console's side bar. What a person may not open is not shown."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Item:
    """One entry: the model whose list it opens, and its symbol (Material Symbols)."""

    model: str
    icon: str
    title: str | Promise | None = None


@dataclass(frozen=True)
class Page:
    """One entry that is no list of a model: the route it opens, and the permission that opening it needs."""

    route: str
    permission: str
    icon: str
    title: str | Promise


@dataclass(frozen=True)
class Group:
    """A heading and what stands below it."""

    title: str | Promise
    items: tuple[Item | Page, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        _("Risk"),
        (
            Page("risk-desk", "trading.view_risklimit", "shield", _("Risk desk")),
            Item("trading.killswitch", "front_hand", _("Stops")),
            Item("trading.riskevent", "crisis_alert", _("Risk events")),
            Item("trading.flattenplan", "close_fullscreen", _("Plans to close")),
            Page("admin:trading_riskevent_timeline", "trading.view_riskevent", "timeline", _("Trading day")),
            Item("trading.risklimit", "speed", _("Limits")),
            Item("accounts.proposal", "rule", _("Changes waiting")),
            Page("admin:trading_riskevent_programme", "trading.view_controlgroup", "bolt", _("Programmatic trading")),
        ),
    ),
    Group(
        _("Trading"),
        (
            Item("trading.order", "receipt_long", _("Orders")),
            Item("trading.position", "stacked_bar_chart", _("Positions")),
            Item("trading.fill", "handshake", _("Fills")),
            Item("trading.tradingaccount", "account_balance_wallet", _("Accounts")),
            Item("trading.balancesnapshot", "description", _("Statements")),
            Item("trading.cashentry", "payments", _("Deposits and withdrawals")),
            Item("trading.accountcommand", "inbox", _("Commands to gateways")),
            Item("trading.brokerlogin", "vpn_key", _("Logins at brokers")),
            Item("trading.desk", "groups", _("Desks")),
            Item("trading.controlgroup", "hub", _("Control groups")),
        ),
    ),
    Group(
        _("Strategies"),
        (
            Item("strategies.strategyinstance", "smart_toy", _("Strategies")),
            Item("strategies.signal", "bolt", _("Signals")),
            Item("strategies.strategyorder", "send", _("Orders of strategies")),
            Item("strategies.strategylog", "terminal", _("Log of strategies")),
            Item("strategies.evidence", "fact_check", _("Evidence")),
            Item("strategies.strategygate", "door_front", _("Gates")),
        ),
    ),
    Group(
        _("Research"),
        (
            Item("backtests.backtestrun", "query_stats", _("Backtests")),
            Item("backtests.optimizationrun", "tune", _("Optimisations")),
            Item("backtests.walkforwardrun", "step_over", _("Walk-forwards")),
        ),
    ),
    Group(
        _("Market data"),
        (
            Page("quotes", "marketdata.view_tick", "monitoring", _("Quotes")),
            Item("marketdata.instrument", "candlestick_chart", _("Instruments")),
            Item("marketdata.barimport", "upload_file", _("Imports")),
            Item("marketdata.maincontractday", "star", _("Main contracts")),
            Item("marketdata.contractroll", "swap_horiz", _("Contract rolls")),
            Item("marketdata.dailysettlement", "price_check", _("Settlements")),
            Item("marketdata.dayquality", "verified", _("Data quality")),
            Item("marketdata.feedstate", "stream", _("Feeds")),
            Item("marketdata.feedlogin", "vpn_key", _("Logins of feeds")),
            Item("marketdata.instrumentfeed", "sensors", _("Published instruments")),
            Item("marketdata.subscription", "bookmark", _("Subscriptions")),
            Item("marketdata.recorderposition", "save", _("Recorder")),
            Item("marketdata.tickgap", "broken_image", _("Gaps in the ticks")),
            Item("marketdata.tickfile", "inventory_2", _("Tick files")),
            Item("marketdata.product", "category", _("Products")),
            Item("marketdata.exchange", "account_balance", _("Exchanges")),
            Item("marketdata.tradingday", "calendar_month", _("Trading days")),
            Item("marketdata.productsession", "schedule", _("Trading hours")),
            Item("marketdata.sessionsuspension", "nights_stay", _("Suspended nights")),
            Item("marketdata.specialopeningday", "event_upcoming", _("Special openings")),
            Item("marketdata.feerate", "percent", _("Fee rates")),
            Item("marketdata.marginrate", "account_balance_wallet", _("Margin rates")),
        ),
    ),
    Group(
        _("Watch"),
        (
            Item("accounts.alarm", "notifications_active", _("Alarms")),
            Item("accounts.auditentry", "history_edu", _("Audit trail")),
            Item("accounts.lease", "key", _("Leases")),
        ),
    ),
    Group(
        _("People"),
        (
            Item("accounts.user", "group", _("Users")),
            Item("auth.group", "badge", _("Roles")),
            Item("axes.accessattempt", "lock_clock", _("Failed logins")),
        ),
    ),
)

# Models with an admin of their own for autocompletion or as a part of another page.
REACHED_FROM_ELSEWHERE: frozenset[str] = frozenset()


def admin_of(model: type[Model]) -> ModelAdmin[Any] | None:
    """The model's admin, None where it has none."""
    return admin.site._registry.get(model)


def list_url(request: HttpRequest, label: str) -> str:
    """The address of a model's list, '' where there is none or this person may not open it."""
    model = apps.get_model(label)
    model_admin = admin_of(model)
    if model_admin is None or not model_admin.has_view_or_change_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def add_url(request: HttpRequest, label: str) -> str:
    """The address of the form that makes one, '' where this person may not."""
    model = apps.get_model(label)
    model_admin = admin_of(model)
    if model_admin is None or not model_admin.has_add_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def change_url(request: HttpRequest, row: Model) -> str:
    """The address of one row's page, '' where this person may not open it."""
    model_admin = admin_of(type(row))
    if model_admin is None or not model_admin.has_view_or_change_permission(request, row):
        return ""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar in the theme's form."""
    shown: list[dict[str, Any]] = [
        {"items": [{"title": _("Overview"), "icon": "space_dashboard", "link": reverse("admin:index")}]}
    ]
    pages = {reverse(item.route) for group in GROUPS for item in group.items if isinstance(item, Page)}
    for group in GROUPS:
        items = [entry for item in group.items if (entry := _entry(request, item, pages))]
        if items:
            shown.append({"title": group.title, "separator": True, "items": items})
    return shown


def _entry(request: HttpRequest, item: Item | Page, pages: set[str]) -> dict[str, Any] | None:
    if isinstance(item, Page):
        if not request.user.has_perm(item.permission):
            return None
        link = reverse(item.route)
        return {"title": item.title, "icon": item.icon, "link": link, "active": request.path == link}
    link = list_url(request, item.model)
    if not link:
        return None
    title = item.title or apps.get_model(item.model)._meta.verbose_name_plural
    below = request.path.startswith(link) and request.path not in pages  # a page is an entry of its own
    return {"title": title, "icon": item.icon, "link": link, "active": below}
