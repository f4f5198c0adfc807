"""Figures about the trading sockets of this process, for ``/metrics``; each web process tells its own."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from quantsite.web.metrics import register_collector_without_rows
from trading.broadcast import hubs
from trading.hub.figures import FIGURES


@register_collector_without_rows
def trading_socket_metrics() -> Iterator[Metric]:
    """Connections, accounts that are read for them, events, and what happened to slow readers. Reads no row.

    How late events are stands beside them (``figures.LAG``).
    """
    listeners = [listener for hub in hubs() for listener in list(hub.listeners)]
    accounts = sum(len(hub.channels) for hub in hubs())
    yield GaugeMetricFamily("quantsite_trading_sockets", "Trading sockets that are open", value=len(listeners))
    slow = sum(not listener.clear for listener in listeners)
    yield GaugeMetricFamily("quantsite_trading_sockets_slow", "Trading sockets that do not keep up", value=slow)
    waiting = sum(listener.waiting for listener in listeners)
    yield GaugeMetricFamily("quantsite_trading_socket_bytes_waiting", "Bytes of events that wait", value=waiting)
    yield GaugeMetricFamily("quantsite_trading_accounts_watched", "Accounts read for sockets", value=accounts)
    told = CounterMetricFamily("quantsite_trading_events", "Events of accounts, for sockets", labels=["kind"])
    told.add_metric(["read"], FIGURES.events)
    told.add_metric(["sent"], FIGURES.sent)
    yield told
    pictures = "Pictures of an account's risk that were sent"
    yield CounterMetricFamily("quantsite_trading_risk_pictures", pictures, value=FIGURES.risks)
    yield CounterMetricFamily("quantsite_trading_snapshots", "Snapshots read from rows", value=FIGURES.views)
    yield CounterMetricFamily("quantsite_trading_channels_refused", "Channels refused or ended", value=FIGURES.refused)
    ended = CounterMetricFamily("quantsite_trading_sockets_ended", "Sockets that were too slow")
    ended.add_metric([], FIGURES.closed_slow)
    yield ended
