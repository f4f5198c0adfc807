"""Figures about the recorder for ``/metrics``, read from its rows at each scrape."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounts.models import Lease
from marketdata.live_models import FeedState, RecorderPosition, TickGap
from marketdata.recording.alarms import LEASE
from marketdata.stream import parse_id
from quantsite.web.metrics import register_collector

FRESH_SECONDS = 30
"""A batch older than this says nothing about now, where everything is recorded."""


@register_collector
def recorder_metrics() -> Iterator[Metric]:
    """Rows and lag by source, whether a recorder is at work, and what is missing."""
    ticks = CounterMetricFamily("quantsite_recorded_ticks", "Ticks recorded by source", labels=["source"])
    bars = CounterMetricFamily("quantsite_recorded_bars", "Bars recorded by source", labels=["source"])
    lag = GaugeMetricFamily(
        "quantsite_recorder_lag_seconds", "Seconds that the recorder is behind its source", labels=["source"]
    )
    published = dict(FeedState.objects.values_list("source", "stream_id"))
    now = timezone.now()
    for row in RecorderPosition.objects.order_by("source"):
        ticks.add_metric([row.source], row.ticks)
        bars.add_metric([row.source], row.bars)
        lag.add_metric([row.source], _lag_seconds(row, published.get(row.source, ""), now))
    yield from (ticks, bars, lag)
    running = Lease.objects.filter(name__startswith=LEASE, expires_at__gt=Now()).count()
    yield GaugeMetricFamily("quantsite_recorders", "Recorders at work", value=running)
    yield from _gap_metrics()


def _lag_seconds(row: RecorderPosition, published: str, now: datetime) -> float:
    age = (now - row.updated_at).total_seconds()
    if parse_id(published) > parse_id(row.stream_id):
        return max(age, row.lag_ms / 1_000)
    return row.lag_ms / 1_000 if age < FRESH_SECONDS else 0.0


def _gap_metrics() -> Iterator[Metric]:
    gaps = CounterMetricFamily("quantsite_tick_gaps", "Gaps in the recorded ticks by source", labels=["source"])
    missing = CounterMetricFamily("quantsite_missing_ticks", "Ticks missing in these gaps", labels=["source"])
    rows = TickGap.objects.order_by("source").values_list("source")
    for source, number, lost in rows.annotate(Count("pk"), lost=Sum(F("last_seq") - F("first_seq") + 1)):
        gaps.add_metric([source], number)
        missing.add_metric([source], lost)
    yield from (gaps, missing)
