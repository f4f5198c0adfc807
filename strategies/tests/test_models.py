"""What the tables refuse by themselves, and who sees which rows."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import User
from strategies.instance_models import APPROVE, OPERATE, VIEW
from strategies.models import Evidence, Signal, StrategyInstance, StrategyLog, StrategyPosition, StrategyRoll
from strategies.tests.instances import NOON, make_account, make_instance


def _refused(**columns: Any) -> bool:
    try:
        with transaction.atomic():
            make_instance(f"k{StrategyInstance.objects.count()}", **columns)
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    "columns",
    [
        {"unit": 0},
        {"seed": -1},
        {"budget_ms": 0},
        {"memory_mb": 0},
        {"day_loss_limit": 0},
        {"total_loss_limit": -5},
        {"activity": "running"},
        {"activity": "paused", "stage": "backtested"},
        {"flatten_done": 1},
        {"stage": "approved"},
        {"stage": "live"},
    ],
)
def test_an_instance_that_cannot_be_is_refused_by_the_table(columns: dict[str, Any], db: None) -> None:
    assert _refused(**columns)


def test_the_owner_is_never_the_second_person_whoever_writes_the_row(alice: User, rita: User) -> None:
    account = make_account()
    approved = {"stage": "approved", "approved_at": timezone.now(), "live_account": account}
    assert _refused(owner=alice, approved_by=alice, account=account, **approved)
    assert not _refused(owner=alice, approved_by=rita, account=account, **approved)


@pytest.mark.parametrize("stage", ["paper", "backtested", "draft"])
def test_what_is_not_approved_needs_no_second_person(stage: str, db: None) -> None:
    assert not _refused(stage=stage)


def test_a_number_of_an_instance_stands_once(db: None) -> None:
    instance = make_instance()
    leg = instance.legs.get()
    Signal.objects.create(instance=instance, number=1, instrument=leg.instrument, decided_at=NOON, target=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Signal.objects.create(instance=instance, number=1, instrument=leg.instrument, decided_at=NOON, target=0)


def test_one_roll_of_a_leg_is_under_way(db: None) -> None:
    instance = make_instance()
    rb = instance.legs.get().instrument
    rows = {"instance": instance, "from_instrument": rb, "to_instrument": rb, "lots": 1}
    StrategyRoll.objects.create(state="done", **rows)
    StrategyRoll.objects.create(state="rolling", **rows)
    with pytest.raises(IntegrityError), transaction.atomic():
        StrategyRoll.objects.create(state="planned", **rows)


def test_lots_have_a_price(db: None) -> None:
    instance = make_instance()
    with pytest.raises(IntegrityError), transaction.atomic():
        StrategyPosition.objects.create(instance=instance, instrument=instance.legs.get().instrument, lots=1)


def test_people_see_their_own_and_granted_instances(alice: User, bob: User, rita: User, charlie: User) -> None:
    mine = make_instance("mine", owner=alice)
    other = make_instance("other", owner=bob)
    for instance in (mine, other):
        StrategyLog.objects.create(instance=instance, kind="test", text="line")
    seen = {user: set(StrategyInstance.objects.visible_to(user)) for user in (alice, bob, rita, charlie)}
    assert seen == {alice: {mine}, bob: {other}, rita: {mine, other}, charlie: set()}
    assert [line.instance for line in StrategyLog.objects.visible_to(alice)] == [mine]
    assert not StrategyLog.objects.visible_to(charlie)


@pytest.mark.parametrize("codename", [VIEW, OPERATE, APPROVE])
def test_a_grant_shows_an_instance_and_its_rows(alice: User, bob: User, codename: str) -> None:
    instance = make_instance(owner=alice)
    assert not StrategyInstance.objects.visible_to(bob).exists()
    assign_perm(codename, bob, instance)
    assert StrategyInstance.objects.visible_to(bob).get() == instance


def test_a_grant_to_a_group_shows_it_too(alice: User, bob: User, charlie: User) -> None:
    instance = make_instance(owner=alice)
    assign_perm(VIEW, bob.groups.get(), instance)
    assert StrategyInstance.objects.visible_to(bob).get() == instance
    assert not StrategyInstance.objects.visible_to(charlie).exists()


def test_evidence_about_an_instance_is_of_its_source_alone(alice: User) -> None:
    instance = make_instance(owner=alice)
    other = make_instance("other", owner=alice)
    rows = {"strategy": instance.strategy, "passed": True}
    kept = [
        Evidence.objects.create(kind="backtest", source_hash=instance.source_hash, **rows),
        Evidence.objects.create(kind="paper_day", source_hash=instance.source_hash, instance=instance, **rows),
    ]
    Evidence.objects.create(kind="backtest", source_hash="older", **rows)
    Evidence.objects.create(kind="paper_day", source_hash=instance.source_hash, instance=other, **rows)
    assert list(Evidence.objects.about(instance)) == kept


def test_the_runner_looks_after_what_runs_and_what_is_to_be_closed(db: None) -> None:
    running = make_instance("running", stage="paper", activity="running")
    make_instance("stopped", stage="paper")
    closing = make_instance("closing", stage="backtested", flatten_asked=2, flatten_done=1)
    assert list(StrategyInstance.objects.to_run().order_by("pk")) == [running, closing]
    assert list(StrategyInstance.objects.on_duty()) == [running]


def test_a_failure_is_told_in_the_readers_language(db: None) -> None:
    instance = make_instance(failure_text="It stopped at %(at)s.", failure_values={"at": "noon"})
    assert instance.failure == "It stopped at noon."
    assert make_instance("sound").failure == ""
