"""A worker killed in the middle of a run: the run ends once, by itself, after a worker is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery, current_app
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from backtests import services
from backtests.models import LEASE, BacktestDay, BacktestFill, BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from marketdata.services import store_simulated_bars
from quantsite.testing.patience import SOON

pytestmark = [pytest.mark.servers, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

SECONDS = 90.0
POLL_SECONDS = 0.005


@pytest.fixture
def long_run(db: None, asked: RunRequest) -> RunRequest:
    """Three years of minutes, bar by bar: work for a second or more, so that it can be interrupted."""
    store_simulated_bars(None, interval="1m", first=date(2020, 1, 2), last=date(2022, 12, 30), seed=5)
    return replace(asked, interval="1m", form="plain")


class Workers:
    """Real worker processes with beat, on the database and broker of the test."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder = folder
        self.broker = broker
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """A worker as README starts it; its own process group, so that it can be killed with its children."""
        log = (self.folder / f"worker-{len(self.processes)}.log").open("wb")
        worker = [sys.executable, "-m", "celery", "-A", "quantsite.celery", "worker", "-B", "--concurrency", "1"]
        pool = ["--pool", "threads"] if self.broker.startswith("filesystem") else ["--pool", "prefork"]
        process = subprocess.Popen(
            [*worker, *pool, "--schedule", str(self.folder / "beat")],
            cwd=settings.BASE_DIR,
            env=self._environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        database = settings.DATABASES["default"]
        environment = {**os.environ, "QUANTSITE_VAR_DIR": str(self.folder), "CELERY_BROKER_URL": self.broker}
        if settings.EMBEDDED:
            link = self.folder / "quantsite.sqlite3"
            if not link.is_symlink():
                link.symlink_to(connection.settings_dict["NAME"])
            environment |= {"QUANTSITE_SECRET_KEY": settings.SECRET_KEY, "QUANTSITE_AUDIT_KEY": settings.AUDIT_KEY}
        else:
            own = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database['NAME']}")
            environment["DATABASE_URL"] = own.geturl()
        return environment

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the worker and its children at the same instant."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(SOON)

    def logs(self) -> str:
        """What the workers wrote, for the message of a failure."""
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted(self.folder.glob("*.log")))


BROKERS = ["filesystem"] if settings.EMBEDDED else ["redis"]
"""Each where it is used: the run of the embedded default has the other."""


@pytest.fixture(params=BROKERS)
def workers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Workers on one of the two brokers; the messages of the test itself go to the same one."""
    broker = str(settings.REDIS_URL) if request.param == "redis" else "filesystem://"
    started = Workers(tmp_path, broker)
    real = current_app._get_current_object()
    monkeypatch.setenv("CELERY_BROKER_URL", broker)
    Celery("test", changes={"broker_transport_options": spool(tmp_path) if "file" in broker else {}}).set_current()
    yield started
    real.set_current()
    for process in started.processes:
        if process.poll() is None:
            started.kill(process)


def spool(folder: Path) -> dict[str, str | bool]:
    """The settings' file-system broker, moved to the folder of the workers."""
    queue, control = folder / "celery" / "queue", folder / "celery" / "control"
    for part in (queue, control):
        part.mkdir(parents=True, exist_ok=True)
    return {"data_folder_in": str(queue), "data_folder_out": str(queue), "control_folder": str(control)}


def wait_for(condition: Callable[[], bool], workers: Workers, what: str) -> None:
    """Ask the rows until it is so."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {SECONDS:.0f} s\n{workers.logs()}")
        time.sleep(POLL_SECONDS)


def test_a_killed_worker_delays_a_run_and_neither_loses_nor_doubles_it(
    alice: User, long_run: RunRequest, workers: Workers
) -> None:
    expected = finished(alice, long_run)
    run = BacktestRun.objects.get(pk=services.run_backtest(alice, long_run).pk)
    row = BacktestRun.objects.filter(pk=run.pk)
    first = workers.start()
    wait_for(lambda: row.filter(progress__gt=0).exists(), workers, "progress of the run")
    workers.kill(first)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.RUNNING, 1), "it was to be killed in the middle of the run"
    assert not BacktestFill.objects.filter(run=run).exists()
    left = run.lease_until
    assert left is not None

    workers.start()
    # Half a minute of the lease passes by moving it, not by waiting.
    row.filter(attempt=1).update(lease_until=Now() - timedelta(seconds=1))
    wait_for(lambda: row.filter(status=RunStatus.SUCCEEDED).exists(), workers, "the end of the run")
    run.refresh_from_db()
    assert run.attempt == 2
    assert run.result_hash == expected.result_hash
    assert BacktestFill.objects.filter(run=run).count() == expected.fill_count
    assert BacktestDay.objects.filter(run=run).count() == expected.days.count()
    assert run.started_at is not None
    assert left - run.started_at >= LEASE


@pytest.mark.soak
def test_nobody_needs_to_move_the_lease(alice: User, long_run: RunRequest, workers: Workers) -> None:
    run = services.run_backtest(alice, long_run)
    row = BacktestRun.objects.filter(pk=run.pk)
    first = workers.start()
    wait_for(lambda: row.filter(progress__gt=0).exists(), workers, "progress of the run")
    workers.kill(first)
    workers.start()
    wait_for(lambda: row.filter(status=RunStatus.SUCCEEDED).exists(), workers, "the end of the run")
    run.refresh_from_db()
    assert (run.attempt, BacktestFill.objects.filter(run=run).count()) == (2, run.fill_count)
