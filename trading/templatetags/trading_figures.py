"""Figures of trading in templates, as ``admin_format`` writes them."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils.safestring import SafeString

from trading import admin_format

if TYPE_CHECKING:
    from trading.order_models import Order

register = template.Library()


@register.simple_tag
def money(*values: Decimal) -> str:
    """The sum of these amounts of yuan, rounded after summing."""
    return admin_format.money(sum(values, Decimal(0)))


@register.simple_tag
def price(value: Decimal, tick: Decimal) -> str:
    """A price with the decimals of its grid."""
    return admin_format.price(value, tick)


@register.simple_tag
def status_cell(order: "Order") -> SafeString:
    """Where an order stands."""
    return admin_format.status_cell(order)


@register.simple_tag
def traded_cell(order: "Order") -> SafeString:
    """How much of an order is filled."""
    return admin_format.traded_cell(order)


@register.simple_tag
def signed(value: Decimal) -> str:
    """Yuan with a plus for a gain."""
    return admin_format.signed(value)
