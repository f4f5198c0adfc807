"""The console's pages about orders and fills: the blotter, one order with its events, the fills."""

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt
from accounts.audit import record
from marketdata.models import Instrument
from quantsite.web.renderers import dumps
from quantsite.web.retold import retold
from trading import services
from trading.choices import StatusName
from trading.console.base import AccountRowAdmin, StatusFilter, StrategyFilter, VisibleAccountFilter, way_back
from trading.console.figures import NOTHING, moment, money, order_cell, price, status_cell, tone, traded_cell
from trading.console.forms import CancelAllForm
from trading.console.order_page import page_context
from trading.order_models import Fill, Order
from trading.permissions import may_reduce
from trading.shapes import order_shape

MOST_STATES = 200
"""Orders that the page asks about at once while its socket is down."""


def status_labels() -> str:
    """The words for the states as JSON, for ``live.js``."""
    words = {str(value): str(label) for value, label in StatusName.choices}
    return json.dumps({**words, "cancelling": _t("cancelling")}, ensure_ascii=False)


class InstrumentRowAdmin(AccountRowAdmin):
    """Rows of an account in an instrument."""

    list_select_related = ["account", "instrument"]

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, row: Any) -> str:
        """Its code."""
        return str(row.account.code)

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_instrument(self, row: Any) -> SafeString | str:
        """Its code."""
        return format_html('<strong class="qs-line">{}</strong>', row.instrument.code)

    @display(description=_("Side"), ordering="direction")
    def shown_side(self, row: Any) -> SafeString:
        """Buy or sell, and what it does to the position; an arrow beside the word."""
        arrow = "▲" if row.direction == "buy" else "▼"
        html = '<span class="tr-side tr-{}">{} {}</span> <span class="qs-soft">{}</span>'
        return format_html(html, row.direction, arrow, row.get_direction_display(), row.get_offset_display())

    @display(description=_("Price"), ordering="price")
    def shown_price(self, row: Any) -> SafeString:
        """In the quoted unit."""
        return format_html('<span class="qs-number">{}</span>', price(row.price, row.instrument.price_tick))


