"""Figures about backtests for ``/metrics``, read from the rows at each scrape."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Sum
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from backtests.models import BacktestRun, DriftReport, RunStatus
from backtests.optimise.models import OptimizationRun
from quantsite.web.metrics import register_collector

BUCKETS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
RECENT = timedelta(days=7)
"""Days that were compared longer ago are no news of a strategy any more."""

WINDOW = timedelta(hours=24)
"""Durations of older runs say nothing about the workers of today, and the scrape stays cheap."""


@register_collector
def backtest_metrics() -> Iterator[Metric]:
    """Runs by status, the age of the oldest waiting run, and how long the runs of the last day took."""
    runs = GaugeMetricFamily("quantsite_backtest_runs", "Backtest runs by status", labels=["status"])
    counted = dict(BacktestRun.objects.order_by().values_list("status").annotate(Count("pk")))
    for status in RunStatus.values:
        runs.add_metric([status], counted.get(status, 0))
    yield runs
    oldest = BacktestRun.objects.filter(status=RunStatus.QUEUED).aggregate(Min("created_at"))["created_at__min"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield GaugeMetricFamily("quantsite_backtest_queue_age_seconds", "Age of the oldest waiting run", value=age)
    yield _seconds()
    yield from _optimizations()
    yield from _drift()


def _drift() -> Iterator[Metric]:
    """Days of strategies held against the backtester: by status, and unexplained differences of the newest day."""
    reports = GaugeMetricFamily(
        "quantsite_strategy_drift_days", "Compared days of strategies by status", labels=["status"]
    )
    counted = dict(DriftReport.objects.order_by().values_list("status").annotate(Count("pk")))
    for status in RunStatus.values:
        reports.add_metric([status], counted.get(status, 0))
    yield reports
    left = GaugeMetricFamily(
        "quantsite_strategy_drift_unexplained",
        "Unexplained differences of the newest compared day",
        labels=["strategy"],
    )
    seen: set[str] = set()
    newest = DriftReport.objects.filter(status=RunStatus.SUCCEEDED, finished_at__gt=Now() - RECENT)
    for key, count in newest.order_by("-trading_day").values_list("instance__key", "unexplained"):
        if key not in seen:
            seen.add(key)
            left.add_metric([key], count)
    yield left


def _optimizations() -> Iterator[Metric]:
    """Optimisations by status, and the trials of those that are not over."""
    runs = GaugeMetricFamily("quantsite_optimization_runs", "Optimisations by status", labels=["status"])
    counted = dict(OptimizationRun.objects.order_by().values_list("status").annotate(Count("pk")))
    for status in RunStatus.values:
        runs.add_metric([status], counted.get(status, 0))
    yield runs
    sums = OptimizationRun.objects.all().open().aggregate(total=Sum("total"), done=Sum("done"))
    trials = GaugeMetricFamily("quantsite_optimization_trials", "Trials of open optimisations", labels=["state"])
    trials.add_metric(["wanted"], sums["total"] or 0)
    trials.add_metric(["done"], sums["done"] or 0)
    yield trials


def _seconds() -> HistogramMetricFamily:
    spent = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    finished = BacktestRun.objects.filter(status=RunStatus.SUCCEEDED, finished_at__gt=Now() - WINDOW)
    seconds = [taken.total_seconds() for taken in finished.order_by().values_list(spent, flat=True)]
    counts = [(str(edge), float(sum(value <= edge for value in seconds))) for edge in BUCKETS]
    return HistogramMetricFamily(
        "quantsite_backtest_run_seconds",
        "From claimed to stored, runs of the last day",
        buckets=[*counts, ("+Inf", float(len(seconds)))],
        sum_value=sum(seconds),
    )
