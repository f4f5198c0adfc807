"""Figures of trading in templates, as ``console.figures`` writes them."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils.safestring import SafeString

from trading.console import figures

if TYPE_CHECKING:
    from trading.order_models import Order

register = template.Library()


@register.simple_tag
def money(*values: Decimal) -> str:
    """The sum of these amounts of yuan, rounded after summing."""
    return figures.money(sum(values, Decimal(0)))


@register.simple_tag
def price(value: Decimal, tick: Decimal) -> str:
    """A price with the decimals of its grid."""
    return figures.price(value, tick)


@register.simple_tag
def status_cell(order: "Order") -> SafeString:
    """Where an order stands."""
    return figures.status_cell(order)


@register.simple_tag
def traded_cell(order: "Order") -> SafeString:
    """How much of an order is filled."""
    return figures.traded_cell(order)


@register.simple_tag
def signed(value: Decimal) -> str:
    """Yuan with a plus for a gain."""
    return figures.signed(value)
