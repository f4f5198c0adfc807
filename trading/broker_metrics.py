"""Figures about accounts at brokers, from rows at each scrape: how old the last comparison is, and what it found."""

from collections.abc import Iterator

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from quantsite.web.metrics import register_collector
from trading.account_models import TradingAccount
from trading.books_models import BrokerComparison

READY = "ready"


@register_collector
def broker_metrics() -> Iterator[Metric]:
    """Of each open account whose session is ready; ``in_a_row`` is 0 while the books agree."""
    age = GaugeMetricFamily(
        "quantsite_broker_comparison_age_seconds", "Age of the last comparison with the broker", labels=["account"]
    )
    in_a_row = GaugeMetricFamily(
        "quantsite_broker_differences_in_a_row", "Comparisons in a row that found a difference", labels=["account"]
    )
    newest = BrokerComparison.objects.filter(account=OuterRef("pk")).order_by("-pk")
    accounts = TradingAccount.objects.filter(is_active=True, state__gateway="running", broker_session__state=READY)
    compared = Subquery(newest.values("created_at")[:1])
    rows = accounts.annotate(compared=compared, found=Subquery(newest.values("successive")[:1]))
    now = timezone.now()
    for code, at, since, found in rows.values_list("code", "compared", "broker_session__since", "found"):
        age.add_metric([code], (now - (at or since or now)).total_seconds())
        in_a_row.add_metric([code], found or 0)
    yield age
    yield in_a_row
