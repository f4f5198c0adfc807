"""Figures about files of ticks for ``/metrics``, read from the catalogue and from the key of the table of ticks."""

from collections.abc import Iterator
from datetime import datetime, time

from django.conf import settings
from django.db.models import Count, Min, OuterRef, Subquery, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from marketdata.models import Instrument
from marketdata.ticks.models import Tick, TickFile
from quantsite.common.times import SHANGHAI
from quantsite.web.metrics import register_collector


@register_collector
def archive_metrics() -> Iterator[Metric]:
    """Files, their bytes and ticks, and the oldest trading day that is in the database still."""
    found = TickFile.objects.aggregate(files=Count("pk"), bytes=Sum("bytes"), ticks=Sum("rows"))
    for name, text in (
        ("files", "Files of ticks"),
        ("bytes", "Size of the files of ticks"),
        ("ticks", "Ticks in files"),
    ):
        yield GaugeMetricFamily(f"quantsite_tick_archive_{name}", text, value=found[name] or 0)
    first = Tick.objects.filter(instrument=OuterRef("pk")).order_by("trading_day", "seq").values("trading_day")[:1]
    oldest = Instrument.objects.annotate(first_tick=Subquery(first)).aggregate(day=Min("first_tick"))["day"]
    if oldest is not None:
        moment = datetime.combine(oldest, time(), SHANGHAI)
        text = "Midnight (Shanghai) of the oldest trading day whose ticks are in the database"
        yield GaugeMetricFamily("quantsite_oldest_tick_timestamp_seconds", text, value=moment.timestamp())
    overdue = 0 if oldest is None else max((timezone.localdate() - oldest).days - settings.TICK_DAYS, 0)
    text = "Days by which the oldest tick in the database is past its time there"
    yield GaugeMetricFamily("quantsite_oldest_tick_overdue_days", text, value=overdue)
