"""Figures about orders and accounts: counters of this process, and what the rows say at each scrape."""

from collections.abc import Iterator

from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from accounts.models import Lease
from quantsite.web.metrics import REGISTRY, register_collector
from trading.account_models import LEASE_PREFIX, AccountState, TradingAccount
from trading.choices import CommandStatus
from trading.order_models import AccountCommand, Order

EVENTS = Counter("quantsite_account_events", "Events of accounts written by this process", ["kind"], registry=REGISTRY)
IGNORED = Counter("quantsite_order_events_ignored", "Order events that told nothing new", registry=REGISTRY)
CONTRADICTIONS = Counter("quantsite_order_events_contradicting", "Order events that cannot be true", registry=REGISTRY)
FAILURES = Counter(
    "quantsite_gateway_failures", "Times that a gateway began anew after an error", ["account"], registry=REGISTRY
)
FOREIGN_ORDERS = Counter(
    "quantsite_orders_foreign",
    "Orders of other terminals: taken in, or lost for want of their instrument",
    ["account", "what"],
    registry=REGISTRY,
)
DATABASE_LOST = Counter(
    "quantsite_gateway_database_lost", "Times that a gateway's database did not answer", ["account"], registry=REGISTRY
)
STREAMS_AWAY = Gauge(
    "quantsite_gateway_streams_away", "1 where a gateway works by its rows alone", ["account"], registry=REGISTRY
)
TAKEN_SECONDS = Histogram(
    "quantsite_order_taken_seconds",
    "From the order's row to its being handed over",
    registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0),
)
REFUSED = Counter("quantsite_orders_refused", "Orders that the desk refused", ["rule"], registry=REGISTRY)
DECISION_SECONDS = Histogram(
    "quantsite_risk_decision_seconds",
    "What the limits and stops say to one order",
    registry=REGISTRY,
    buckets=(0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.05),
)
CHECKS_FAILED = Counter("quantsite_risk_checks_failed", "Checks of orders that could not be made", registry=REGISTRY)
RISK_UNREAD = Counter(
    "quantsite_risk_unread", "Times that a gateway could not read limits and stops", registry=REGISTRY
)
SWITCH_SECONDS = Histogram(
    "quantsite_switch_seconds",
    "From the click on a stop to the end of the account's last order",
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
)
HELD_ORDERS = Counter(
    "quantsite_orders_held", "Reducing orders that waited for one of their control group to go", registry=REGISTRY
)
LIMITS_TOLD = Counter(
    "quantsite_risk_limits_told", "Warnings and breaches of limits after the order", ["rule", "kind"], registry=REGISTRY
)
MONITOR_SECONDS = Histogram(
    "quantsite_risk_monitor_seconds",
    "What it takes to compute and store the risk of one account once",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0),
)
MONITOR_FAILURES = Counter(
    "quantsite_risk_monitor_failures", "Times that the risk of an account could not be computed", registry=REGISTRY
)
BROKER_COMPARISONS = Counter(
    "quantsite_broker_comparisons", "Comparisons of books with brokers", ["outcome"], registry=REGISTRY
)
PLAN_FAILURES = Counter(
    "quantsite_flatten_failures", "Times that a plan to close positions could not be carried on", registry=REGISTRY
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
