"""What lost messages and dead workers leave behind. Time is moved in the rows, nobody waits."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery, current_app
from celery.signals import before_task_publish
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from accounts.models import Alarm, User
from backtests import services, tasks
from backtests.alarms import GIVEN_UP, QUEUE_STUCK
from backtests.claims import claim
from backtests.models import MAX_ATTEMPTS, BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.runner import execute
from backtests.schedule import BEAT_SCHEDULE
from backtests.sweep import GAVE_UP, WAKE_AT_MOST, sweep
from backtests.tests.runs import taken

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def sent() -> Iterator[list[int]]:
    """The runs for which a message went to the real broker, in order."""
    runs: list[int] = []

    def note(sender: str = "", body: Any = None, **_: Any) -> None:
        if sender == services.RUN_TASK:
            runs.append(body[0][0])

    before_task_publish.connect(note)
    yield runs
    before_task_publish.disconnect(note)
    current_app.control.purge()


def aged(run: BacktestRun, **columns: timedelta) -> None:
    """Move moments of the row into the past."""
    BacktestRun.objects.filter(pk=run.pk).update(**{name: Now() - age for name, age in columns.items()})


def test_a_message_is_sent_after_the_commit(
    alice: User, asked: RunRequest, sent: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = services.run_backtest(alice, asked)
        assert sent == []
    assert sent == [run.pk]


def test_a_queued_run_whose_message_was_lost_is_woken_once_in_a_while(
    alice: User, asked: RunRequest, sent: list[int]
) -> None:
    run = services.run_backtest(alice, asked)
    assert sweep() == 0
    aged(run, created_at=timedelta(seconds=3))
    assert sweep() == 1
    assert sweep() == 0
    aged(run, woken_at=timedelta(seconds=31))
    assert sweep() == 1
    assert sent == [run.pk, run.pk]


def test_a_run_of_a_dead_worker_is_woken_and_computed_by_another(
    alice: User, asked: RunRequest, sent: list[int]
) -> None:
    run = services.run_backtest(alice, asked)
    taken(run, "dead")
    assert sweep() == 0
    aged(run, lease_until=timedelta(seconds=1))
    assert sweep() == 1
    assert sent == [run.pk]
    tasks.run(run.pk)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.SUCCEEDED, 2)
    tasks.run(run.pk)
    run.refresh_from_db()
    assert run.attempt == 2


def test_a_run_that_kills_its_workers_fails_with_a_sentence_and_an_alarm(
    alice: User, asked: RunRequest, sent: list[int]
) -> None:
    run = services.run_backtest(alice, asked)
    for _attempt in range(MAX_ATTEMPTS):
        taken(run)
        aged(run, lease_until=timedelta(seconds=1))
    assert sweep() == 0
    run.refresh_from_db()
    assert (run.status, run.error) == (RunStatus.FAILED, GAVE_UP)
    assert run.finished_at is not None
    alarm = Alarm.objects.get(code=GIVEN_UP)
    assert (alarm.subject, alarm.cleared_at) == (f"run {run.pk}", None)
    again = services.run_again(alice, run.pk)
    execute(taken(again))
    alarm.refresh_from_db()
    assert alarm.cleared_at is not None
    assert sent == []


def test_a_dead_workers_run_that_was_to_be_cancelled_is_cancelled(
    alice: User, asked: RunRequest, sent: list[int]
) -> None:
    run = services.run_backtest(alice, asked)
    taken(run)
    services.cancel_run(alice, run.pk)
    aged(run, lease_until=timedelta(seconds=1))
    assert sweep() == 0
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert claim(run.pk, "other") is None
    assert sent == []


def test_one_sweep_wakes_the_oldest_and_not_without_limit(alice: User, asked: RunRequest, sent: list[int]) -> None:
    first = services.run_backtest(alice, asked)
    copies = [BacktestRun.objects.get(pk=first.pk) for _ in range(WAKE_AT_MOST)]
    for copy in copies:
        copy.pk = None
    BacktestRun.objects.bulk_create(copies)
    BacktestRun.objects.update(created_at=Now() - timedelta(seconds=3))
    assert sweep() == WAKE_AT_MOST
    assert sent == sorted(sent)
    assert sent[0] == first.pk
    assert sweep() == 1


def test_an_alarm_stands_while_the_queue_is_stuck(alice: User, asked: RunRequest, sent: list[int]) -> None:
    run = services.run_backtest(alice, asked)
    aged(run, created_at=timedelta(minutes=11))
    sweep()
    sweep()
    assert Alarm.objects.open().get(code=QUEUE_STUCK).count == 1
    services.cancel_run(alice, run.pk)
    sweep()
    assert not Alarm.objects.open().filter(code=QUEUE_STUCK).exists()
    assert sent == [run.pk]


def test_every_sent_or_scheduled_name_is_a_registered_task() -> None:
    names = {services.RUN_TASK, *(entry["task"] for entry in BEAT_SCHEDULE.values())}
    assert names <= set(current_app.tasks)


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Celery app whose broker nobody answers for."""
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")  # it wins over what an app is told
    real = current_app._get_current_object()
    Celery("away").set_current()
    yield
    real.set_current()


def test_a_broker_that_is_away_delays_a_run_and_loses_nothing(
    alice: User, asked: RunRequest, broker_away: None, django_capture_on_commit_callbacks: Any
) -> None:
    with pytest.raises(OperationalError):
        current_app.connection_for_write().ensure_connection(max_retries=1, interval_start=0)
    before = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        run = services.run_backtest(alice, asked)
    assert time.monotonic() - before < 30
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
