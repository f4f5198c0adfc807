"""Figures about stored bars for ``/metrics``, read from the coverage rows (never from bars) at each scrape.

Those of the bar cache come from its folder, which all processes of a machine share.
"""

from collections.abc import Iterator

from django.db.models import Max, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from marketdata import series_cache
from marketdata.models import BarCoverage, BarImport, TradingDay
from quantsite.web.metrics import register_collector, register_collector_without_rows


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


@register_collector_without_rows
def bar_cache_metrics() -> Iterator[Metric]:
    """Loads by outcome, size and limit of the cache, and whether it can be written."""
    folder = series_cache.folder()
    loads = CounterMetricFamily("quantsite_bar_cache_loads", "Series loaded for computing", labels=["outcome"])
    for outcome, number in folder.counts().items():
        loads.add_metric([outcome], number)
    yield loads
    usage = folder.usage()
    yield GaugeMetricFamily("quantsite_bar_cache_files", "Series in the bar cache", value=usage.files)
    yield GaugeMetricFamily("quantsite_bar_cache_bytes", "Size of the bar cache", value=usage.bytes)
    yield GaugeMetricFamily("quantsite_bar_cache_limit_bytes", "Room of the bar cache", value=folder.limit_bytes)
    yield GaugeMetricFamily(
        "quantsite_bar_cache_usable", "1 where files of bars can be written", value=float(folder.writable())
    )
