"""Figures about feeds and their streams for ``/metrics``, from the rows that the feeds write once a second."""

from collections.abc import Callable, Iterator

from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounts.models import Lease
from marketdata import stream
from marketdata.live_models import FeedState, Subscription
from marketdata.publishing.alarms import ALIVE
from marketdata.publishing.claims import lease_name
from marketdata.publishing.instrument_silence import silent_codes
from marketdata.publishing.path import FLAGS
from quantsite.web.metrics import register_collector

Value = Callable[[FeedState], float | None]


@register_collector
def feed_metrics() -> Iterator[Metric]:
    """Of each feed: whether it lives, how old its data are, what it published and refused, how its stream does."""
    states = list(FeedState.objects.all())
    living = set(Lease.objects.filter(expires_at__gt=Now()).values_list("name", flat=True))
    now = timezone.now()

    def up(state: FeedState) -> float | None:
        return float(lease_name(state.source) in living) if state.status in ALIVE else None

    def age(state: FeedState) -> float | None:
        known = state.last_tick_at is not None and state.status == "running"
        return (now - state.last_tick_at).total_seconds() if known and state.last_tick_at else None

    yield _gauge("quantsite_feed_up", "1 where a feed that should run holds its lease", states, up)
    yield _gauge("quantsite_feed_data_age_seconds", "Seconds since the last tick of a running feed", states, age)
    yield _gauge("quantsite_feed_instruments", "Instruments published", states, lambda state: state.instruments)
    yield _gauge(
        "quantsite_feed_pending_messages", "Messages the stream has not confirmed", states, _counter("pending")
    )
    yield _gauge(
        "quantsite_feed_silent_instruments",
        "Instruments of a live feed without a quote while their market trades",
        [state for state in states if state.kind == "ctp" and state.status == "running"],
        lambda state: len(silent_codes(state)),
    )
    frames = _frames(states)
    yield _gauge("quantsite_stream_frames", "Frames kept in the stream", states, lambda state: frames.get(state.source))
    yield _total("quantsite_feed_ticks", "Ticks published since the feed started", states, lambda state: state.ticks)
    yield _total("quantsite_feed_bars", "Bars published since the feed started", states, lambda state: state.bars)
    yield _total("quantsite_feed_dropped_messages", "Messages lost before the stream", states, _counter("dropped"))
    yield _total("quantsite_feed_frames_sent_again", "Frames a restarted stream lacked", states, _counter("sent_again"))
    odd = CounterMetricFamily("quantsite_feed_odd_ticks", "Ticks by what was odd", labels=["source", "reason"])
    for state in states:
        for reason in (*FLAGS, "refused"):
            odd.add_metric([state.source, reason], state.counters.get(reason, 0))
    yield odd
    wanted = Subscription.objects.values("instrument").distinct().count()
    yield GaugeMetricFamily("quantsite_subscribed_instruments", "Instruments that somebody wants", value=wanted)


def _gauge(name: str, text: str, states: list[FeedState], value: Value) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=["source"])
    for state in states:
        if (figure := value(state)) is not None:
            gauge.add_metric([state.source], figure)
    return gauge


def _total(name: str, text: str, states: list[FeedState], value: Value) -> CounterMetricFamily:
    total = CounterMetricFamily(name, text, labels=["source"])
    for state in states:
        total.add_metric([state.source], value(state) or 0)
    return total


def _counter(name: str) -> Value:
    return lambda state: state.counters.get(name, 0)


def _frames(states: list[FeedState]) -> dict[str, int]:
    """How long each stream is; nothing more once the server does not answer: the feed itself tells of that."""
    found: dict[str, int] = {}
    try:
        for state in states:
            found[state.source] = stream.length(state.source)
    except stream.UnreachableError:
        return found
    return found
