"""Figures about stops, risk events and plans, as the rows say at each scrape."""

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from quantsite.web.metrics import register_collector
from trading.limit_models import KillSwitch, RiskRevision
from trading.risk_choices import PlanStatus
from trading.risk_models import AccountRisk, FlattenPlan, RiskEvent


@register_collector
def watch_metrics() -> Iterator[Metric]:
    """Of each account whose gateway runs, how old the picture of its risk is, and how many of its limits are broken."""
    now = timezone.now()
    ages = GaugeMetricFamily("quantsite_risk_picture_age_seconds", "Since somebody computed it", labels=["account"])
    broken = GaugeMetricFamily("quantsite_risk_limits_broken", "Limits that an account is beyond", labels=["account"])
    rows = AccountRisk.objects.filter(account__is_active=True, account__state__gateway="running")
    for code, at, figures in rows.values_list("account__code", "updated_at", "figures"):
        ages.add_metric([code], (now - at).total_seconds())
        told = figures.get("limits", [])
        broken.add_metric([code], sum(1 for row in told if row["share"] is not None and row["share"] > 1))
    yield ages
    yield broken


@register_collector
def risk_metrics() -> Iterator[Metric]:
    """Stops that hold, risk events that nobody has closed, plans that may still send orders, and the revision."""
    stops = GaugeMetricFamily(
        "quantsite_kill_switches_active", "Stops that nobody has released", labels=["scope", "strength"]
    )
    held = KillSwitch.objects.active().order_by().values_list("scope_kind", "strength").annotate(Count("pk"))
    for scope, strength, count in held:
        stops.add_metric([scope, str(strength)], count)
    yield stops
    events = GaugeMetricFamily("quantsite_risk_events_open", "Risk events that nobody has closed", labels=["kind"])
    found = RiskEvent.objects.filter(closed_at=None).order_by().values_list("kind").annotate(Count("pk"))
    for kind, count in found:
        events.add_metric([kind], count)
    yield events
    going = FlattenPlan.objects.filter(status__in=(PlanStatus.WAITING, PlanStatus.RUNNING)).count()
    yield GaugeMetricFamily("quantsite_flatten_plans_open", "Plans to close positions that wait or run", value=going)
    number = RiskRevision.objects.values_list("number", flat=True).first() or 0
    yield GaugeMetricFamily("quantsite_risk_revision", "How often limits, stops and terms have changed", value=number)
