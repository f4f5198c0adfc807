"""Prometheus metrics: requests counted here, all else computed from rows when the page is scraped."""

from collections.abc import Callable, Iterable, Iterator

import structlog
from django.db import Error as DatabaseError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)

Source = Callable[[], Iterable[Metric]]

REGISTRY = CollectorRegistry(auto_describe=False)
REQUESTS = Counter(
    "quantsite_http_requests_total", "Requests answered", ["method", "view", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "quantsite_http_request_seconds",
    "Time until the response started",
    ["view"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SOURCE_ERRORS = Gauge(
    "quantsite_metric_source_up", "1 where the figures of a source could be read", ["source"], registry=REGISTRY
)
ProcessCollector(registry=REGISTRY)

_sources: dict[str, Source] = {}


def register_collector(source: Source) -> Source:
    """Let ``source`` be asked for its metrics at each scrape; usable as a decorator.

    A source reads rows: every process then tells the same figures, and none is lost by a restart.
    """
    _sources[f"{source.__module__}.{source.__qualname__}"] = source
    return source


class _Rows(Collector):
    def collect(self) -> Iterator[Metric]:
        """The metrics of all sources; one that cannot read the database is reported instead of ending the page."""
        for name, source in _sources.items():
            try:
                metrics = list(source())
            except DatabaseError:
                log.warning("metric source failed", source=name, exc_info=True)
                SOURCE_ERRORS.labels(name).set(0)
                continue
            SOURCE_ERRORS.labels(name).set(1)
            yield from metrics


REGISTRY.register(_Rows())


def exposition() -> tuple[bytes, str]:
    """The page's body and content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
