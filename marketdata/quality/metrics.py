"""Figures about the quality of data for ``/metrics``, from the judged days."""

from collections.abc import Iterator

from django.db.models import Count, Max, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from marketdata.domain.quality_score import POOR_BELOW
from marketdata.live_models import DayQuality
from marketdata.quality.rows import RECENT, main_contracts, of_recent_days
from quantsite.web.metrics import register_collector


@register_collector
def quality_metrics() -> Iterator[Metric]:
    """Judged days, sound and poor; of the newest judged day the worst score, of all and of the main contracts."""
    counted = DayQuality.objects.aggregate(all=Count("pk"), poor=Count("pk", filter=Q(score__lt=POOR_BELOW)))
    days = GaugeMetricFamily("quantsite_data_quality_days", "Judged days of instruments", labels=["quality"])
    days.add_metric(["sound"], counted["all"] - counted["poor"])
    days.add_metric(["poor"], counted["poor"])
    yield days
    today = timezone.localdate()
    recent = of_recent_days(today)
    judged = recent.filter(trading_day=recent.aggregate(day=Max("trading_day"))["day"])
    worst = GaugeMetricFamily(
        "quantsite_data_quality_worst_score",
        "Lowest score of the newest judged trading day of the last ten days",
        labels=["contracts"],
    )
    main = judged.filter(instrument__in=list(main_contracts(today - RECENT, today)))
    for name, rows in (("all", judged), ("main", main)):
        found = rows.aggregate(score=Min("score"))["score"]
        if found is not None:
            worst.add_metric([name], found)
    yield worst
    number = judged.values("instrument").distinct().count()
    yield GaugeMetricFamily(
        "quantsite_data_quality_instruments", "Instruments judged of the newest judged trading day", value=number
    )
