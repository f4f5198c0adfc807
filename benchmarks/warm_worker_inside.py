"""The measurement of ``warm_worker.py`` on the servers that the environment names."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from backtests import services
from backtests.models import BacktestRun, RunStatus
from backtests.requests import CostOptions, RunRequest
from backtests.run_document import TIMING
from benchmarks.figures import Figure, show
from benchmarks.walk import random_walk
from marketdata.bar_store import insert, refresh
from marketdata.instruments import ensure_instrument
from marketdata.locks import lock_bars
from marketdata.services import BarImportOptions, import_bars

RECORDED = settings.BASE_DIR.parent / "shared" / "data" / "bars" / "SHFE.rb.HOT_5m_2014-2019.csv.gz"
MADE_UP_BARS = 101_928
RUNS = 15
LONGEST_SECONDS = 120.0
LOOK_SECONDS = 0.002
"""How often the row is looked at: rarely enough to leave the two cores to the worker and the database."""


def figures() -> Iterator[Figure]:
    """The first run of a series, then the median of warm runs and where their time goes."""
    call_command("migrate", verbosity=0)
    request = _request()
    with _worker():
        _measured(request)  # the worker is up once this is stored
        yield Figure("warm_worker.bars", float(BacktestRun.objects.latest("pk").bar_count or 0), "bars")
        taken = [_measured(request) for _ in range(RUNS)]
    middle = {name: statistics.median(one[name] for one in taken) for name in taken[0]}
    yield Figure("warm_worker.queued_to_stored.seconds", middle.pop("stored"), "s")
    yield Figure("warm_worker.queued_to_stored.worst.seconds", max(one["stored"] for one in taken), "s")
    for name, seconds in middle.items():
        yield Figure(f"warm_worker.part.{name}.seconds", seconds, "s")


def _request() -> RunRequest:
    """double_ma 10/30 on the bars, which are stored here."""
    costs = CostOptions(multiplier=10.0, price_tick=1.0, commission_rate=0.0001, slippage_ticks=1, margin_rate=0.1)
    if RECORDED.is_file():
        import_bars(None, RECORDED, "rb88.SHFE", "5m", BarImportOptions(bar_time="end"))
        return RunRequest("double_ma", "rb88.SHFE", "5m", costs=costs)
    bars = random_walk(MADE_UP_BARS)
    instrument = ensure_instrument(bars.instrument, date(2022, 1, 4))
    with transaction.atomic():
        coverage = lock_bars(instrument, bars.interval)
        insert(bars, coverage)
        refresh(coverage)
    return RunRequest("double_ma", bars.instrument, bars.interval, costs=costs)


@contextmanager
def _worker() -> Iterator[None]:
    """One worker with one process, as servers run it, but without beat."""
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "celery", "-A", "quantsite.celery", "worker"]
        options = ["--pool", "prefork", "--concurrency", "1", "--loglevel", "ERROR"]
        process = subprocess.Popen([*command, *options], cwd=Path(settings.BASE_DIR), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _measured(request: RunRequest) -> dict[str, float]:
    """One run: seconds until its result can be seen, and its parts."""
    began = time.perf_counter()
    run = services.run_backtest(None, request)
    queued, clock = time.perf_counter(), time.time()
    rows = BacktestRun.objects.filter(pk=run.pk).values_list("status", flat=True)
    while (status := rows.get()) in {RunStatus.QUEUED, RunStatus.RUNNING}:
        if time.perf_counter() - queued > LONGEST_SECONDS:
            raise TimeoutError("no worker took the run")
        time.sleep(LOOK_SECONDS)
    stored = time.perf_counter() - queued
    run.refresh_from_db()
    if status != RunStatus.SUCCEEDED or run.started_at is None:
        raise RuntimeError(f"the run {status}: {run.error}")
    parts = {name.removesuffix("_seconds"): run.timing[name] for name in TIMING}
    total = parts.pop("total")
    claimed = run.started_at.timestamp() - clock
    return {
        "stored": stored,
        "ask": queued - began,
        "message": claimed,
        **parts,
        "read_request": total - sum(parts.values()),
        "claim_and_commit": stored - claimed - total,
    }


if __name__ == "__main__":
    show(figures())
