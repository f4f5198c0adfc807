"""Counters of this process about its CTP sessions."""

from prometheus_client import Counter, Gauge

from quantsite.web.metrics import REGISTRY

CALLBACK_FAULTS = Counter(
    "quantsite_ctp_callback_faults", "Callbacks of the CTP library that failed in our hands", ["api"], registry=REGISTRY
)
MOVES = Counter("quantsite_ctp_session_moves", "State changes of CTP sessions", ["session", "state"], registry=REGISTRY)
STATE = Gauge("quantsite_ctp_session_state", "1 for the state it is in", ["session", "state"], registry=REGISTRY)
LOSSES = Counter(
    "quantsite_ctp_losses", "Connections to CTP fronts that broke, by nReason", ["session", "reason"], registry=REGISTRY
)
REFUSALS = Counter(
    "quantsite_ctp_refusals", "Steps of a login that a front refused", ["session", "step", "code"], registry=REGISTRY
)
TIMEOUTS = Counter(
    "quantsite_ctp_timeouts",
    "Connections, steps and queries that nobody answered",
    ["session", "of"],
    registry=REGISTRY,
)
TURNED_AWAY = Counter(
    "quantsite_ctp_queries_turned_away", "Queries to be asked again: -2, -3, 90", ["session"], registry=REGISTRY
)
QUERY_AGE = Gauge(
    "quantsite_ctp_query_age_seconds", "How long the oldest query waits for its answer", ["session"], registry=REGISTRY
)
PACED = Counter(
    "quantsite_ctp_paced", "Orders and cancels that our own pace held back", ["session", "what"], registry=REGISTRY
)
CONFLATED = Counter(
    "quantsite_ctp_quotes_conflated", "Quotes skipped because the reader was slow", ["session"], registry=REGISTRY
)
