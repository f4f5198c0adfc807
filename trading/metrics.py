"""Figures about orders and accounts: counters of this process, and what the rows say at each scrape."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from accounts.models import Lease
from quantsite.web.metrics import register_collector
from trading.account_models import LEASE_PREFIX, AccountState, TradingAccount
from trading.choices import CommandStatus
from trading.order_models import AccountCommand, Order

EVENTS = Counter("quantsite_account_events", "Events of accounts written by this process", ["kind"])
IGNORED = Counter("quantsite_order_events_ignored", "Order events that told nothing new")
CONTRADICTIONS = Counter("quantsite_order_events_contradicting", "Order events that cannot be true")
TAKEN_SECONDS = Histogram(
    "quantsite_order_taken_seconds",
    "From the order's row to its being handed over",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0),
)


@register_collector
def trading_metrics() -> Iterator[Metric]:
    """Working orders by status, the inboxes, and of each open account whether its gateway lives and says so."""
    orders = GaugeMetricFamily("quantsite_orders_working", "Orders that may still fill", labels=["status"])
    for status, count in Order.objects.working().order_by().values_list("status").annotate(Count("pk")):
        orders.add_metric([status], count)
    yield orders
    queued = AccountCommand.objects.filter(status=CommandStatus.QUEUED).aggregate(Count("pk"), Min("created_at"))
    yield GaugeMetricFamily("quantsite_inbox_commands", "Commands that wait for a gateway", value=queued["pk__count"])
    oldest = queued["created_at__min"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield GaugeMetricFamily("quantsite_inbox_age_seconds", "Age of the oldest waiting command", value=age)
    gateways = GaugeMetricFamily("quantsite_accounts", "Accounts by the state of their gateway", labels=["gateway"])
    for state, count in AccountState.objects.order_by().values_list("gateway").annotate(Count("pk")):
        gateways.add_metric([state], count)
    yield gateways
    yield _gateways_up()


def _gateways_up() -> Metric:
    """Of gateways that say they run: one that was killed says so for ever, and holds no lease."""
    up = GaugeMetricFamily(
        "quantsite_gateway_up", "1 where a gateway that should run holds its lease", labels=["account"]
    )
    living = set(Lease.objects.filter(expires_at__gt=Now()).values_list("name", flat=True))
    for account in TradingAccount.objects.filter(is_active=True, state__gateway="running"):
        up.add_metric([account.code], float(f"{LEASE_PREFIX}{account.code}" in living))
    return up
