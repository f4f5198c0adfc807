"""Figures about main contracts for ``/metrics``, read from the decisions themselves."""

from collections.abc import Iterator
from datetime import datetime, time

from django.db.models import Max
from prometheus_client.core import GaugeMetricFamily, Metric

from marketdata.daily_facts import MainContractDay
from marketdata.instruments import trading_calendar
from marketdata.main_contracts.state import late_products
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI
from quantsite.web.metrics import register_collector


@register_collector
def main_contract_metrics() -> Iterator[Metric]:
    """The newest day decided from, products late, and rolls on the newest day decided for."""
    newest = MainContractDay.objects.aggregate(seen=Max("decided_from"), day=Max("trading_day"))
    if newest["seen"] is not None:
        moment = datetime.combine(newest["seen"], time(), SHANGHAI)
        text = "Midnight (Shanghai) of the newest trading day from whose data main contracts were decided"
        yield GaugeMetricFamily("quantsite_main_contract_decided_timestamp_seconds", text, value=moment.timestamp())
        rows = MainContractDay.objects.filter(trading_day=newest["day"])
        decided = GaugeMetricFamily(
            "quantsite_main_contracts", "Main contracts of the newest day decided for", labels=["change"]
        )
        decided.add_metric(["kept"], rows.filter(rolled=False).count())
        decided.add_metric(["rolled"], rows.filter(rolled=True).count())
        yield decided
    try:
        late = len(late_products(trading_calendar()))
    except RuleError:  # no calendar, or it is over: the alarm about the calendar tells
        return
    yield GaugeMetricFamily(
        "quantsite_main_contract_products_late", "Products without a decision for the coming trading day", value=late
    )
