"""Old signals and log lines go in batches; what is young, newest, or tells how an instance ended stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from marketdata.models import Instrument
from strategies import retention, tasks
from strategies.metrics import PRUNED
from strategies.models import Signal, StrategyInstance, StrategyLog
from strategies.tests.instances import CODE, NOON, make_instance

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def write(instance: StrategyInstance, ages: list[int], kind: str = "refused") -> None:
    """A signal and a log line of each age in days, the oldest first."""
    of = Instrument.objects.get(code=CODE)
    first = instance.signals.count()
    for number, days in enumerate(ages, first + 1):
        at = timezone.now() - timedelta(days=days, minutes=1)
        # The market's clock is that of a replay of long ago: it does not count.
        Signal.objects.create(
            instance=instance, number=number, instrument=of, decided_at=NOON, target=1.0, created_at=at
        )
        StrategyLog.objects.create(instance=instance, kind=kind, text="It is stopped.", at=at)


def left(instance: StrategyInstance) -> tuple[list[int], int]:
    """The numbers of the signals that are left, and how many lines."""
    numbers = instance.signals.order_by("number").values_list("number", flat=True)
    return list(numbers), StrategyLog.objects.filter(instance=instance).count()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The newest two of each instance stay; one row a batch."""
    monkeypatch.setattr(retention, "NEWEST", 2)
    monkeypatch.setattr(retention, "BATCH", 1)
    settings.STRATEGY_SIGNAL_DAYS, settings.STRATEGY_LOG_DAYS = 90, 120


@pytest.mark.usefixtures("few")
def test_what_is_older_than_the_settings_goes_and_nothing_else(bob: User) -> None:
    instance = make_instance("trend", bob)
    write(instance, [200, 130, 100, 80, 10, 1])
    before = PRUNED.labels("signal")._value.get()
    assert tasks.prune_old_rows() == 3 + 2
    assert left(instance) == ([4, 5, 6], 4)
    assert PRUNED.labels("signal")._value.get() == before + 3
    assert tasks.prune_old_rows() == 0


@pytest.mark.usefixtures("few")
def test_of_each_instance_the_newest_stay_however_old(bob: User) -> None:
    old, lively = make_instance("old", bob), make_instance("lively", bob)
    write(old, [400, 390, 380])
    write(lively, [400, 1, 0])
    retention.prune()
    assert left(old) == ([2, 3], 2)
    assert left(lively) == ([2, 3], 2)


@pytest.mark.usefixtures("few")
def test_the_line_by_which_the_runner_knows_that_it_was_ended_stays(bob: User) -> None:
    instance = make_instance("trend", bob)
    write(instance, [401, 400], kind="stop")
    write(instance, [390, 380, 370])
    retention.prune()
    assert list(StrategyLog.objects.filter(instance=instance).order_by("at").values_list("kind", flat=True)) == [
        "stop",
        "refused",
        "refused",
    ]
