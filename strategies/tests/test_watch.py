"""Strategies that nobody runs, or nobody speaks of, are an alarm of the platform itself."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.leases import take
from accounts.models import Alarm, User
from strategies.choices import ActivityName, Health, StageName
from strategies.instance_models import LEASE, StrategyInstance
from strategies.tasks import check_strategies
from strategies.tests.instances import make_instance

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(minutes=2)


def set_row(key: str, **columns: object) -> StrategyInstance:
    """One as people and the runner have left it."""
    now = timezone.now()
    wanted = {"stage": StageName.PAPER, "activity": ActivityName.RUNNING, "health": Health.RUNNING}
    row = make_instance(key)
    StrategyInstance.objects.filter(pk=row.pk).update(
        **{"changed_at": now - LONG_AGO, "told_at": now, **wanted, **columns}
    )
    return row


def alarms() -> list[Alarm]:
    return list(Alarm.objects.open().filter(code="strategies_stalled"))


def test_without_a_runner_the_alarm_names_them_and_goes_away_with_its_first_word(rita: User, client: Client) -> None:
    old = timezone.now() - LONG_AGO
    row = set_row("dead", told_at=old)
    set_row("never", told_at=None)
    set_row("asked", told_at=old, activity=ActivityName.STOPPED, flatten_asked=2, flatten_done=1)
    set_row("stopped", told_at=old, activity=ActivityName.STOPPED)
    set_row("just", told_at=None, changed_at=timezone.now())
    assert [check_strategies(), check_strategies()] == [3, 3]
    (alarm,) = alarms()
    assert (alarm.subject, alarm.severity, alarm.count) == ("strategies", "critical", 2)
    assert "no runner does" in alarm.text
    assert alarm.values["keys"] == "asked, dead, never"
    client.force_login(rita)
    page = client.get(reverse("admin:accounts_alarm_changelist")).content.decode()
    assert "asked, dead, never" in page
    StrategyInstance.objects.filter(key__in=("never", "asked")).update(told_at=timezone.now())
    StrategyInstance.objects.filter(pk=row.pk).update(told_at=timezone.now())
    assert check_strategies() == 0
    assert alarms() == []


def test_a_runner_that_says_nothing_is_told_apart_from_none() -> None:
    set_row("dead", told_at=timezone.now() - LONG_AGO)
    take(LEASE, "somebody")
    assert check_strategies() == 1
    (alarm,) = alarms()
    assert "is there and has said nothing" in alarm.text


def test_whoever_waits_to_be_warmed_up_while_others_run_is_not_stalled() -> None:
    waiting = set_row("waits", told_at=timezone.now() - LONG_AGO, health=Health.WARMING)
    runs = set_row("runs")
    assert check_strategies() == 0
    StrategyInstance.objects.filter(pk=waiting.pk).update(health=Health.RUNNING)
    assert check_strategies() == 1
    StrategyInstance.objects.update(health=Health.WARMING, told_at=timezone.now() - LONG_AGO)
    assert check_strategies() == 2
    assert runs.key in alarms()[0].values["keys"]
