"""What the platform does by itself: a loss beyond the limit takes an instance back, a failure stops it."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Alarm, AuditEntry, User
from strategies import services
from strategies.alarms import LOSS_LIMIT
from strategies.models import StrategyInstance
from strategies.tests.instances import at_stage, open_gates


@pytest.mark.parametrize(
    ("day", "total", "breached"),
    [
        ("-999.99", "-1", ""),
        ("-1000", "-1", "day_loss_limit"),
        ("5", "-5000", "total_loss_limit"),
        ("-1000", "-5000", "day_loss_limit"),
        ("8000", "8000", ""),
    ],
)
def test_a_loss_counts_from_the_limit_on(day: str, total: str, breached: str) -> None:
    instance = StrategyInstance(day_loss_limit=Decimal(1_000), total_loss_limit=Decimal(5_000))
    assert services.breached_limit(instance, Decimal(day), Decimal(total)) == breached
    assert services.breached_limit(StrategyInstance(), Decimal(day), Decimal(total)) == ""


def test_a_breach_takes_it_back_stops_it_and_alarms(alice: User, rita: User) -> None:
    columns: dict[str, Any] = {"day_loss_limit": 1_000, "on_failure": "flatten"}
    instance = at_stage("live", "running", owner=alice, approver=rita, **columns)
    assert services.take_back(instance.pk, "day_loss_limit", Decimal("1200.5"))
    instance.refresh_from_db()
    assert (instance.stage, instance.activity, instance.stopping) == ("backtested", "stopped", "flatten")
    assert (instance.approved_by, instance.live_account) == (None, None)
    alarm = Alarm.objects.get(code=LOSS_LIMIT, subject="trend")
    assert (alarm.severity, alarm.cleared_at) == ("critical", None)
    entry = AuditEntry.objects.get(verb="strategy.loss_limit")
    assert (entry.actor_name, (entry.after or {})["loss"]) == ("system", "1200.5")
    assert "1200.5" in instance.log.get().told
    assert not services.take_back(instance.pk, "day_loss_limit", Decimal(1_300))
    alarm.refresh_from_db()
    assert (alarm.count, AuditEntry.objects.filter(verb="strategy.loss_limit").count()) == (1, 1)


def test_the_alarm_goes_when_it_climbs_again(db: None) -> None:
    open_gates()
    instance = at_stage("paper", "running", day_loss_limit=1_000)
    services.take_back(instance.pk, "day_loss_limit", Decimal(2_000))
    services.promote(None, instance.pk)
    assert not Alarm.objects.filter(code=LOSS_LIMIT, cleared_at__isnull=True).exists()


def test_a_failure_stops_it_by_its_policy_and_is_kept(db: None) -> None:
    instance = at_stage("paper", "running", on_failure="leave")
    text = "It raised %(error)s at bar %(bar)s."
    assert services.fail(instance.pk, "raised", text, {"error": "ValueError", "bar": "09:05"})
    instance.refresh_from_db()
    assert (instance.stage, instance.activity, instance.stopping, instance.health) == (
        "paper",
        "stopped",
        "leave",
        "failed",
    )
    assert instance.failure == "It raised ValueError at bar 09:05."
    assert not services.fail(instance.pk, "raised", text)
    assert AuditEntry.objects.filter(verb="strategy.fail").count() == 1
