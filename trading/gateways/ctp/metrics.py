"""Counters of this process about orders at CTP fronts."""

from prometheus_client import Counter, Gauge

from quantsite.web.metrics import REGISTRY

PUSHES = Counter(
    "quantsite_ctp_order_messages", "What fronts said of orders and trades", ["message"], registry=REGISTRY
)
REPLAYED = Counter(
    "quantsite_ctp_replays_ignored", "Repeated, late and replayed messages of orders and trades", registry=REGISTRY
)
ORDER_REFUSALS = Counter(
    "quantsite_ctp_order_refusals", "Orders and cancels that fronts refused", ["what", "error"], registry=REGISTRY
)
UNKNOWN_WORDS = Counter(
    "quantsite_ctp_unknown_words", "Letters and requests of fronts that nobody here knows", ["what"], registry=REGISTRY
)
IN_DOUBT = Gauge(
    "quantsite_ctp_orders_in_doubt", "Orders that may or may not have arrived at the broker", ["account"],
    registry=REGISTRY,
)  # fmt: skip
DOUBT_SECONDS = Gauge(
    "quantsite_ctp_doubt_seconds", "How long the oldest order has been in doubt", ["account"], registry=REGISTRY
)
PARKED = Gauge(
    "quantsite_ctp_trades_parked", "Trades whose order nobody has told of yet", ["account"], registry=REGISTRY
)
