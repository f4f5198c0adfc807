"""Plans that close positions, carried out on real loops: in slices, priced anew, stopped at once, never twice."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Alarm, User
from trading import services
from trading.domain.risk.switches import Strength
from trading.limit_models import SwitchEffect
from trading.loop import flattening
from trading.models import Fill, FlattenPlan, Order, Position, RiskEvent
from trading.tests.loop_bench import HC, RB, Bench, bench

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@pytest.fixture
def table(settings: Any) -> Iterator[Bench]:
    """An account with twelve lots of rb and three sold ones of hc; plans begin at once."""
    settings.FLATTEN_DELAY = 0
    with bench() as made:
        made.street.tick(4000.0, code=HC)
        made.placed("buy", "open", 4001.0, 12)
        made.placed("sell", "open", 3999.0, 3, instrument=HC)
        yield made


def plan_for(table: Bench, lots: int = 5, **given: Any) -> FlattenPlan:
    """A plan of slices of so many lots."""
    plan = services.make_plan(None, table.account.code, reason="end of the test", **given)
    for step in plan.steps:
        step["slice"] = lots
    plan.save()
    return plan


def beat(table: Bench) -> None:
    """A second of the account's loop."""
    table.loop.commands.heed()
    table.turn()


def orders_of(plan: FlattenPlan) -> list[Order]:
    """What it has sent, in its order."""
    return list(Order.objects.filter(client_order_id__startswith=f"plan-{plan.pk}-").order_by("pk"))


def run(table: Bench, plan: FlattenPlan, beats: int = 20) -> FlattenPlan:
    """Let it come to its end in a market that trades."""
    for _ in range(beats):
        beat(table)
        table.street.tick(4000.0)
        table.street.tick(4000.0, code=HC)
        plan.refresh_from_db()
        if plan.status not in {"waiting", "running"}:
            break
    return plan


def test_every_lot_is_closed_in_slices_one_after_the_other_within_the_collar(table: Bench) -> None:
    plan = run(table, plan_for(table))
    assert (plan.status, plan.ended_at is not None) == ("done", True)
    sent = orders_of(plan)
    assert [(order.instrument.code, order.direction, order.volume) for order in sent] == [
        (RB, "sell", 5), (RB, "sell", 5), (RB, "sell", 2), (HC, "buy", 3)
    ]  # fmt: skip
    assert {float(order.price or 0) for order in sent[:3]} == {3960.0}  # one per cent below the last price
    assert float(sent[3].price or 0) == 4040.0
    assert not Position.objects.exists()
    assert [step["done"] for step in plan.steps] == [12, 3]
    assert {fill.price for fill in Fill.objects.filter(order__in=sent)} <= {3999, 4001}
    assert RiskEvent.objects.filter(kind="flatten", text__contains="have been closed").count() == 1


def test_a_plan_waits_so_that_a_person_can_see_it_and_stop_it(table: Bench, rita: User) -> None:
    plan = plan_for(table)
    FlattenPlan.objects.update(starts_at=timezone.now() + timedelta(seconds=60))
    beat(table)
    assert orders_of(plan) == []
    services.stop_plan(rita, plan.pk, "not yet")
    FlattenPlan.objects.update(starts_at=timezone.now())
    beat(table)
    assert orders_of(plan) == []
    assert FlattenPlan.objects.get().status == "stopped"


def test_who_stops_a_plan_has_its_slice_withdrawn_at_once(table: Bench, rita: User) -> None:
    plan = plan_for(table)
    FlattenPlan.objects.update(steps=[{**step, "collar": -0.01} for step in plan.steps])  # rests above the market
    beat(table)
    (order,) = orders_of(plan)
    assert (order.status, float(order.price or 0)) == ("accepted", 4040.0)
    services.stop_plan(rita, plan.pk, "enough")
    beat(table)
    order.refresh_from_db()
    assert order.status == "cancelled"
    beat(table)
    assert len(orders_of(plan)) == 1
    assert Position.objects.get(side="long").volume == 12


