"""Strategies that hang, eat, raise or lose beside one that does its work: each ends by its policy, alone."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from accounts.models import Alarm, User
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from strategies import loading, services
from strategies.choices import ActivityName, Health, StageName
from strategies.instance_models import StrategyInstance
from strategies.loading_places import Places
from strategies.models import StrategyLog
from strategies.running.ending import MOST_IN_VAIN
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance, orders_of, set_row, signals_of
from strategies.verbs.holdings import held_lots, working_orders
from trading import services as trading
from trading.account_models import TRADE
from trading.order_models import Order
from trading.tests.recorded_ticks import FILES, ticks_of
from trading.verbs.new_order import NewOrder

pytestmark = [needs_data, pytest.mark.real_data, pytest.mark.django_db(transaction=True)]

RU = FILES[0]
CODE = RU.code
TICKS = 60
OPEN = 40
"""The first ticks of the file are those of the opening auction."""


@pytest.fixture(autouse=True)
def _made() -> Iterator[None]:
    """The strategies of this folder are users' own."""
    before = loading.use(Places(str(Path(__file__).parent / "made")))
    yield
    loading.keep(before)


def morning() -> list[Tick]:
    return list(ticks_of(RU)[:TICKS])


def begun(day: LiveDay, strategy: str, **given: object) -> StrategyInstance:
    """An instance on every tick, on an account of its own."""
    day.add_account(strategy)
    return make_instance(strategy, strategy, [CODE], strategy, "tick", **given)


def test_each_ends_by_its_policy_and_the_neighbour_notices_nothing() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        alone = begun(day, "flips", isolated=False, parameters={"every": 7})
        day.begin()
        day.play(ticks)
    before = signals_of(alone), fills_of(alone)
    StrategyInstance.objects.filter(pk=alone.pk).update(key="flips-before", stage=StageName.RETIRED)
    with live_day([CODE], ticks[0]) as day:
        day.add_account("beside")
        flips = make_instance("beside", "flips", [CODE], "beside", "tick", isolated=False, parameters={"every": 7})
        hangs = begun(day, "hangs", parameters={"at": OPEN}, on_failure="leave")
        eats = begun(day, "eats", parameters={"at": OPEN}, on_failure="flatten", memory_mb=64, budget_ms=5_000)
        raises = begun(day, "raises", parameters={"at": OPEN}, on_failure="cancel")
        day.begin()
        day.play(ticks)
        assert (signals_of(flips), fills_of(flips)) == before
        for row, code in ((hangs, "over_budget"), (eats, "out_of_memory"), (raises, "raised")):
            row.refresh_from_db()
            assert (row.activity, row.health, row.failure_code) == (ActivityName.STOPPED, Health.FAILED, code)
            assert row.key in row.failure
            assert not working_orders(row).exists()
            assert Alarm.objects.get(code="strategy_failed", subject=row.key).cleared_at is None
            assert StrategyLog.objects.filter(instance=row, kind="failed").count() == 1
        assert held_lots(hangs) == {CODE: 1}
        assert held_lots(raises) == {CODE: 1}
        assert held_lots(eats) == {}
        assert [order[5] for order in orders_of(eats)] == ["target", "flatten"]
        assert StrategyLog.objects.filter(instance=raises, kind="error").count() == 3
        flips.refresh_from_db()
        assert (flips.activity, flips.health) == (ActivityName.RUNNING, Health.RUNNING)


def test_one_that_shares_the_runners_process_is_ended_too_after_twenty_times_its_budget() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        hangs = begun(day, "hangs", isolated=False, parameters={"at": OPEN}, on_failure="flatten", budget_ms=20)
        beside = begun(day, "flips", isolated=False, parameters={"every": 7})
        day.begin()
        day.play(ticks)
        hangs.refresh_from_db()
        assert (hangs.activity, hangs.health, hangs.failure_code) == (
            ActivityName.STOPPED,
            Health.FAILED,
            "over_budget",
        )
        assert Alarm.objects.get(code="strategy_failed", subject="hangs").cleared_at is None
        assert held_lots(hangs) == {}
        assert len(signals_of(beside)) == len(ticks) // 7
        beside.refresh_from_db()
        assert beside.health == Health.RUNNING


def test_a_loss_limit_takes_it_back_and_closes_what_it_holds() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        flips = begun(
            day, "flips", isolated=False, parameters={"every": 9}, on_failure="flatten", day_loss_limit=Decimal("0.01")
        )
        day.begin()
        assert day.loop is not None
        for at in range(0, TICKS, 10):
            day.play(ticks[at : at + 10])
            day.loop.limits.look(list(day.loop.instances.values()))
            day.loop.duty.look()
            day.loop.end_step()
            day.loop.settle()
        flips.refresh_from_db()
        assert (flips.stage, flips.activity, flips.health) == (StageName.BACKTESTED, ActivityName.STOPPED, Health.OFF)
        assert fills_of(flips)
        assert held_lots(flips) == {}
        assert Alarm.objects.filter(code="strategy_loss_limit", subject="flips", cleared_at=None).exists()


