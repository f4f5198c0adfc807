"""``/ws/tasks/`` about strategies: how they stand, their signals and their log, to those who may see them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import User
from backtests.tests.test_consumers import silent, socket_of, subscribed
from strategies.choices import ActivityName, Health, StageName
from strategies.instance_models import VIEW, StrategyInstance, StrategyInstanceUserObjectPermission
from strategies.models import Signal, StrategyLog, StrategyPosition
from strategies.tests.instances import CODE, NOON, make_instance

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def running(owner: User, key: str = "trend") -> StrategyInstance:
    """An instance at work on paper."""
    at_work: dict[str, Any] = {"stage": StageName.PAPER, "activity": ActivityName.RUNNING, "health": Health.RUNNING}
    return make_instance(key, owner, **at_work, told_at=timezone.now())


@sync_to_async
def decides(instance: StrategyInstance, number: int, target: float) -> Signal:
    """One more signal, with a line in the log, as the runner stores them."""
    leg = instance.legs.get()
    StrategyLog.objects.create(instance=instance, kind="signal", text=f"target {target:+g}")
    return Signal.objects.create(
        instance=instance,
        number=number,
        instrument=leg.instrument,
        decided_at=NOON,
        bar_start=NOON - timedelta(minutes=5),
        target=target,
        price=Decimal("3312"),
        reason="crossed",
        values={"fast": 3311.5, "slow": 3309.0},
    )


@sync_to_async
def holds(instance: StrategyInstance, lots: int, profit: int) -> None:
    """The picture of what it holds, as the runner stores it."""
    picture = {"lots": lots, "average": Decimal(3312), "marked": Decimal(3314), "profit": profit, "day_base": 100}
    instrument = instance.legs.get().instrument
    StrategyPosition.objects.update_or_create(instance=instance, instrument=instrument, defaults=picture)


async def test_a_snapshot_then_state_signals_and_log_in_order(bob: User) -> None:
    instance = await running(bob)
    await decides(instance, 1, 1.0)
    async with socket_of(bob) as socket:
        first = await subscribed(socket, f"strategy:{instance.pk}")
        told: dict[str, Any] = first["data"]
        assert (first["type"], first["seq"], told["key"], told["status"]) == ("snapshot", 0, "trend", "paper")
        assert [(row["number"], row["target"], row["instrument"]) for row in told["signals"]] == [(1, 1.0, CODE)]
        assert told["signals"][0]["values"] == {"fast": 3311.5, "slow": 3309.0}
        assert [line["text"] for line in told["log"]] == ["target +1"]
        await decides(instance, 2, -1.0)
        update = await socket.hear()
        assert (update["type"], update["seq"]) == ("update", 1)
        assert [row["number"] for row in update["data"]["signals"]] == [2]
        assert [line["text"] for line in update["data"]["log"]] == ["target -1"]
        await holds(instance, -2, 380)
        update = await socket.hear()
        [leg] = update["data"]["positions"]
        assert (leg["lots"], leg["profit"], leg["day_profit"], update["data"]["day_profit"]) == (-2, 380, 280, 280)
        assert (update["seq"], update["data"]["signals"], update["data"]["log"]) == (2, [], [])
        assert await silent(socket)


async def test_the_channel_of_all_tells_of_own_instances_and_of_no_others(alice: User, bob: User, ada: User) -> None:
    mine, hidden = await running(bob), await running(alice, "hidden")
    async with socket_of(bob) as socket, socket_of(ada) as all_seeing:
        first = await subscribed(socket, "strategies")
        assert [state["key"] for state in first["data"]] == ["trend"]
        assert "signals" not in first["data"][0]
        assert [state["key"] for state in (await subscribed(all_seeing, "strategies"))["data"]] == ["hidden", "trend"]
        await decides(hidden, 1, 1.0)
        assert (await all_seeing.hear())["data"]["key"] == "hidden"
        await decides(mine, 1, 1.0)
        update = await socket.hear()
        assert (update["seq"], update["data"]["key"], update["data"]["signal"]["target"]) == (1, "trend", 1.0)
        assert await silent(socket)


async def test_somebody_elses_instance_is_an_error_and_a_grant_taken_back_ends_the_channel(
    alice: User, bob: User
) -> None:
    instance = await running(alice)
    async with socket_of(bob) as socket:
        answer = await subscribed(socket, f"strategy:{instance.pk}")
        assert (answer["type"], answer["data"]["code"]) == ("error", "unknown_channel")
        await decides(instance, 1, 1.0)
        assert await silent(socket)
        assign = StrategyInstanceUserObjectPermission.objects.assign_perm
        await sync_to_async(assign)(VIEW, bob, instance)
        assert (await subscribed(socket, f"strategy:{instance.pk}"))["data"]["signal"]["number"] == 1
        await sync_to_async(StrategyInstanceUserObjectPermission.objects.all().delete)()
        ended = await socket.hear()
        assert (ended["type"], ended["channel"]) == ("error", f"strategy:{instance.pk}")
        await decides(instance, 2, 0.0)
        assert await silent(socket)
