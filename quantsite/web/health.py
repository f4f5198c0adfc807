"""Whether this process can serve: ``/healthz`` (it is alive), ``/readyz`` (what it needs is there)."""

import uuid
from collections.abc import Callable, Iterator

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from quantsite.web.metrics import register_collector_without_rows
from quantsite.web.probe import ask_database

log = structlog.get_logger("quantsite.health")

FAILURES = (DatabaseError, RedisError, KombuError, OSError, ConnectionError, RuntimeError)


class NotReadyError(RuntimeError):
    """Something that the platform needs is not as it must be."""


def cache_store() -> None:
    """Write and read one short-lived key. Raises ``NotReadyError`` where it is not kept."""
    key, value = f"ready:{uuid.uuid4().hex}", "1"
    cache.set(key, value, timeout=10)
    if cache.get(key) != value:
        raise NotReadyError("the cache forgot what was just written")


def broker() -> None:
    """Open the connection that tasks are sent by."""
    with current_app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=2)
        link.default_channel.close()


def migrations() -> None:
    """Raises ``NotReadyError`` naming the first migration that the database lacks."""
    plan = unapplied()
    if plan:
        raise NotReadyError(f"{len(plan)} migrations are not applied, the first is {plan[0]}")


def unapplied() -> list[str]:
    """The migrations that the database lacks, in order."""
    executor = MigrationExecutor(connection)
    return [str(step) for step, _backwards in executor.migration_plan(executor.loader.graph.leaf_nodes())]


NEEDS: dict[str, Callable[[], None]] = {
    "database": ask_database,
    "cache": cache_store,
    "broker": broker,
    "migrations": migrations,
}


def findings() -> dict[str, str]:
    """What is wrong, by the name of the need; empty when the process can serve."""
    wrong: dict[str, str] = {}
    for name, ask in NEEDS.items():
        if ask is migrations and "database" in wrong:  # each wait for a dead database takes its time
            wrong[name] = "not asked: no database"
            continue
        try:
            ask()
        except FAILURES as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    return wrong


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """``ok`` as long as the process answers; it asks nothing of others, so that no restart follows their fault."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """``ok`` or ``unready`` (503), one word for anybody; what is missing stands in the log and in /metrics."""
    wrong = findings()
    if wrong:
        log.warning("not ready", **wrong)
    return HttpResponse("unready\n" if wrong else "ok\n", status=503 if wrong else 200, content_type="text/plain")


@register_collector_without_rows
def readiness() -> Iterator[Metric]:
    """One gauge a need: 1 where it is met."""
    gauge = GaugeMetricFamily("quantsite_ready", "1 where the need is met", labels=["need"])
    wrong = findings()
    for name in NEEDS:
        gauge.add_metric([name], 0.0 if name in wrong else 1.0)
    yield gauge
