"""What lost messages and dead workers leave of an optimisation. Time is moved in the rows, nobody waits."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from celery.signals import before_task_publish
from django.db.models.functions import Now

from accounts.models import Alarm, User
from backtests import tasks
from backtests.alarms import GIVEN_UP, QUEUE_STUCK
from backtests.optimise import services
from backtests.optimise.chunks import take
from backtests.optimise.models import OptimizationRun, TrialChunk, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.sweep import sweep_optimizations
from backtests.optimise.wake import TASK, WALK_TASK
from backtests.optimise.work import work_for
from backtests.states import MAX_ATTEMPTS, RunStatus

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def sent() -> Iterator[list[tuple[str, int]]]:
    """The messages that went to the real broker, in order."""
    messages: list[tuple[str, int]] = []

    def note(sender: str = "", body: Any = None, **_: Any) -> None:
        if sender in {TASK, WALK_TASK}:
            messages.append((sender, body[0][0]))

    before_task_publish.connect(note)
    yield messages
    before_task_publish.disconnect(note)
    current_app.control.purge()


def aged(run: OptimizationRun, **columns: timedelta) -> None:
    """Move moments of the row into the past."""
    OptimizationRun.objects.filter(pk=run.pk).update(**{name: Now() - age for name, age in columns.items()})


def test_a_message_is_sent_after_the_commit_and_one_for_each_window(
    alice: User,
    searched: OptimizationRequest,
    sent: list[tuple[str, int]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = services.optimize(alice, searched)
        assert sent == []
    assert sent == [(TASK, run.pk)]
    with django_capture_on_commit_callbacks(execute=True):
        walk = services.walk_forward(alice, WalkForwardRequest(searched, 10, 5))
    assert sent[1:] == [(TASK, pk) for pk in walk.optimizations.order_by("pk").values_list("pk", flat=True)]


def test_the_first_part_of_a_task_calls_for_help_and_an_empty_one_does_not(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    tasks.optimize(run.pk)
    assert sent == [(TASK, run.pk)]
    assert OptimizationRun.objects.get(pk=run.pk).status == RunStatus.SUCCEEDED
    tasks.optimize(run.pk)
    assert sent == [(TASK, run.pk)]


def test_a_lost_message_is_sent_again_once_in_a_while(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    assert sweep_optimizations() == 0
    aged(run, created_at=timedelta(seconds=3))
    assert sweep_optimizations() == 1
    assert sweep_optimizations() == 0
    aged(run, woken_at=timedelta(seconds=11))
    assert sweep_optimizations() == 1
    assert sent == [(TASK, run.pk)] * 2


def test_what_somebody_works_on_is_left_alone_and_what_a_dead_worker_held_is_woken(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    take(run.pk, "busy")
    assert sweep_optimizations() == 0
    TrialChunk.objects.filter(run=run).update(lease_until=Now() - timedelta(seconds=1))
    assert sweep_optimizations() == 1
    tasks.optimize(run.pk)
    assert OptimizationRun.objects.get(pk=run.pk).status == RunStatus.SUCCEEDED


def test_a_finish_whose_worker_died_is_done_by_another(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    work_for(run.pk, "worker")
    # as if the last worker had died between the last chunk and the end
    OptimizationRun.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING, claimed_by="dead", lease_until=Now() - timedelta(seconds=1), attempt=1, best={}
    )
    assert sweep_optimizations() == 1
    tasks.optimize(run.pk)
    row = OptimizationRun.objects.get(pk=run.pk)
    assert row.status == RunStatus.SUCCEEDED
    assert row.best["number"] >= 0


def test_a_part_that_kills_every_worker_fails_the_whole_and_somebody_is_told(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    take(run.pk, "dead")
    TrialChunk.objects.filter(run=run).update(attempt=MAX_ATTEMPTS, lease_until=Now() - timedelta(seconds=1))
    sweep_optimizations()
    row = OptimizationRun.objects.get(pk=run.pk)
    assert row.status == RunStatus.FAILED
    assert "died over it" in row.error
    assert Alarm.objects.filter(code=GIVEN_UP, subject=f"optimisation {run.pk}").exists()
    assert sent == []


def test_a_commands_optimisation_is_its_own_while_it_lives(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched, "command")
    aged(run, created_at=timedelta(seconds=60))
    assert sweep_optimizations() == 0
    aged(run, held_until=timedelta(seconds=1))
    assert sweep_optimizations() == 1
    assert sent == [(TASK, run.pk)]


def test_a_walk_forward_whose_last_worker_died_is_ended(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    walk = services.walk_forward(alice, WalkForwardRequest(searched, 10, 5))
    for run in walk.optimizations.order_by("pk"):
        work_for(run.pk, "worker")
    WalkForwardRun.objects.filter(pk=walk.pk).update(status=RunStatus.RUNNING, finished_at=None)
    assert sweep_optimizations() == 0, "a moment ago its worker was still there"
    walk.optimizations.update(finished_at=Now() - timedelta(seconds=11))
    assert sweep_optimizations() == 1
    assert sent == [(WALK_TASK, walk.pk)]
    tasks.end_walk_forward(walk.pk)
    assert WalkForwardRun.objects.get(pk=walk.pk).status == RunStatus.SUCCEEDED


def test_a_queue_that_stands_still_raises_an_alarm_that_clears_itself(
    alice: User, searched: OptimizationRequest, sent: list[tuple[str, int]]
) -> None:
    run = services.optimize(alice, searched)
    aged(run, created_at=timedelta(minutes=9))
    sweep_optimizations()
    assert not Alarm.objects.open().exists()
    aged(run, created_at=timedelta(minutes=11))
    sweep_optimizations()
    sweep_optimizations()
    alarm = Alarm.objects.open().get(code=QUEUE_STUCK)
    assert (alarm.subject, alarm.count) == ("optimisations", 1)
    work_for(run.pk, "worker")
    sweep_optimizations()
    assert not Alarm.objects.open().exists()
