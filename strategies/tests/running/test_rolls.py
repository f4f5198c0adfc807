"""A live strategy rolls its contract: real stream, simulated exchange, real loop; and killed in the middle."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import Alarm, AuditEntry
from quantsite.common.errors import ConflictError
from quantsite.common.times import NS_PER_SECOND
from strategies import services
from strategies.choices import RollState
from strategies.event_models import StrategyLog, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.running.loop import Rung
from strategies.running.notices import Notices
from strategies.running.reports import NoticeTold, Report
from strategies.state_models import StrategyRoll, StrategyState
from strategies.tests.live_day import LiveDay, fills_of, live_day
from strategies.tests.running.roll_desk import LOTS, MADE, NEW, OLD, UP, Desk, main_is, quotes, rolled
from strategies.tests.user_files import using
from strategies.verbs.holdings import held_lots
from trading import services as trading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places() -> Iterator[None]:
    with using(MADE):
        yield


@pytest.fixture
def day() -> Iterator[LiveDay]:
    with live_day([OLD, NEW], quotes(1, 1)[0]) as made:
        yield made


def test_a_held_contract_is_changed_for_the_new_main_one_and_goes_on_there(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True, parameters={"at": 40, "then": 0.0})
    desk.play(10)
    assert held_lots(desk.row) == {OLD: LOTS}
    main_is(NEW)
    desk.kill()
    desk.play(20)
    row = rolled(desk, LOTS)
    assert row.closed_price == pytest.approx(4000.0)
    assert row.opened_price == pytest.approx(4001.0 + UP)
    assert row.document["gap"] == pytest.approx(UP + 1)
    assert (row.lots, row.document["closed"], row.document["opened"]) == (LOTS, LOTS, LOTS)
    assert row.started_at is not None
    assert row.ended_at is not None
    assert row.ended_at >= row.started_at
    assert [kind for kind in desk.kinds() if kind.startswith("roll")] == ["roll", "rolled"]
    causes = StrategyOrder.objects.filter(instance=desk.row, cause="roll").values_list("instrument__code", "direction")
    assert set(causes) == {(OLD, "sell"), (NEW, "buy")}
    desk.play(30)  # its own target, in the new contract
    assert held_lots(desk.row) == {}
    last = StrategyOrder.objects.filter(instance=desk.row).latest("number")
    assert (last.cause, last.instrument.code, last.direction) == ("target", NEW, "sell")


def test_killed_in_the_middle_it_ends_as_if_nothing_had_happened(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True)
    desk.play(10)
    main_is(NEW)
    desk.kill()
    row = desk.play_until_begun()
    assert row.state in {RollState.PLANNED, RollState.ROLLING, RollState.EXPOSED}
    assert desk.leg == OLD
    desk.kill()
    desk.play(1)
    desk.kill()
    desk.play(20)
    row = rolled(desk, LOTS)
    bought = sum(fill[3] for fill in fills_of(desk.row) if fill[1] == "buy")
    assert bought == 2 * LOTS
    assert desk.kinds().count("rolled") == 1


def test_what_the_strategy_wants_meanwhile_is_what_it_holds_in_the_end(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True, parameters={"at": 12, "then": 0.25}, execution={"kind": "market"})
    desk.play(10)
    main_is(NEW)
    desk.kill()
    desk.play(30)
    rolled(desk, LOTS // 4)


def test_a_new_contract_that_is_refused_leaves_the_old_one(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True)
    desk.play(10)
    trading.set_limit(
        None, "allowed_instruments", "account", "R-holds", 0, params={"allowed": [OLD]}, reason="Only it."
    )
    day.settle(tend=True)
    main_is(NEW)
    desk.kill()
    desk.play(80)
    row = StrategyRoll.objects.get()
    assert row.state == RollState.UNDONE, row.document
    assert held_lots(desk.row) == {OLD: LOTS}
    assert desk.leg == OLD
    alarm = Alarm.objects.get(code="strategy_roll_failed")
    assert "refused" in str(alarm.values)
    desk.kill()
    desk.play(10)
    assert StrategyRoll.objects.count() == 1  # not again on the same day
    assert StrategyState.objects.get(instance=desk.row).document["host"] is not None


def test_one_in_a_process_of_its_own_rolls_as_well(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True, isolated=True)
    desk.play(10)
    assert held_lots(desk.row) == {OLD: LOTS}
    main_is(NEW)
    desk.kill()
    desk.play_until_begun()
    desk.kill()
    desk.play(20)
    rolled(desk, LOTS)
    assert desk.kinds().count("rolled") == 1


def test_asked_for_by_a_person_it_rolls_at_once_and_is_asked_for_once(day: LiveDay) -> None:
    desk = Desk(day)
    desk.play(10)
    asked = services.roll_now(None, desk.row.pk, 0, NEW, "The old one ends.")
    with pytest.raises(ConflictError, match="under way"):
        services.roll_now(None, desk.row.pk, 0, NEW, "Again.")
    assert day.loop is not None
    day.loop.take(Rung())
    day.loop.end_step()
    day.loop.settle()
    desk.play(15)
    row = rolled(desk, LOTS)
    assert (row.pk, row.document["ground"], row.document["why"]) == (asked.pk, "hand", "The old one ends.")
    entry = AuditEntry.objects.get(verb="strategy.roll_asked")
    assert (entry.after or {})["new"] == NEW


def test_stopped_in_the_middle_it_is_told_and_flattened_in_both_contracts(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True)
    desk.play(10)
    main_is(NEW)
    desk.kill()
    desk.play_until_begun()
    split = held_lots(desk.row)
    assert NEW in split
    assert OLD in split
    services.stop(None, desk.row.pk, then="leave")
    assert day.loop is not None
    day.loop.take(Rung())
    day.loop.end_step()
    day.loop.settle()
    row = StrategyRoll.objects.get()
    assert (row.state, row.document["reason"]["text"]) == (
        "failed", "The strategy was stopped before the roll was over."
    )  # fmt: skip
    assert Alarm.objects.filter(code="strategy_roll_failed", cleared_at=None).exists()
    services.flatten(None, desk.row.pk)
    day.loop.take(Rung())
    day.loop.end_step()
    day.loop.settle()
    desk.play(20)
    assert held_lots(desk.row) == {}


def test_one_that_is_split_does_not_start_before_it_is_flat(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True)
    desk.play(10)
    main_is(NEW)
    desk.kill()
    desk.play_until_begun()
    assert day.loop is not None
    for activity in ("stopped", "running"):
        row = StrategyInstance.objects.filter(pk=desk.row.pk)
        row.update(activity=activity, stopping="leave", changed_at=timezone.now())
        day.loop.take(Rung())
        day.loop.end_step()
        day.loop.settle()
    desk.row.refresh_from_db()
    assert desk.row.health == "failed"
    assert "flatten it, then start it again" in desk.row.failure


def test_what_an_execution_gives_up_is_in_its_log(day: LiveDay) -> None:
    desk = Desk(day, execution={"kind": "chase"})
    trading.set_limit(None, "allowed_instruments", "account", "R-holds", 0, params={"allowed": [NEW]}, reason="Not it.")
    day.settle(tend=True)
    desk.play(60)
    assert held_lots(desk.row) == {}
    line = StrategyLog.objects.get(instance=desk.row, kind="given_up")
    assert "3 orders in a row were refused" in line.told
    assert not Alarm.objects.filter(code="strategy_pair_uneven").exists()


def test_a_pair_that_stands_alone_is_alarmed_until_it_is_even(day: LiveDay) -> None:
    desk = Desk(day)
    desk.play(2)
    assert day.loop is not None
    instance, notices = day.loop.instances[desk.row.pk], Notices()
    instance.row.execution = {"pair": {"seconds": 5}}
    alarmed = Alarm.objects.filter(code="strategy_pair_uneven", cleared_at=None)
    notices.take(instance, Report(exposed=(instance.at - 9 * NS_PER_SECOND, 2)))
    assert not alarmed.exists()
    notices.take(instance, Report(exposed=(instance.at - 11 * NS_PER_SECOND, 2)))
    assert alarmed.exists()
    notices.take(instance, None)
    assert not alarmed.exists()
    failed = NoticeTold("pair_failed", None, instance.at, {"text": "refused", "values": {}})
    notices.take(instance, Report(exposed=(instance.at, 2), notices=[failed]))
    assert alarmed.get().values["reason"]["text"] == "refused"
    assert desk.kinds()[-1] == "pair_failed"