def test_without_the_right_to_trade_nothing_more_goes_out(bob: User, rita: User) -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        flips = begun(day, "flips", isolated=False, parameters={"every": 5})
        trading.grant_account(None, "flips", bob, TRADE)
        StrategyInstance.objects.filter(pk=flips.pk).update(owner=bob)
        day.begin()
        day.play(ticks[:OPEN])
        sent = {order[0] for order in orders_of(flips)}
        assert sent
        trading.revoke_account(None, "flips", bob, TRADE)
        day.play(ticks[OPEN:])
        flips.refresh_from_db()
        assert (flips.activity, flips.failure_code) == (ActivityName.STOPPED, "permission_denied")
        then = {order[6] for order in orders_of(flips) if order[0] not in sent}
        assert then == {"permission_denied"}
        services.flatten(rita, flips.pk)
        day.obey()
        day.play(ticks_of(RU)[TICKS : TICKS + 20])
        assert held_lots(flips) == {}
        last = Order.objects.filter(strategy_order__instance=flips).latest("pk")
        assert (last.created_by, last.status, last.offset != "open") == (None, "filled", True)


def test_whose_order_id_is_taken_stops_alone_and_goes_on_behind_it_when_it_is_started_again() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        day.add_account("both")
        terms = {"isolated": False, "parameters": {"every": OPEN + 2}}
        taken, beside = (make_instance(key, "flips", [CODE], "both", "tick", **terms) for key in ("taken", "beside"))
        day.begin()
        day.play(ticks[:OPEN])
        foreign = NewOrder(CODE, "buy", "open", "limit", 1, f"s{taken.pk}-1", ticks[OPEN].lower_limit)
        trading.create_order(None, "both", foreign)
        day.play(ticks[OPEN : OPEN + 4])
        taken.refresh_from_db()
        beside.refresh_from_db()
        assert (taken.activity, taken.health, taken.failure_code) == (
            ActivityName.STOPPED, Health.FAILED, "number_taken"
        )  # fmt: skip
        assert Alarm.objects.get(code="strategy_failed", subject="taken").cleared_at is None
        assert (signals_of(taken), orders_of(taken)) == ([], [])
        assert (beside.activity, beside.health) == (ActivityName.RUNNING, Health.RUNNING)
        assert held_lots(beside) == {CODE: 1}
        set_row(taken, activity=ActivityName.RUNNING, parameters={"every": 2})
        day.obey()
        day.play(ticks[OPEN + 4 : OPEN + 10])
        assert orders_of(taken)[0][0] > 1
        assert fills_of(taken)


def test_a_failed_one_stays_failed_when_the_runner_dies_while_it_is_closed() -> None:
    ticks = morning()
    with live_day([CODE], ticks[0]) as day:
        raises = begun(day, "raises", isolated=False, parameters={"at": OPEN}, on_failure="flatten")
        day.begin()
        done = OPEN
        day.play(ticks[:done])
        assert day.loop is not None
        while not day.loop.instances[raises.pk].closing:
            done += 1
            day.play(ticks[done - 1 : done])
        day.kill()
        day.begin()
        day.play(ticks[done:])
        raises.refresh_from_db()
        assert (held_lots(raises), raises.health, raises.failure_code) == ({}, Health.FAILED, "raised")


def test_lots_that_the_account_does_not_have_any_more_are_given_up_and_told() -> None:
    ticks = list(ticks_of(RU)[: 60 + 80 * 20 : 20])
    with live_day([CODE], ticks[0]) as day:
        holds = begun(day, "holds", isolated=False)
        day.begin()
        day.play(ticks[:10])
        assert held_lots(holds) == {CODE: 1}
        by_hand = NewOrder(CODE, "sell", "auto", "limit", 1, "hand", ticks[10].lower_limit)
        trading.create_order(None, "holds", by_hand)
        day.play(ticks[10:14])
        set_row(holds, activity=ActivityName.STOPPED, stopping="flatten")
        day.obey()
        day.play(ticks[14:])
        assert day.loop is not None
        assert not day.loop.instances[holds.pk].closing
        refused = [order for order in orders_of(holds) if order[5] == "flatten"]
        assert {order[6] for order in refused} == {"rejected"}
        assert len(refused) == MOST_IN_VAIN
        assert Alarm.objects.get(code="strategy_not_flat", subject="holds").cleared_at is None
        assert StrategyLog.objects.filter(instance=holds, kind="left").count() == 1
        holds.refresh_from_db()
        assert holds.health == Health.OFF
