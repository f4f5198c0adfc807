"""Windows: optimised in sample, judged on the days after it, joined on one account."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from accounts.models import AuditEntry, User
from backtests.optimise import services
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.walk import finish, is_due
from backtests.optimise.work import work_for
from backtests.requests import RunRequest
from backtests.states import RunStatus
from backtests.tests.optimisations import optimized, walked
from backtests.tests.runs import finished
from marketdata.models import Bar
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


@pytest.fixture
def asked_walk(searched: OptimizationRequest) -> WalkForwardRequest:
    """Three windows of 10 and 5 days with a day between."""
    return WalkForwardRequest(searched, in_sample=10, out_of_sample=5, gap=1)


def days_of(request: RunRequest) -> list[date]:
    """The trading days that have bars."""
    bars = Bar.objects.filter(instrument__code=request.instrument, interval=request.interval)
    return list(bars.order_by("trading_day").values_list("trading_day", flat=True).distinct())


def test_each_window_is_the_optimisation_of_its_days_in_sample(
    alice: User, searched: OptimizationRequest, asked_walk: WalkForwardRequest
) -> None:
    walk, days = walked(alice, asked_walk), days_of(searched.run)
    windows = list(walk.windows.order_by("number"))
    assert [window.in_first for window in windows] == [days[0], days[5], days[10]]
    assert [window.in_last for window in windows] == [days[9], days[14], days[19]]
    assert [window.out_first for window in windows] == [days[11], days[16], days[21]]
    assert [window.out_last for window in windows] == [days[15], days[20], days[25]]
    for window in windows:
        period = replace(searched.run, start=window.in_first, end=window.in_last)
        alone = optimized(alice, replace(searched, run=period))
        assert window.parameters == alone.best["parameters"]
        assert window.in_statistics == alone.best["statistics"]
    assert walk.summary["windows"] == 3


def test_out_of_sample_is_a_run_that_was_warm_when_its_days_began(
    alice: User, asked: RunRequest, asked_walk: WalkForwardRequest
) -> None:
    walk, days = walked(alice, asked_walk), days_of(asked)
    window = walk.windows.get(number=2)
    warm = finished(alice, replace(asked, parameters=window.parameters, start=days[15], end=window.out_last))
    judged = [row for row in walk.equity if row[2] == 2]
    profits = dict(warm.days.values_list("trading_day", "net_profit"))
    assert [row[0] for row in judged] == [day.isoformat() for day in days[16:21]]
    before = [row[1] for row in walk.equity if row[2] == 1][-1]
    for day, equity, _number in judged:
        assert equity - before == pytest.approx(profits[date.fromisoformat(day)], abs=1e-6)
        before = equity
    assert window.out_statistics["net_profit"] == pytest.approx(sum(profits[day] for day in days[16:21]), abs=1e-6)


def test_joined_days_out_of_sample_are_one_account(alice: User, asked_walk: WalkForwardRequest) -> None:
    walk = walked(alice, asked_walk)
    windows = list(walk.windows.order_by("number"))
    assert len(walk.equity) == 15
    total = sum(window.out_statistics["net_profit"] for window in windows)
    assert walk.statistics["net_profit"] == pytest.approx(total, abs=1e-6)
    assert walk.equity[-1][1] == pytest.approx(walk.capital + total, abs=1e-6)
    assert walk.statistics["trading_days"] == 15
    means = [
        sum(getattr(window, name)["sharpe"] for window in windows) / 3 for name in ("in_statistics", "out_statistics")
    ]
    assert [walk.summary["in_sample"], walk.summary["out_of_sample"]] == pytest.approx(means)


def test_anchored_windows_grow(alice: User, searched: OptimizationRequest, asked_walk: WalkForwardRequest) -> None:
    walk, days = walked(alice, replace(asked_walk, anchored=True, gap=0, step=8)), days_of(searched.run)
    firsts = {window.in_first for window in walk.windows.all()}
    lasts = [window.in_last for window in walk.windows.order_by("number")]
    assert firsts == {days[0]}
    assert lasts == [days[9], days[17]]


def test_a_window_without_a_feasible_trial_does_not_trade(alice: User, asked_walk: WalkForwardRequest) -> None:
    search = replace(asked_walk.search, constraints=["trade_count>=1000000"])
    walk = walked(alice, replace(asked_walk, search=search))
    assert walk.summary["without_best"] == 3
    assert walk.statistics["net_profit"] == 0
    assert walk.equity == []


def test_the_end_comes_once_and_only_after_every_window(alice: User, asked_walk: WalkForwardRequest) -> None:
    walk = services.walk_forward(alice, asked_walk)
    first, *others = walk.optimizations.order_by("pk")
    work_for(first.pk, "worker")
    assert not is_due(walk.pk)
    finish(walk.pk)
    walk.refresh_from_db()
    assert walk.status == RunStatus.RUNNING
    for run in others:
        work_for(run.pk, "worker")
    walk.refresh_from_db()
    ended = walk.finished_at
    assert walk.status == RunStatus.SUCCEEDED
    finish(walk.pk)
    walk.refresh_from_db()
    assert walk.finished_at == ended


def test_a_window_that_fails_fails_the_whole_with_a_sentence(alice: User, asked_walk: WalkForwardRequest) -> None:
    walk = services.walk_forward(alice, asked_walk)
    first, *others = walk.optimizations.order_by("pk")
    services.cancel_optimization(alice, first.pk)
    for run in others:
        work_for(run.pk, "worker")
    walk.refresh_from_db()
    assert walk.status == RunStatus.FAILED
    assert "optimisation of a window" in walk.error


def test_cancelling_ends_every_window(alice: User, asked_walk: WalkForwardRequest) -> None:
    walk = services.walk_forward(alice, asked_walk)
    services.cancel_walk_forward(alice, walk.pk)
    assert set(walk.optimizations.values_list("status", flat=True)) == {RunStatus.CANCELLED}
    with pytest.raises(ConflictError):
        services.cancel_walk_forward(alice, walk.pk)
    verbs = AuditEntry.objects.filter(verb__startswith="walk_forward").order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == ["walk_forward.run", "walk_forward.cancel"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"in_sample": 0}, "in_sample"),
        ({"out_of_sample": 0}, "out_of_sample"),
        ({"in_sample": 500}, "in_sample"),
        ({"gap": -1}, "gap"),
        ({"step": 2}, "step"),
    ],
)
def test_windows_that_make_no_sense_are_refused_and_nothing_is_stored(
    alice: User, asked_walk: WalkForwardRequest, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(RuleError) as refusal:
        services.walk_forward(alice, replace(asked_walk, **changes))
    assert field in refusal.value.fields
    assert not WalkForwardRun.objects.exists()
    assert not OptimizationRun.objects.exists()


def test_it_is_its_owners_alone(alice: User, bob: User, asked_walk: WalkForwardRequest) -> None:
    walk = services.walk_forward(alice, asked_walk)
    erin = User.objects.create_user("erin2", password=None)
    erin.groups.set(alice.groups.all())
    with pytest.raises(MissingError):
        services.cancel_walk_forward(erin, walk.pk)
    with pytest.raises(RefusedError):
        services.walk_forward(bob, asked_walk)