@admin.register(Order)
class OrderAdmin(InstrumentRowAdmin):
    """The blotter. Orders are placed by traders and strategies; here they are watched and cancelled."""

    list_display = [
        "shown_order",
        "shown_account",
        "shown_instrument",
        "shown_side",
        "shown_type",
        "shown_price",
        "shown_traded",
        "shown_average",
        "shown_status",
        "shown_time",
        "shown_cancel",
    ]
    list_display_links = ["shown_order"]
    list_filter = [
        VisibleAccountFilter,
        StatusFilter,
        StrategyFilter,
        ("instrument", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
    ]
    search_fields = ["=id", "client_order_id", "instrument__code", "exchange_order_id"]
    search_help_text = _("Number, client order id or instrument")
    ordering = ["-id"]
    list_before_template = "admin/trading/order/live.html"
    change_form_template = "admin/trading/order/change_form.html"

    # --- what is shown -------------------------------------------------------------------------------------

    @display(description=pgettext_lazy("trading", "Order"), ordering="id")
    def shown_order(self, order: Order) -> str:
        """Its number."""
        return f"#{order.pk}"

    @display(description=_("Type"), ordering="type")
    def shown_type(self, order: Order) -> str:
        """How it is worked; a stop with the price that triggers it."""
        stop = "" if order.stop_price is None else f" {price(order.stop_price, order.instrument.price_tick)}"
        return f"{order.get_type_display()}{stop}"

    @display(description=_("Traded / lots"), ordering="traded")
    def shown_traded(self, order: Order) -> SafeString:
        """How much of it is filled."""
        return traded_cell(order)

    @display(description=_("Average"), ordering="average_price")
    def shown_average(self, order: Order) -> SafeString:
        """What its fills cost on average."""
        return order_cell(order, "average_price", price(order.average_price, order.instrument.price_tick))

    @display(description=_("Status"), ordering="status")
    def shown_status(self, order: Order) -> SafeString:
        """Where it stands; below it why it was refused, in words."""
        reason = order_cell(order, "reason_text", retold(order.reason_text) or order.reason_code, "tr-reason")
        return format_html("{}{}", status_cell(order), reason)

    @display(description=_("Taken"), ordering="id")
    def shown_time(self, order: Order) -> SafeString:
        """When the gateway took it, by the market clock; a dash while it waits."""
        return order_cell(order, "taken", moment(order.submitted_at or order.finished_at))

    @display(description="")
    def shown_cancel(self, order: Order) -> SafeString | str:
        """The button that withdraws it, where this person may."""
        if not getattr(order, "may_cancel", False):
            return ""
        hidden = "" if order.is_working else " hidden"
        html = '<button class="tr-cancel" type="submit" formaction="{}" data-order-cancel="{}"{}>{}</button>'
        return format_html(html, order_url("cancel", order.pk), order.pk, hidden, pgettext("order", "Cancel"))

    # --- pages ---------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, each row with whether this person may cancel it: asked once an account."""
        listed = super().get_changelist_instance(request)
        allowed: dict[int, bool] = {}
        rows = list(listed.result_list)
        for order in rows:
            if order.account_id not in allowed:
                allowed[order.account_id] = may_reduce(actor_of(request), order.account)
            order.may_cancel = allowed[order.account_id]
        listed.result_list = rows
        return listed

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The blotter, and how many orders of those that the filters name are working."""
        narrowed = narrowed_by(request)
        asked = CancelAllForm(narrowed)
        working = asked.orders(actor_of(request)) if asked.is_valid() else Order.objects.none()
        context = {
            "status_labels_json": status_labels(),
            "working": working.count(),
            "cancel_all_url": reverse("admin:trading_order_cancel_all"),
            "scope": urlencode(narrowed),
            "title": _t("Orders"),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """One order with its events and fills."""
        context = dict(extra_context or {})
        order = self.get_object(request, object_id)
        if order is not None:
            context |= page_context(order, actor_of(request))
            context |= {"title": f"#{order.pk} {order.instrument.code}", "status_labels_json": status_labels()}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses after our own."""
        own = [
            ("states/", require_GET(self.states_view), "states"),
            ("cancel-all/", require_http_methods(["GET", "POST"])(self.cancel_all_view), "cancel_all"),
            ("<int:order_id>/cancel/", require_POST(self.cancel_view), "cancel"),
        ]
        view = self.admin_site.admin_view
        return [
            *(path(tail, view(page), name=f"trading_order_{name}") for tail, page, name in own),
            *super().get_urls(),
        ]

    def states_view(self, request: HttpRequest) -> HttpResponse:
        """``?ids=1,2``: those orders as the socket would tell them, with their reasons in the language of the page.

        For a page whose socket is down, or whose reader does not read the English of events.
        """
        self.demand_view(request)
        asked = [int(text) for text in request.GET.get("ids", "").split(",") if text.isascii() and text.isdigit()]
        rows = self.get_queryset(request).select_related("account", "instrument")
        orders = rows.filter(pk__in=[key for key in asked[:MOST_STATES] if key < 2**63])
        told = [{**order_shape(order), "reason_text": retold(order.reason_text)} for order in orders]
        return HttpResponse(dumps({"orders": told}), "application/json")

    def cancel_view(self, request: HttpRequest, order_id: int) -> HttpResponseBase:
        """Ask for one order to be withdrawn, then back to where the button was."""
        order = self.row_or_404(request, order_id)

        def work() -> str:
            with transaction.atomic():
                services.cancel_order(actor_of(request), order.pk)
                record(actor_of(request), "order.cancel", order)
            return _t("The gateway is asked to cancel order #%(id)s.") % {"id": order.pk}

        return attempt(request, work, way_back(request, order_url("change", order.pk)))

    def cancel_all_view(self, request: HttpRequest) -> HttpResponseBase:
        """What would be cancelled, counted; then the cancelling of it."""
        self.demand_view(request)
        form = CancelAllForm(request.POST or request.GET)
        actor = actor_of(request)
        orders = form.orders(actor) if form.is_valid() else Order.objects.none()
        if request.method == "POST":

            def work() -> str:
                commands = services.cancel_all(actor, **form.narrowed())
                count = len(commands)
                text = ngettext("%(count)d order is being cancelled.", "%(count)d orders are being cancelled.", count)
                return text % {"count": count}

            return attempt(request, work, reverse("admin:trading_order_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Cancel working orders"),
            "opts": self.opts,
            "form": form,
            "orders": orders.select_related("account", "instrument")[:MOST_STATES],
            "count": orders.count(),
            "accounts": orders.order_by().values("account").distinct().count(),
        }
        return render(request, "admin/trading/order/cancel_all.html", context)


@admin.register(Fill)
class FillAdmin(InstrumentRowAdmin):
    """Trades, as the exchange told them; nobody edits one."""

    list_display = [
        "shown_fill",
        "shown_account",
        "shown_instrument",
        "shown_side",
        "shown_price",
        "shown_volume",
        "shown_commission",
        "shown_profit",
        "shown_order",
        "trading_day",
        "shown_time",
    ]
    list_display_links = ["shown_fill"]
    list_filter = [
        VisibleAccountFilter,
        StrategyFilter,
        "direction",
        ("instrument", AutocompleteSelectFilter),
        ("trading_day", RangeDateFilter),
    ]
    search_fields = ["=id", "trade_id", "instrument__code", "=order__id"]
    search_help_text = _("Number, trade id, order or instrument")
    ordering = ["-id"]
    list_before_template = "admin/trading/fill/live.html"

    @display(description=_("Fill"), ordering="id")
    def shown_fill(self, fill: Fill) -> str:
        """Its number."""
        return f"#{fill.pk}"

    @display(description=_("Lots"), ordering="volume")
    def shown_volume(self, fill: Fill) -> SafeString:
        """How much."""
        return format_html('<span class="qs-number">{}</span>', f"{fill.volume:,}")

    @display(description=_("Commission, yuan"), ordering="commission")
    def shown_commission(self, fill: Fill) -> SafeString:
        """What it cost."""
        return format_html('<span class="qs-number">{}</span>', money(fill.commission))

    @display(description=_("Close profit, yuan"), ordering="close_profit")
    def shown_profit(self, fill: Fill) -> SafeString:
        """By date, before commission; a dash for an opening one."""
        opened = fill.offset == "open"
        text = NOTHING if opened else f"{fill.close_profit:+,.2f}"
        return format_html('<span class="qs-number {}">{}</span>', "" if opened else tone(fill.close_profit), text)

    @display(description=pgettext_lazy("trading", "Order"), ordering="order")
    def shown_order(self, fill: Fill) -> SafeString | str:
        """The order that it is of."""
        if fill.order_id is None:
            return NOTHING
        return format_html('<a class="qs-action" href="{}">#{}</a>', order_url("change", fill.order_id), fill.order_id)

    @display(description=_("Traded"), ordering="traded_at")
    def shown_time(self, fill: Fill) -> SafeString | str:
        """By the market clock."""
        return moment(fill.traded_at)


def narrowed_by(request: HttpRequest) -> dict[str, str]:
    """Account, strategy and instrument that the list is filtered by, as ``CancelAllForm`` takes them."""
    found = {name: request.GET[name] for name in ("account", "strategy") if request.GET.get(name)}
    key = request.GET.get("instrument__id__exact", "")
    row = Instrument.objects.filter(pk=int(key)).first() if key.isascii() and key.isdigit() and len(key) < 19 else None
    return {**found, "instrument": row.code} if row is not None else found


def order_url(name: str, order_id: int) -> str:
    """The address of a page of the console about one order."""
    return reverse(f"admin:trading_order_{name}", args=[order_id])
