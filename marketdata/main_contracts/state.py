"""What was decided about main contracts, and what should have been: reads for every app, alarms and metrics."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.db.models import Max
from django.utils import timezone

from marketdata.daily_facts import RAW_SERIES, MainContractDay
from marketdata.domain.calendar import TradingCalendar
from marketdata.models import Product
from quantsite.common.times import SHANGHAI

DAY_IS_OVER = time(15, 30)
"""Shanghai. The last day session (treasury bonds) ends at 15:15; its bars and settlement follow within minutes."""

DUE_BY = time(18, 0)
"""Shanghai. From then on a decision is late: orders for the night are taken from 20:55."""

FOLLOWED_DAYS = 20
"""Trading days after its last decision for which a product counts as one that the desk follows."""
FOLLOWED_SPAN = timedelta(days=3 * FOLLOWED_DAYS)
"""Calendar days that hold them, whatever holidays lie in them."""


def main_contract_on(product: Product, trading_day: date) -> MainContractDay | None:
    """The decision in force on a trading day, night session included: the latest one up to it; ``None`` before all.

    Whoever asks at night and whoever asks by day reads the same row. A day on which nothing could be decided keeps the
    contract of the day before.
    """
    rows = MainContractDay.objects.select_related("instrument").filter(product=product, trading_day__lte=trading_day)
    return rows.order_by("-trading_day").first()


def series_code(product: Product, series: str = RAW_SERIES) -> str:
    """The code of a continuous series of the product: ``rb88.SHFE``."""
    return f"{product.code}{series}.{product.exchange_id}"


def last_finished_day(calendar: TradingCalendar, now: datetime, over: time = DAY_IS_OVER) -> date:
    """The newest trading day whose day session is over at ``now`` (aware), ``over`` being when it is."""
    local = now.astimezone(SHANGHAI)
    day = local.date() if local.time() >= over else local.date() - timedelta(days=1)
    return calendar.on_or_before(day)


def late_products(calendar: TradingCalendar, now: datetime | None = None) -> list[tuple[Product, date]]:
    """Products whose decision for the coming trading day is missing, each with the last day decided.

    Only those decided within the last :data:`FOLLOWED_DAYS` trading days: a product that is not recorded any more
    is nobody's concern.
    """
    last = last_finished_day(calendar, now or timezone.now(), DUE_BY)
    due = calendar.next_after(last)
    followed = calendar.between(last - FOLLOWED_SPAN, due)[-FOLLOWED_DAYS:]
    rows = MainContractDay.objects.values_list("product").annotate(newest=Max("trading_day"))
    newest = {key: day for key, day in rows.order_by() if followed and followed[0] <= day < due}
    products = Product.objects.filter(pk__in=newest).select_related("exchange").order_by("exchange", "code")
    return [(product, newest[product.pk]) for product in products if not _has_ended(product, due)]


def followed_products(day: date) -> list[Product]:
    """The products with a decision for one of the last trading days before ``day``, or for it or a later one."""
    decided = MainContractDay.objects.filter(trading_day__gte=day - FOLLOWED_SPAN).values("product")
    return list(Product.objects.filter(pk__in=decided).select_related("exchange").order_by("pk"))


def named(products: Iterable[Product], most: int = 8) -> str:
    """The first few as ``rb.SHFE, TA.CZCE``, and how many more there are."""
    names = [str(product) for product in products]
    return ", ".join(names[:most]) + (f" +{len(names) - most}" if len(names) > most else "")


def _has_ended(product: Product, day: date) -> bool:
    return product.last_day is not None and product.last_day < day
