"""The page of one order: the facts, the way that it went, its fills."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from accounts.models import User
from quantsite.web.retold import retold
from trading.console.figures import NOTHING, money, price, signed, tone
from trading.order_models import AccountEvent, Fill, Order
from trading.permissions import may_reduce
from trading.verbs.told_reasons import told_reason

MOST_EVENTS = 500

KINDS = {
    "placed": gettext_lazy("placed"),
    "foreign": gettext_lazy("taken in from another terminal"),
    "submitting": gettext_lazy("handed over to the exchange"),
    "submitted": gettext_lazy("received by the exchange"),
    "accepted": gettext_lazy("accepted"),
    "triggered": gettext_lazy("stop price reached"),
    "traded": pgettext_lazy("order", "traded"),
    "cancel_requested": pgettext_lazy("order", "cancel requested"),
    "cancel_refused": gettext_lazy("cancel refused"),
    "cancelled": pgettext_lazy("order status", "cancelled"),
    "expired": gettext_lazy("expired with the trading day"),
    "rejected": gettext_lazy("rejected"),
    "in_doubt": gettext_lazy("in doubt: the exchange has not answered"),
    "not_sent": gettext_lazy("not sent"),
}
"""What happened to an order, by the kind of its event."""


def page_context(order: Order, user: User) -> dict[str, Any]:
    """Everything that the order's page needs beside the theme's own context; reads ``account`` and ``instrument``."""
    fills = list(Fill.objects.filter(order=order).order_by("pk")[:MOST_EVENTS])
    return {
        "order": order,
        "reason": _reason(order, user),
        "may_cancel": order.is_working and may_reduce(user, order.account),
        "cancel_url": reverse("admin:trading_order_cancel", args=[order.pk]),
        "account_url": reverse("admin:trading_tradingaccount_change", args=[order.account_id]),
        "facts": _facts(order, user),
        "events": [_event(event, order) for event in _events(order)],
        "fills": [_fill(fill, order) for fill in fills],
        "fill_sums": {
            "commission": money(sum(fill.commission for fill in fills)),
            "profit": signed(sum(fill.close_profit for fill in fills)),
        },
        "average": price(order.average_price, order.instrument.price_tick),
    }


def _reason(order: Order, user: User) -> str:
    return told_reason(order, user) or order.reason_code


def _facts(order: Order, user: User) -> list[tuple[str, str]]:
    tick = order.instrument.price_tick
    found: list[tuple[Any, Any]] = [
        (_("Type"), order.get_type_display()),
        (_("Price"), price(order.price, tick)),
        (_("Stop price"), None if order.stop_price is None else price(order.stop_price, tick)),
        (_("Trading day"), order.trading_day),
        (_("Frozen margin, yuan"), money(order.frozen_margin) if order.is_working else None),
        (_("Frozen commission, yuan"), money(order.frozen_commission) if order.is_working else None),
        (_("Strategy"), order.strategy_key or _("by hand")),
        (_("Placed by"), _placer(order)),
        (_("Client order id"), order.client_order_id),
        (_("Exchange order id"), order.exchange_order_id),
        (pgettext("order", "Reason"), _reason(order, user)),
        (_("Reason code"), order.reason_code),
    ]
    return [(name, str(value)) for name, value in found if value not in (None, "")]


def _events(order: Order) -> list[AccountEvent]:
    rows = AccountEvent.objects.filter(account_id=order.account_id, order_id=order.pk)
    return list(rows.order_by("seq")[:MOST_EVENTS])


def _placer(order: Order) -> str:
    if order.foreign:
        return _("another terminal")
    return order.created_by.get_username() if order.created_by else _("system")


def _event(event: AccountEvent, order: Order) -> dict[str, Any]:
    """One line of the way that the order went; fills say how much at what price."""
    tick = order.instrument.price_tick
    fills = [(fill["volume"], price(fill["price"], tick)) for fill in event.body.get("fills", ())]
    told = [_("%(volume)s at %(price)s") % {"volume": volume, "price": at} for volume, at in fills]
    shape = event.body.get("order", {})
    why = event.body.get("reason_text") or shape.get("reason_text")
    if event.kind in ("rejected", "not_sent", "cancelled", "cancel_refused") and why:
        told.append(retold(why))
    return {
        "seq": event.seq,
        "kind": event.kind,
        "word": KINDS.get(event.kind, event.kind),
        "told": ", ".join(told),
        "market_time": event.market_time,
        "created_at": event.created_at,
    }


def _fill(fill: Fill, order: Order) -> dict[str, Any]:
    opened = fill.offset == "open"
    return {
        "row": fill,
        "price": price(fill.price, order.instrument.price_tick),
        "commission": money(fill.commission),
        "profit": NOTHING if opened else signed(fill.close_profit),
        "tone": "" if opened else tone(fill.close_profit),
    }