def test_a_slice_that_rests_too_long_is_priced_anew(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_for(table)
    FlattenPlan.objects.update(steps=[{**step, "collar": -0.01} for step in plan.steps])
    beat(table)
    assert len(orders_of(plan)) == 1
    table.ticked(3900.0)
    monkeypatch.setattr(flattening, "REST_SECONDS", 0.0)
    beat(table)
    beat(table)
    first, second, *_more = orders_of(plan)
    assert (first.status, float(second.price or 0)) == ("cancelled", 3939.0)


@pytest.mark.parametrize("moment", ["ordered", "resting", "filled"])
def test_a_gateway_that_is_killed_goes_on_and_closes_nothing_twice(table: Bench, moment: str) -> None:
    plan = plan_for(table, 7)
    table.loop.commands.heed()  # the order is a row, and waits in the inbox
    if moment != "ordered":
        table.loop.commands.carry_out()
    if moment == "filled":
        table.ticked(4000.0)
    table.restart(clean=False)
    plan = run(table, plan)
    assert plan.status == "done"
    assert [order.volume for order in orders_of(plan)] == [7, 5, 3]
    assert sum(fill.volume for fill in Fill.objects.filter(order__in=orders_of(plan))) == 15
    assert not Position.objects.exists()


def test_orders_that_hold_the_lots_back_are_withdrawn(table: Bench) -> None:
    resting = table.placed("sell", "close_today", 4200.0, 12)
    plan = run(table, plan_for(table, 20, product="rb.SHFE"))
    resting.refresh_from_db()
    assert (plan.status, resting.status) == ("done", "cancelled")
    assert [row.side for row in Position.objects.all()] == ["short"]


def test_while_its_exchange_is_closed_a_plan_waits_and_says_so(table: Bench) -> None:
    table.street.to(2.75)
    plan = plan_for(table)
    table.turn()
    beat(table)
    plan.refresh_from_db()
    assert (orders_of(plan), plan.status, plan.steps[0]["waits"]) == ([], "running", "closed")
    table.street.to(4.6)  # 13:36
    plan = run(table, plan)
    assert (plan.status, plan.steps[0]["waits"]) == ("done", "")


def test_a_stop_that_closes_everything_tells_when_it_was_flat(table: Bench, rita: User) -> None:
    opening = table.placed("buy", "open", 3950.0, 4)
    stop = services.set_switch(rita, "account", table.account.code, Strength.FLATTEN.value, "a test")
    plan = run(table, FlattenPlan.objects.get(switch=stop))
    opening.refresh_from_db()
    assert (plan.status, opening.status) == ("done", "cancelled")
    assert SwitchEffect.objects.get(switch=stop).flat_at == plan.ended_at


def test_what_opened_before_the_stop_took_hold_is_closed_too(table: Bench, rita: User) -> None:
    stop = services.set_switch(rita, "account", table.account.code, Strength.FLATTEN.value, "a test")
    plan = FlattenPlan.objects.get(switch=stop)
    plan.steps = [{**step, "volume": 3} for step in plan.steps]  # made when there was less
    plan.save()
    plan = run(table, plan)
    assert plan.status == "done"
    assert sum(step["done"] for step in plan.steps) == 15
    assert not Position.objects.exists()


def test_a_plan_whose_orders_are_all_refused_fails_and_calls_for_a_person(
    table: Bench, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(flattening, "MOST_REFUSED", 2)
    monkeypatch.setattr(flattening, "PAUSE_SECONDS", 0.0)
    settings.ORDER_MAX_WAIT = -1  # every order has waited too long for its gateway
    plan = run(table, plan_for(table))
    assert (plan.status, [order.reason_code for order in orders_of(plan)]) == ("failed", ["waited_too_long"] * 2)
    assert Alarm.objects.open().get().code == "flatten_failed"
    assert Position.objects.count() == 2


def test_lots_that_somebody_else_closed_end_their_step(table: Bench) -> None:
    plan = plan_for(table, 5)
    FlattenPlan.objects.update(starts_at=timezone.now() + timedelta(seconds=60))
    table.placed("sell", "close_today", 3990.0, 12)
    FlattenPlan.objects.update(starts_at=timezone.now())
    plan = run(table, plan)
    assert plan.status == "done"
    assert [order.instrument.code for order in orders_of(plan)] == [HC]
