"""How late the event loop of sockets is: what everything that it sends is late by at least."""

from prometheus_client import Histogram

from quantsite.web.metrics import REGISTRY

LAG = Histogram(
    "quantsite_socket_loop_lag_seconds",
    "How much later than asked the event loop of the sockets woke up",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def observe_lag(seconds: float) -> None:
    """Note one lateness, in seconds."""
    LAG.observe(max(seconds, 0.0))
