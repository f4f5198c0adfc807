"""Counters of the trading sockets of this process; ``metrics.py`` tells them."""

from prometheus_client import Histogram

from quantsite.web.metrics import REGISTRY

LAG = Histogram(
    "quantsite_trading_event_lag_seconds",
    "From an event's row being written, before its commit, to its being handed to the sockets",
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


class Figures:
    """What happened since the process began."""

    __slots__ = ("closed_slow", "events", "refused", "risks", "sent", "views")

    def __init__(self) -> None:
        self.events = 0
        self.sent = 0
        self.views = 0
        self.refused = 0
        self.risks = 0
        self.closed_slow = 0


FIGURES = Figures()
