"""The Celery app: settings from Django, tasks from every app, beat entries from ``<app>/schedule.py``.

Start it with ``celery -A quantsite.celery worker -B --pool threads`` in the embedded size (one process with
beat), with prefork workers and one ``beat`` of its own on servers.
"""

import os
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, signals
from django.conf import settings
from django.db import connections

from quantsite import file_broker
from quantsite.web import request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")

log = structlog.get_logger(__name__)

APPS = ("accounts", "marketdata", "trading", "strategies", "backtests")


def beat_schedule() -> dict[str, Any]:
    """The entries of every app's ``schedule.py``. Raises ``ValueError`` where two apps use one name."""
    entries: dict[str, Any] = {}
    for name in APPS:
        if find_spec(f"{name}.schedule") is None:
            continue
        own = import_module(f"{name}.schedule").BEAT_SCHEDULE
        if twice := entries.keys() & own.keys():
            raise ValueError(f"beat entries of {name} are taken already: {', '.join(sorted(twice))}")
        entries |= own
    return entries


def make_folders() -> None:
    """Make the folders of a broker on the file system, and the one where beat keeps its times.

    On servers only beat needs its folder, so that a web process with a read-only disk starts all the same.
    """
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for name in ("data_folder_in", "data_folder_out", "control_folder"):
        if folder := options.get(name):
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        Path(settings.CELERY_BEAT_SCHEDULE_FILENAME).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        log.warning("beat cannot run here", reason=str(error))


make_folders()
file_broker.use()
app = Celery("quantsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = beat_schedule()
app.autodiscover_tasks()


@signals.before_task_publish.connect
def send_request_id(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Put the id of what runs now on the message."""
    if headers is not None:
        headers.setdefault(request_id.CONTEXT_KEY, request_id.current() or request_id.new())


@signals.task_prerun.connect
def bind_task(task_id: str, task: Any, **_: Any) -> None:
    """Let the task's log lines and rows carry the id of the request that asked for it; start the clock."""
    task.request.started = time.perf_counter()
    identifier = task.request.get(request_id.CONTEXT_KEY) or request_id.new()
    structlog.contextvars.bind_contextvars(
        **{request_id.CONTEXT_KEY: request_id.accepted(str(identifier)), "task": task.name, "task_id": task_id}
    )


@signals.task_postrun.connect
def unbind_task(task: Any, state: str | None = None, **_: Any) -> None:
    """Write one line about the task and forget it; what beat sends every few seconds is routine while it succeeds."""
    routine = state == "SUCCESS" and task.name in {entry["task"] for entry in app.conf.beat_schedule.values()}
    seconds = time.perf_counter() - getattr(task.request, "started", time.perf_counter())
    (log.debug if routine else log.info)("task", state=state, duration_ms=round(seconds * 1e3, 1))
    structlog.contextvars.unbind_contextvars(request_id.CONTEXT_KEY, "task", "task_id")


@signals.setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery configures no logging where a receiver stands; the settings have done it."""


@signals.worker_process_init.connect
def forget_inherited_pools(**_: Any) -> None:
    """Drop the connection pools of the parent: its sockets are shared after a fork and its threads are gone.

    They are forgotten, not closed: closing would end the parent's sessions (psycopg closes a connection only
    in the process that opened it).
    """
    for connection in connections.all(initialized_only=True):
        pools = getattr(connection, "_connection_pools", None)
        if pools:
            pools.clear()
