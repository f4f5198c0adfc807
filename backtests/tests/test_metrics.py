"""What ``/metrics`` tells of backtests."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import User
from backtests import services
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from quantsite.web.metrics import exposition

pytestmark = pytest.mark.django_db


def figures() -> dict[str, float]:
    """The lines about backtests: name with labels -> value."""
    lines = exposition()[0].decode().splitlines()
    told = [line.rpartition(" ") for line in lines if line.startswith("quantsite_backtest_")]
    return {name: float(value) for name, _space, value in told}


def test_runs_by_status_queue_age_and_durations_come_from_the_rows(alice: User, asked: RunRequest) -> None:
    assert figures()['quantsite_backtest_runs{status="queued"}'] == 0
    assert figures()["quantsite_backtest_queue_age_seconds"] == 0
    done = finished(alice, asked)
    waiting = services.run_backtest(alice, asked)
    BacktestRun.objects.filter(pk=waiting.pk).update(created_at=Now() - timedelta(seconds=100))
    BacktestRun.objects.filter(pk=done.pk).update(started_at=Now() - timedelta(seconds=5), finished_at=Now())
    told = figures()
    assert told['quantsite_backtest_runs{status="queued"}'] == 1
    assert told['quantsite_backtest_runs{status="succeeded"}'] == 1
    assert 100 <= told["quantsite_backtest_queue_age_seconds"] < 160
    assert told['quantsite_backtest_run_seconds_bucket{le="3.0"}'] == 0
    assert told['quantsite_backtest_run_seconds_bucket{le="10.0"}'] == 1
    assert told["quantsite_backtest_run_seconds_count"] == 1
    assert told["quantsite_backtest_run_seconds_sum"] == pytest.approx(5, abs=0.1)
