"""Figures about stored bars for ``/metrics``, read from the coverage rows (never from bars) at each scrape."""

from collections.abc import Iterator

from django.db.models import Max, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from marketdata.models import BarCoverage, BarImport, TradingDay
from quantsite.web.metrics import register_collector


@register_collector
def bar_metrics() -> Iterator[Metric]:
    """Bars stored and their newest start by interval, rows written by imports, and where the calendar ends."""
    stored = GaugeMetricFamily("quantsite_bars", "Stored bars by interval", labels=["interval"])
    newest = GaugeMetricFamily(
        "quantsite_newest_bar_timestamp_seconds", "Start of the newest bar by interval", labels=["interval"]
    )
    rows = BarCoverage.objects.filter(bars__gt=0).order_by("interval").values_list("interval")
    for interval, bars, last in rows.annotate(Sum("bars"), Max("last_start")):
        stored.add_metric([interval], bars)
        newest.add_metric([interval], last.timestamp())
    yield stored
    yield newest
    written = BarImport.objects.aggregate(stored=Sum("stored"), replaced=Sum("replaced"))
    imported = CounterMetricFamily("quantsite_imported_bars", "Bars written by imports", labels=["kind"])
    imported.add_metric(["stored"], written["stored"] or 0)
    imported.add_metric(["replaced"], written["replaced"] or 0)
    yield imported
    last_day = TradingDay.objects.aggregate(last=Max("day"))["last"]
    if last_day is not None:
        left = (last_day - timezone.localdate()).days
        yield GaugeMetricFamily("quantsite_calendar_days_left", "Days to the end of the trading calendar", value=left)
