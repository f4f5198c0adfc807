"""The verbs: who may, what is refused, and that a refusal leaves nothing behind."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import AuditEntry, User
from backtests import services
from backtests.claims import claim
from backtests.models import BacktestRun, RunStatus
from backtests.requests import CostOptions, RunRequest
from backtests.runner import execute
from backtests.tests.runs import finished
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError

pytestmark = pytest.mark.django_db


def test_a_queued_run_holds_the_typed_request_and_the_audit_trail_says_who(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, replace(asked, parameters={"fast": "3"}, interval="05m".lstrip("0")))
    run.refresh_from_db()
    assert (run.status, run.owner, run.attempt, run.progress) == (RunStatus.QUEUED, alice, 0, 0.0)
    assert run.parameters == {"fast": 3, "slow": 30}
    assert run.costs == {
        "multiplier": 10.0,
        "price_tick": 1.0,
        "commission_rate": 0.0001,
        "slippage_ticks": 1,
        "margin_rate": 0.1,
    }
    entry = AuditEntry.objects.get(verb="backtest.run")
    assert (entry.actor, entry.object_id) == (alice, str(run.pk))


REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"strategy": "doubel_ma"}, {"strategy": "Did you mean 'double_ma'?"}),
    ({"parameters": {"fasst": 3}}, {"fasst": "Did you mean 'fast'?"}),
    ({"parameters": {"fast": 0}}, {"fast": "at least 1"}),
    ({"parameters": {"fast": 9, "slow": 8}}, {"fast": "must be below slow"}),
    ({"instrument": "simrb8.SIM"}, {"instrument": "Did you mean 'simrb88.SIM'?"}),
    ({"interval": "1m"}, {"interval": "Stored: 5m."}),
    ({"interval": "5x"}, {"interval": "no bar interval"}),
    ({"start": date(2024, 2, 1), "end": date(2024, 1, 31)}, {"start": "lies after"}),
    ({"start": date(2025, 1, 1)}, {"start": "reach from 2024-01-02 to 2024-02-06"}),
    ({"end": date(2023, 1, 1)}, {"end": "reach from 2024-01-02 to 2024-02-06"}),
    ({"capital": 0.0}, {"capital": "above 0"}),
    ({"capital": float("nan")}, {"capital": "above 0"}),
    ({"volume": 0.5}, {"volume": "whole number of lots"}),
    ({"costs": CostOptions(commission_rate=-0.1)}, {"commission_rate": "0 or more"}),
    ({"costs": CostOptions(margin_rate=float("inf"))}, {"margin_rate": "0 or more"}),
    ({"costs": CostOptions(multiplier=0.0)}, {"multiplier": "above 0"}),
    ({"capital": -1.0, "volume": 0.0}, {"capital": "above 0", "volume": "whole number"}),
]


@pytest.mark.parametrize(("changes", "faults"), REFUSED, ids=[str(sorted(fault)) for _, fault in REFUSED])
def test_each_refused_input_is_named_and_nothing_is_stored(
    alice: User, asked: RunRequest, changes: dict[str, Any], faults: dict[str, str]
) -> None:
    entries = AuditEntry.objects.count()
    with pytest.raises(RuleError) as refusal:
        services.run_backtest(alice, replace(asked, **changes))
    assert sorted(refusal.value.fields) == sorted(faults)
    for name, text in faults.items():
        assert text in refusal.value.fields[name]
    assert not BacktestRun.objects.exists()
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("role", ["bob", "rita", "charlie"])
def test_other_roles_run_nothing_and_the_refusal_is_on_record(
    request: pytest.FixtureRequest, role: str, asked: RunRequest
) -> None:
    person: User = request.getfixturevalue(role)
    with pytest.raises(RefusedError):
        services.run_backtest(person, asked)
    assert not BacktestRun.objects.exists()
    assert AuditEntry.objects.filter(verb="refused", actor=person).count() == 1


def test_who_sees_a_run(alice: User, bob: User, ada: User, charlie: User, asked: RunRequest) -> None:
    own = services.run_backtest(alice, asked)
    of_system = services.run_backtest(None, asked)
    runs = BacktestRun.objects.all()
    assert list(runs.visible_to(alice)) == [own]
    assert list(runs.visible_to(ada)) == [of_system, own]
    assert not runs.visible_to(bob).exists()
    assert not runs.visible_to(charlie).exists()


def test_sharing_shows_a_run_to_one_researcher_and_lets_him_only_look(alice: User, asked: RunRequest) -> None:
    rob = _researcher("rob")
    run = services.run_backtest(alice, asked)
    with pytest.raises(MissingError):
        services.share_run(rob, run.pk, rob)
    services.share_run(alice, run.pk, rob)
    assert list(BacktestRun.objects.all().visible_to(rob)) == [run]
    with pytest.raises(RefusedError):
        services.cancel_run(rob, run.pk)
    with pytest.raises(RefusedError):
        services.share_run(rob, run.pk, _researcher("ron"))
    assert BacktestRun.objects.get().status == RunStatus.QUEUED
    services.share_run(alice, run.pk, rob, shared=False)
    assert not BacktestRun.objects.all().visible_to(rob).exists()
    assert list(AuditEntry.objects.filter(verb__startswith="backtest.").values_list("verb", flat=True)) == [
        "backtest.unshare",
        "backtest.share",
        "backtest.run",
    ]


def test_sharing_with_a_group_and_what_a_lost_role_takes_away(alice: User, asked: RunRequest) -> None:
    rob, team = _researcher("rob"), Group.objects.create(name="team")
    rob.groups.add(team)
    run = services.run_backtest(alice, asked)
    services.share_run(alice, run.pk, team)
    assert list(BacktestRun.objects.all().visible_to(rob)) == [run]
    rob.groups.remove(Group.objects.get(name="researcher"))
    assert not BacktestRun.objects.all().visible_to(User.objects.get(pk=rob.pk)).exists()


def test_sharing_with_a_trader_is_refused_because_it_would_show_him_nothing(
    alice: User, bob: User, asked: RunRequest
) -> None:
    run = services.run_backtest(alice, asked)
    with pytest.raises(RuleError, match="does not include backtests"):
        services.share_run(alice, run.pk, bob)
    assert not BacktestRun.objects.all().visible_to(bob).exists()


def test_cancelling(alice: User, asked: RunRequest) -> None:
    queued, running = services.run_backtest(alice, asked), services.run_backtest(alice, asked)
    assert services.cancel_run(alice, queued.pk).status == RunStatus.CANCELLED
    assert claim(queued.pk, "worker") is None
    with pytest.raises(ConflictError):
        services.cancel_run(alice, queued.pk)
    taken = claim(running.pk, "worker")
    assert taken is not None
    asked_to_stop = services.cancel_run(alice, running.pk)
    assert (asked_to_stop.status, asked_to_stop.cancel_requested) == (RunStatus.RUNNING, True)
    execute(taken)
    running.refresh_from_db()
    assert (running.status, running.fills.count(), running.days.count()) == (RunStatus.CANCELLED, 0, 0)


def test_run_again_is_an_own_run_with_the_same_hash(alice: User, asked: RunRequest) -> None:
    origin = finished(alice, asked)
    rob = _researcher("rob")
    with pytest.raises(MissingError):
        services.run_again(rob, origin.pk)
    services.share_run(alice, origin.pk, rob)
    again = services.run_again(rob, origin.pk)
    taken = claim(again.pk, "test")
    assert taken is not None
    execute(taken)
    again.refresh_from_db()
    assert (again.owner, again.again_of) == (rob, origin)
    assert again.result_hash == origin.result_hash
    assert services.what_changed(again) == []


def test_a_repeated_run_says_what_changed(alice: User, asked: RunRequest) -> None:
    origin = finished(alice, asked)
    BacktestRun.objects.filter(pk=origin.pk).update(source_hash="0" * 64)
    again = services.run_again(alice, origin.pk)
    taken = claim(again.pk, "test")
    assert taken is not None
    execute(taken)
    assert services.what_changed(BacktestRun.objects.get(pk=again.pk)) == ["source_hash"]


def test_a_report_needs_a_result_and_a_known_language(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    with pytest.raises(ConflictError, match="has no result"):
        services.generate_report(alice, run.pk)
    taken = claim(run.pk, "test")
    assert taken is not None
    execute(taken)
    assert f"#{run.pk}" in services.generate_report(alice, run.pk, "en")
    assert 'lang="zh-hans"' in services.generate_report(alice, run.pk, "zh-hans")
    with pytest.raises(RuleError, match="known: en, zh-hans"):
        services.generate_report(alice, run.pk, "fr")


def _researcher(name: str) -> User:
    person = User.objects.create_user(username=name, password="correct horse battery staple")
    person.groups.add(Group.objects.get(name="researcher"))
    return person
