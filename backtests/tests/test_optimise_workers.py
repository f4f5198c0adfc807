"""Worker processes: any number of them gives the same; one that is killed loses and doubles nothing."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery import Celery, current_app
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from backtests.optimise import services
from backtests.optimise.local import LocalWorkers
from backtests.optimise.models import OptimizationRun, TrialChunk, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest
from backtests.states import RunStatus
from backtests.tests.optimisations import optimized, outcome
from backtests.tests.test_worker_killed import BROKERS, Workers, spool, wait_for

pytestmark = [pytest.mark.servers, pytest.mark.embedded, pytest.mark.django_db(transaction=True)]

COSTS = ("--multiplier", "10", "--price-tick", "1", "--commission-rate", "0.0001", "--margin-rate", "0.1")
GRID = ("double_ma", "--instrument", "simrb88.SIM", "--interval", "5m", "--grid", "fast=2:6:1", "--grid", "slow=8:24:4")


@pytest.fixture(autouse=True)
def database(db: None) -> Iterator[None]:
    """Child processes of the embedded default look for the database by its own name."""
    if not settings.EMBEDDED:
        yield
        return
    link = Path(settings.VAR_DIR) / "quantsite.sqlite3"
    made = not link.exists()
    if made:
        link.symlink_to(connection.settings_dict["NAME"])
    yield
    if made:
        link.unlink()


def printed(*words: str) -> dict[str, Any]:
    """The JSON object of the command, the only thing that it prints."""
    out = StringIO()
    call_command("optimize", *GRID, *COSTS, "--json", *words, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_one_two_and_four_processes_print_the_same(asked: Any) -> None:
    answers = [printed("--workers", str(count)) for count in (1, 2, 4)]
    first = answers[0]
    assert len(first["trials"]) == 25
    assert set(first) >= {"trials", "best", "overfitting", "timing"}
    assert set(first["trials"][0]) >= {"parameters", "net_profit", "fills", "result_hash", "statistics"}
    for other in answers[1:]:
        assert other["trials"] == first["trials"]
        assert other["best"] == first["best"]
        assert other["overfitting"]["pbo"] == first["overfitting"]["pbo"]
    single = StringIO()
    parameters = first["best"]["parameters"]
    sets = [word for name, value in parameters.items() for word in ("--set", f"{name}={value}")]
    call_command("run_backtest", *GRID[:5], *COSTS, *sets, "--json", stdout=single)
    assert json.loads(single.getvalue())["result_hash"] == first["best"]["result_hash"]


def test_walk_forward_prints_in_sample_against_out_of_sample(asked: Any) -> None:
    out = StringIO()
    windows = ("--in-sample", "10", "--out-of-sample", "5", "--gap", "1", "--workers", "2", "--json")
    call_command("walk_forward", *GRID, *COSTS, *windows, stdout=out)
    answer = json.loads(out.getvalue())
    assert [window["number"] for window in answer["windows"]] == [1, 2, 3]
    assert len(answer["equity"]) == 15
    assert WalkForwardRun.objects.get().status == RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--grid", "fast=7"], "twice"),
        (["--constraint", "nonsense"], "name>=number"),
        (["--fix", "slow=9"], "both searched and fixed"),
        (["--method", "tpe"], "trials must be from"),
    ],
)
def test_refused_input_is_one_sentence(asked: Any, words: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        printed(*words)
    assert not OptimizationRun.objects.exists()


@pytest.fixture
def long_search(searched: OptimizationRequest) -> OptimizationRequest:
    """Some seconds of work in chunks of a few trials."""
    return replace(searched, space={"fast": "2:41:1", "slow": "42:81:1"})


def test_a_killed_local_worker_is_replaced_and_nothing_is_lost_or_doubled(
    alice: User, long_search: OptimizationRequest
) -> None:
    expected = optimized(alice, long_search)
    run = services.optimize(alice, long_search, "command")
    with LocalWorkers([run.pk], 2, "command") as workers:
        killed: list[int] = []

        def kill_once() -> None:
            if not killed and TrialChunk.objects.filter(run=run, status=RunStatus.SUCCEEDED).count() > 2:
                process = next(iter(workers._running.values()))
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)

        workers.wait(kill_once)
    run.refresh_from_db()
    assert killed
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    assert outcome(run) == outcome(expected)
    assert (run.done, run.best) == (expected.done, expected.best)


def test_processes_end_with_their_command_and_after_it(alice: User, long_search: OptimizationRequest) -> None:
    run = services.optimize(alice, long_search, "command")
    with LocalWorkers([run.pk], 2, "command") as workers:
        started = list(workers._running.values())
        wait_until(lambda: TrialChunk.objects.filter(run=run, status=RunStatus.SUCCEEDED).exists())
    assert all(process.poll() is not None for process in started)
    assert not TrialChunk.objects.filter(run=run, status=RunStatus.RUNNING, lease_until__gt=Now()).exists()


def test_ctrl_c_stops_the_workers_and_leaves_what_can_be_resumed(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Any] = []
    real = LocalWorkers.__exit__

    def note(self: LocalWorkers, *details: object) -> None:
        stopped.extend(self._running.values())
        real(self, *details)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalWorkers, "__exit__", note)
    monkeypatch.setattr(LocalWorkers, "wait", interrupt)
    with pytest.raises(CommandError, match="cancelled"):
        printed("--workers", "2")
    assert len(stopped) == 2
    assert all(process.poll() is not None for process in stopped)
    run = OptimizationRun.objects.get()
    assert run.status == RunStatus.CANCELLED
    monkeypatch.undo()
    out = StringIO()
    call_command("resume_optimization", str(run.pk), "--workers", "1", "--json", stdout=out)
    assert json.loads(out.getvalue())["counts"]["done"] == 25


def wait_until(condition: Callable[[], bool]) -> None:
    """Ask the rows until it is so."""
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(params=BROKERS)
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Workers of the site on one of the two brokers; the messages of the test itself go to the same one."""
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


def test_a_killed_worker_of_the_site_delays_an_optimisation_and_neither_loses_nor_doubles_a_trial(
    alice: User, long_search: OptimizationRequest, site: Workers
) -> None:
    expected = optimized(alice, long_search)
    run = services.optimize(alice, long_search)
    first = site.start()
    chunks = TrialChunk.objects.filter(run=run)
    wait_for(lambda: chunks.filter(status=RunStatus.SUCCEEDED).exists(), site, "the first chunk")
    site.kill(first)
    assert OptimizationRun.objects.get(pk=run.pk).status == RunStatus.RUNNING
    # Half a minute of the lease passes by moving it, not by waiting.
    chunks.filter(status=RunStatus.RUNNING).update(lease_until=Now() - timedelta(seconds=1))
    site.start()
    row = OptimizationRun.objects.filter(pk=run.pk)
    wait_for(lambda: row.filter(status=RunStatus.SUCCEEDED).exists(), site, "the end of the optimisation")
    run.refresh_from_db()
    assert outcome(run) == outcome(expected)
    assert (run.done, run.skipped, run.best) == (expected.done, expected.skipped, expected.best)


def test_the_command_waits_for_the_sites_workers(asked: Any, site: Workers) -> None:
    site.start()
    answer: dict[str, Any] = {}

    def command() -> None:
        try:
            answer.update(printed("--queue"))
        finally:
            connection.close()

    waiting = Thread(target=command)
    waiting.start()
    waiting.join(90)
    assert len(answer["trials"]) == 25
    assert OptimizationRun.objects.get().held_by == ""
