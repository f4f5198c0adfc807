"""A strategy's days held against the backtester, on its page."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, User
from backtests.drift.models import DriftReport
from backtests.states import RunStatus
from strategies.models import StrategyDay
from strategies.tests.instances import CODE, DAY, make_instance

pytestmark = pytest.mark.django_db


def difference(**given: Any) -> dict[str, Any]:
    """A fill that the run did not have, as it is stored."""
    live = {"number": 3, "at": "2024-12-02T02:00:00Z", "price": 3_312.0, "lots": 2}
    plain = {"what": "fill", "how": "extra", "cause": "unexplained", "follows": False, "leg": 0, "instrument": CODE}
    return {**plain, "at": live["at"], "fields": [], "live": live, "run": None, "lots": 2, "cost": 120.0, **given}


def test_a_day_says_what_differs_why_and_what_it_cost(bob: User, alice: User) -> None:
    instance = make_instance("trend", bob)
    address = reverse("admin:strategies_strategyinstance_change", args=[instance.pk])
    client = Client()
    client.force_login(bob)
    assert "Held against the backtester" not in client.get(address).content.decode()
    StrategyDay.objects.create(instance=instance, trading_day=DAY)
    assert "No day has been compared yet." in client.get(address).content.decode()
    DriftReport.objects.create(
        instance=instance,
        trading_day=DAY,
        status=RunStatus.SUCCEEDED,
        alike={"signal": 12, "order": 7, "fill": 6},
        counts={"latency": 2, "unexplained": 1},
        rows=[difference(), difference(cause="latency", how="different", cost=-20.0)],
        unexplained=1,
        cost=100.0,
        passed=False,
    )
    shown = client.get(address).content.decode()
    for text in ("12 / 7 / 6", "-100", "No rule explains it.", "fill · live only", "2 @ 3,312", "latency"):
        assert text in shown, text
    assert shown.index("<i>unexplained<") < shown.index("<i>latency<")
    client.force_login(alice)
    assert "12 / 7 / 6" not in client.get(address, follow=True).content.decode()


def test_a_day_is_compared_again_by_who_may_operate_it(bob: User, alice: User, rita: User) -> None:
    instance = make_instance("trend", bob)
    StrategyDay.objects.create(instance=instance, trading_day=DAY)
    report = DriftReport.objects.create(instance=instance, trading_day=DAY, status=RunStatus.SUCCEEDED, passed=True)
    page = reverse("admin:strategies_strategyinstance_change", args=[instance.pk])
    again = reverse("admin:strategies_strategyinstance_part", args=[instance.pk, "drift"])
    client = Client()
    client.force_login(rita)  # sees every strategy, operates none
    assert "Compare again" not in client.get(page).content.decode()
    assert client.post(again, {"day": DAY.isoformat()}).status_code == 403
    client.force_login(alice)
    assert client.post(again, {"day": DAY.isoformat()}).status_code == 404
    client.force_login(bob)
    assert "Compare again" in client.get(page).content.decode()
    for day in ("", "2024-13-02"):
        assert "Choose a trading day." in client.post(again, {"day": day}, follow=True).content.decode()
    told = client.post(again, {"day": DAY.isoformat()}, follow=True).content.decode()
    assert "is compared again" in told
    assert "Compare again" not in told  # it is under way
    report.refresh_from_db()
    assert report.status == RunStatus.QUEUED
    assert AuditEntry.objects.filter(verb="strategy.compare_day", actor=bob).count() == 1
    assert "under way" in client.post(again, {"day": DAY.isoformat()}, follow=True).content.decode()


def test_a_day_whose_signals_are_gone_is_not_compared_again(bob: User, settings: Any) -> None:
    instance = make_instance("trend", bob)
    day = StrategyDay.objects.create(instance=instance, trading_day=DAY)
    DriftReport.objects.create(instance=instance, trading_day=DAY, status=RunStatus.SUCCEEDED, passed=True)
    old = timezone.now() - timedelta(days=settings.STRATEGY_SIGNAL_DAYS, minutes=1)
    StrategyDay.objects.filter(pk=day.pk).update(updated_at=old)
    client = Client()
    client.force_login(bob)
    page = reverse("admin:strategies_strategyinstance_change", args=[instance.pk])
    assert "Compare again" not in client.get(page).content.decode()
    again = reverse("admin:strategies_strategyinstance_part", args=[instance.pk, "drift"])
    assert "not kept any more" in client.post(again, {"day": DAY.isoformat()}, follow=True).content.decode()
    assert DriftReport.objects.get(instance=instance).status == RunStatus.SUCCEEDED
