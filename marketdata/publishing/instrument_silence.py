"""An instrument of a live feed that has fallen silent while its market trades: one alarm a source names them all."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind
from accounts.models import Alarm, Severity
from marketdata.domain.market_hours import open_at
from marketdata.instruments import session_table
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Product
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_SECOND, utc_to_ns

INSTRUMENT_SILENT = register_kind("instrument_silent", _("Instruments of a live feed have fallen silent"))
SILENT = gettext_noop(
    "The feed %(source)s has told nothing of %(count)d instruments for %(seconds)d seconds of trading: %(codes)s."
)
MOST_NAMED = 10


def check_instruments() -> list[str]:
    """Raise and clear ``instrument_silent``; gives the sources that it is about.

    Of feeds of kind ``ctp`` that are logged in: a feed that is lost has alarms of its own.
    """
    states = FeedState.objects.filter(kind="ctp", status="running")
    silent = {state.source: codes for state in states if (codes := silent_codes(state))}
    for source, codes in silent.items():
        about: dict[str, str | int] = {"source": source, "count": len(codes), "codes": ", ".join(codes[:MOST_NAMED])}
        about["seconds"] = settings.INSTRUMENT_SILENT_SECONDS
        raise_alarm(INSTRUMENT_SILENT, source, SILENT, Severity.WARNING, about)
    for subject in Alarm.objects.open().filter(code=INSTRUMENT_SILENT).values_list("subject", flat=True):
        if subject not in silent:
            clear_alarm(INSTRUMENT_SILENT, subject)
    return sorted(silent)


def silent_codes(state: FeedState) -> list[str]:
    """Codes of a feed that is logged in that were told of before the limit, while their market traded all the time."""
    if state.counters.get("session") != "ready":
        return []
    limit = timedelta(seconds=settings.INSTRUMENT_SILENT_SECONDS)
    heard = Greatest("since", Coalesce("last_tick_at", "since"))
    rows = InstrumentFeed.objects.filter(source=state.source).annotate(heard=heard)
    late = rows.filter(heard__lt=timezone.now() - limit).select_related("instrument__product")
    trades: dict[int, bool] = {}
    found = []
    for row in late.order_by("instrument__code"):
        product = row.instrument.product
        if product.pk not in trades:
            trades[product.pk] = _traded_since(product, state, limit)
        if trades[product.pk]:
            found.append(row.instrument.code)
    return found


def _traded_since(product: Product, state: FeedState, limit: timedelta) -> bool:
    """Whether the product trades now and did so as long ago as the limit: no break, no opening in between."""
    if state.market_time is None:
        return False
    now = utc_to_ns(state.market_time)
    try:
        table = session_table(product)
        return open_at(table, now) and open_at(table, now - int(limit.total_seconds()) * NS_PER_SECOND)
    except RuleError:  # no hours, or beyond the calendar: there is an alarm of its own about that
        return False
