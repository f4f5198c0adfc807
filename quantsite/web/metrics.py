"""Prometheus metrics: requests counted here, all else computed from rows when the page is scraped."""

from collections.abc import Callable, Iterable, Iterator

import structlog
from django.db import Error as DatabaseError
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from quantsite.web.probe import ask_database

log = structlog.get_logger(__name__)

Source = Callable[[], Iterable[Metric]]

REGISTRY = CollectorRegistry(auto_describe=False)
"""What this process counts itself."""
ROWS = CollectorRegistry(auto_describe=False)
"""What sources tell, most of them from rows."""
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
ProcessCollector(registry=REGISTRY)

_sources: dict[str, Source] = {}
_rowless: dict[str, Source] = {}


def register_collector(source: Source) -> Source:
    """Let ``source`` be asked for its metrics at each scrape; usable as a decorator.

    A source reads rows: every process then tells the same figures, and none is lost by a restart.
    """
    _sources[f"{source.__module__}.{source.__qualname__}"] = source
    return source


def register_collector_without_rows(source: Source) -> Source:
    """The same for a source that answers without a database too."""
    _rowless[f"{source.__module__}.{source.__qualname__}"] = source
    return source


class _Sources(Collector):
    def collect(self) -> Iterator[Metric]:
        """The metrics of all sources, and which of them could read their rows: a dead database ends no page."""
        up = GaugeMetricFamily("quantsite_metric_source_up", "1 where a source could read its rows", labels=["source"])
        for source in _rowless.values():
            yield from source()
        there = _database_there()
        for name, source in _sources.items():
            metrics = _read(name, source) if there else None
            up.add_metric([name], 0.0 if metrics is None else 1.0)
            yield from metrics or ()
        yield up


def _database_there() -> bool:
    try:
        ask_database()
    except DatabaseError as error:
        log.warning("no metrics from rows", reason=str(error))
        return False
    return True


def _read(name: str, source: Source) -> list[Metric] | None:
    try:
        return list(source())
    except DatabaseError:
        log.warning("metric source failed", source=name, exc_info=True)
        return None


ROWS.register(_Sources())


def exposition(*, rows: bool = True) -> tuple[bytes, str]:
    """The page's body and content type; without ``rows`` only what this process counts itself."""
    own = generate_latest(REGISTRY)
    return own + generate_latest(ROWS) if rows else own, CONTENT_TYPE_LATEST
