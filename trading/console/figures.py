"""Figures as the console's pages about trading show them: separated by thousands, a dash for what there is not."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from trading.order_models import Order

Figure = Decimal | float

NOTHING = "–"
LONGEST_PRICE = 6
"""Decimals of a column of prices."""


def money(value: Figure | None) -> str:
    """Yuan with two decimals."""
    return NOTHING if value is None else f"{value:,.2f}"


def signed(value: Figure | None) -> str:
    """Yuan with two decimals and a plus for a gain."""
    return NOTHING if value is None else f"{value:+,.2f}" if value else "0.00"


def percent(fraction: float | None) -> str:
    """A fraction as per cent with two decimals, with the sign."""
    return NOTHING if fraction is None else f"{fraction * 100:,.2f} %"


def decimals(tick: Figure) -> int:
    """How many decimals the grid of a price needs."""
    exponent = Decimal(str(tick)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def price(value: Figure | None, tick: Figure) -> str:
    """A price with the decimals of its grid; an average between two ticks keeps up to two more."""
    if value is None:
        return NOTHING
    places = decimals(tick)
    longer = f"{value:,.{min(places + 2, LONGEST_PRICE)}f}"
    shorter = f"{value:,.{places}f}"
    return shorter if float(longer.replace(",", "")) == float(shorter.replace(",", "")) else longer


def tone(value: Figure | None) -> str:
    """The style of a profit."""
    return "" if not value else "qs-profit" if value > 0 else "qs-loss"


def moment(value: datetime | None, *, parts: str = "%m-%d %H:%M:%S") -> SafeString | str:
    """A moment in Shanghai time; all of it stands in the tooltip."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    html = '<time datetime="{}" title="{}">{}</time>'
    return format_html(html, value.isoformat(), local.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], local.strftime(parts))


def order_cell(order: "Order", name: str, text: Any, css: str = "qs-number") -> SafeString:
    """One figure of an order, kept fresh by ``live.js``; ``data-digits`` are the decimals of its prices."""
    html = '<span class="{}" data-order="{}" data-name="{}" data-digits="{}">{}</span>'
    return format_html(html, css, order.pk, name, decimals(order.instrument.price_tick), text)


def traded_cell(order: "Order") -> SafeString:
    """How much of an order is filled, kept fresh by ``live.js``."""
    return order_cell(order, "traded", f"{order.traded:,} / {order.volume:,}")


def status_cell(order: "Order") -> SafeString:
    """Where an order stands, as a label that ``live.js`` keeps fresh."""
    text = order.get_status_display()
    if order.cancel_requested and order.is_working:
        text = f"{text} · {_('cancelling')}"
    return order_cell(order, "status", text, f"qs-state qs-state-{order.status}")
