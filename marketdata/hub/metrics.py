"""Figures about the market sockets of this process, for ``/metrics``; each web process tells its own."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from marketdata.broadcast import hubs
from marketdata.hub.clients import FIGURES
from quantsite.web.metrics import register_collector_without_rows


@register_collector_without_rows
def socket_metrics() -> Iterator[Metric]:
    """Connections, open channels, messages, and what happened to slow readers. Reads no row.

    How late the loop is stands beside them (``hub_lag``): it delays every message alike.
    """
    clients = [client for hub in hubs() for client in list(hub.clients)]
    channels = sum(len(hub.shelf.channels) for hub in hubs())
    yield GaugeMetricFamily("quantsite_market_sockets", "Market sockets that are open", value=len(clients))
    slow = sum(not client.clear for client in clients)
    yield GaugeMetricFamily("quantsite_market_sockets_slow", "Market sockets that do not keep up", value=slow)
    waiting = sum(client.waiting for client in clients)
    yield GaugeMetricFamily("quantsite_market_socket_bytes_waiting", "Bytes kept for slow readers", value=waiting)
    yield GaugeMetricFamily("quantsite_market_channels", "Channels that are open", value=channels)
    told = CounterMetricFamily("quantsite_market_messages", "Messages of channels", labels=["kind"])
    told.add_metric(["made"], FIGURES.messages)
    told.add_metric(["sent"], FIGURES.sent)
    told.add_metric(["conflated"], FIGURES.conflated)
    yield told
    ended = CounterMetricFamily("quantsite_market_sockets_ended", "Sockets that the hub ended", labels=["reason"])
    ended.add_metric(["slow"], FIGURES.closed_slow)
    ended.add_metric(["dead"], FIGURES.aborted)
    yield ended
