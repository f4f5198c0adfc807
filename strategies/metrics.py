"""Figures about live strategies: counters of the runner's process, and what the rows say at each scrape."""

from collections.abc import Iterator

from django.db.models import Count
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from accounts.models import Lease
from quantsite.web.metrics import REGISTRY, register_collector
from strategies.instance_models import LEASE, StrategyInstance

EVENTS = Counter("quantsite_strategy_events", "Ticks, bars and news given to strategies", registry=REGISTRY)
SIGNALS = Counter("quantsite_strategy_signals", "Decisions of strategies stored", registry=REGISTRY)
ORDERS = Counter(
    "quantsite_strategy_orders", "Orders of strategies by what became of them", ["what"], registry=REGISTRY
)
EVENT_TO_ORDER = Histogram(
    "quantsite_strategy_event_to_order_seconds",
    "From the arrival of a tick, bar or news at the runner to the stored order",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.05, 0.1, 0.5, 2.0),
)
DECIDED_TO_ORDER = Histogram(
    "quantsite_strategy_decided_to_order_seconds",
    "Of that the part from when all of its step was decided",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.05, 0.1, 0.5, 2.0),
)
EVENT_SECONDS = Histogram(
    "quantsite_strategy_event_seconds",
    "What the slowest event of an instance took in one step",
    registry=REGISTRY,
    buckets=(0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 0.2, 1.0, 5.0),
)
QUEUE = Gauge("quantsite_strategy_queue", "Frames and news that wait for the runner", registry=REGISTRY)
ASIDE = Gauge("quantsite_strategy_aside", "Writes of the runner that wait beside its loop", registry=REGISTRY)
BEHIND = Gauge("quantsite_strategy_process_queue", "Inputs that wait for processes of strategies", registry=REGISTRY)
PUT_BACK = Counter(
    "quantsite_strategy_put_back",
    "Times that a process of a strategy computed long and came behind the others",
    registry=REGISTRY,
)
FAILURES = Counter("quantsite_strategy_failures", "Strategies that have failed", ["reason"], registry=REGISTRY)
FAULTS = Counter("quantsite_strategy_faults", "Events at which a strategy raised an error", registry=REGISTRY)
RESTARTS = Counter("quantsite_strategy_runner_restarts", "Times that the runner began anew", registry=REGISTRY)
STATE_AGE = Gauge(
    "quantsite_strategy_state_age_seconds", "Age of the oldest state that is not stored", registry=REGISTRY
)
GAPS = Counter("quantsite_strategy_gaps", "Times that an instance had missed ticks or bars", registry=REGISTRY)

PRUNED = Counter("quantsite_strategy_rows_pruned", "Old signals and log lines deleted", ["kind"], registry=REGISTRY)

ROLLS = Counter("quantsite_strategy_rolls", "Rolls by how they have ended", ["outcome"], registry=REGISTRY)
ROLL_EXPOSURE = Histogram(
    "quantsite_strategy_roll_exposure_seconds",
    "How long lots of a roll were held in neither contract or in both, by the market clock",
    registry=REGISTRY,
    buckets=(0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0),
)

PAPER_DAYS = Counter(
    "quantsite_strategy_paper_days", "Days on paper that became evidence, by whether they passed", ["result"],
    registry=REGISTRY,
)  # fmt: skip


@register_collector
def strategy_metrics() -> Iterator[Metric]:
    """How many instances are wanted and how they are, whether somebody runs them, and the age of the runner's word."""
    states = GaugeMetricFamily("quantsite_strategy_instances", "Instances by what is wanted and how they are",
                               labels=["stage", "activity", "health"])  # fmt: skip
    rows = StrategyInstance.objects.on_duty().order_by()
    for stage, activity, health, number in rows.values_list("stage", "activity", "health").annotate(n=Count("pk")):
        states.add_metric([stage, activity, health], number)
    yield states
    on_duty = rows.exists()
    running = Lease.objects.filter(name__startswith=LEASE, expires_at__gt=Now()).exists()
    up = GaugeMetricFamily("quantsite_strategy_runner_up", "1 where strategies are to run and a runner holds the lease")
    if on_duty:
        up.add_metric([], float(running))
    yield up
    told = rows.exclude(told_at=None).order_by("told_at").values_list("told_at", flat=True).first()
    age = GaugeMetricFamily("quantsite_strategy_word_age_seconds", "Since the runner said anything of some instance")
    if told is not None:
        age.add_metric([], (timezone.now() - told).total_seconds())
    yield age
