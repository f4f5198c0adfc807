"""``/ws/tasks/``, through the whole ASGI application."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import AuditEntry, User
from backtests import services
from backtests.claims import Claim
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.runner import execute
from backtests.tests.runs import taken
from quantsite.tests.socket_link import SocketLink

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def socket_of(user: User) -> AsyncIterator[SocketLink]:
    """An open socket with the user's access token."""
    application = import_module("quantsite.asgi").application
    link = SocketLink(application, "/ws/tasks/", [], ["quantsite.v1", f"bearer.{AccessToken.for_user(user)}"])
    assert await link.open() == "quantsite.v1"
    yield link
    await link.hang_up()


async def silent(link: SocketLink) -> bool:
    """Whether nothing comes for more than two looks at the rows."""
    return bool(await link.wire.receive_nothing(1.2))


async def say(link: SocketLink, message: object) -> None:
    """Send one message."""
    await link.say(json.dumps(message))


async def subscribed(socket: SocketLink, channel: str) -> dict[str, Any]:
    """The first message of a channel after the acknowledgement."""
    await say(socket, {"op": "subscribe", "id": 7, "channels": [channel]})
    answer = await socket.hear()
    assert (answer["type"], answer["id"], answer["data"]) == ("ack", 7, {"channels": [channel]})
    first: dict[str, Any] = await socket.hear()
    return first


@sync_to_async
def queued(user: User, asked: RunRequest) -> BacktestRun:
    """A waiting run of that user."""
    return services.run_backtest(user, asked)


@sync_to_async
def claimed(run: BacktestRun) -> Claim:
    """The claim of a worker on it."""
    return taken(run)


async def test_a_snapshot_then_every_change_in_order(alice: User, asked: RunRequest) -> None:
    run = await queued(alice, asked)
    async with socket_of(alice) as socket:
        first = await subscribed(socket, f"backtest:{run.pk}")
        assert (first["type"], first["seq"], first["data"]["run"]) == ("snapshot", 0, run.pk)
        assert (first["data"]["status"], first["data"]["instrument"]) == ("queued", "simrb88.SIM")
        mine = await claimed(run)
        update = await socket.hear()
        assert (update["type"], update["seq"], update["data"]["status"]) == ("update", 1, "running")
        await sync_to_async(mine.renew)(0.5)
        update = await socket.hear()
        assert (update["seq"], update["data"]["progress"]) == (2, 0.5)
        await sync_to_async(execute)(mine)
        while update["data"]["status"] == "running":  # progress may be told once more in between
            seq = update["seq"]
            update = await socket.hear()
            assert update["seq"] == seq + 1
        assert update["data"]["status"] == "succeeded"
        assert update["data"]["trade_count"] > 0
        assert await silent(socket)


async def test_the_channel_of_all_tells_of_new_own_runs_and_of_no_others(
    alice: User, ada: User, asked: RunRequest
) -> None:
    old = await queued(alice, asked)
    hidden = await queued(ada, asked)
    async with socket_of(alice) as socket:
        first = await subscribed(socket, "backtests")
        assert [state["run"] for state in first["data"]] == [old.pk]
        await queued(ada, asked)
        new = await queued(alice, asked)
        update = await socket.hear()
        assert (update["seq"], update["data"]["run"], update["data"]["status"]) == (1, new.pk, "queued")
        await sync_to_async(services.cancel_run)(ada, hidden.pk)
        assert await silent(socket)


async def test_a_run_of_somebody_else_is_an_error_without_data(alice: User, ada: User, asked: RunRequest) -> None:
    run = await queued(ada, asked)
    async with socket_of(alice) as socket:
        for channel in (f"backtest:{run.pk}", "backtest:0", "backtest:x", "orders"):
            answer = await subscribed(socket, channel)
            assert (answer["type"], answer["channel"], answer["data"]["code"]) == ("error", channel, "unknown_channel")
        await claimed(run)
        assert await silent(socket)


async def test_a_share_that_is_taken_back_ends_the_channel(alice: User, asked: RunRequest) -> None:
    rob = await sync_to_async(User.objects.create_user)(username="rob", password="correct horse battery staple")
    await sync_to_async(lambda: rob.groups.add(Group.objects.get(name="researcher")))()
    run = await queued(alice, asked)
    await sync_to_async(services.share_run)(alice, run.pk, rob)
    async with socket_of(rob) as socket:
        assert (await subscribed(socket, f"backtest:{run.pk}"))["type"] == "snapshot"
        await sync_to_async(services.share_run)(alice, run.pk, rob, shared=False)
        ended = await socket.hear()
        assert (ended["type"], ended["channel"]) == ("error", f"backtest:{run.pk}")
        await claimed(run)
        assert await silent(socket)


async def test_nonsense_is_answered_and_unsubscribing_silences(alice: User, asked: RunRequest) -> None:
    run = await queued(alice, asked)
    async with socket_of(alice) as socket:
        for message in ({"op": "subscribe"}, {"op": "subscribe", "channels": [1]}, {"op": "shout"}):
            await say(socket, message)
            assert (await socket.hear())["type"] == "error"
        await say(socket, {"op": "subscribe", "channels": [f"backtest:{number}" for number in range(60)]})
        assert (await socket.hear())["data"]["code"] == "too_many_channels"
        await subscribed(socket, f"backtest:{run.pk}")
        await say(socket, {"op": "unsubscribe", "channels": [f"backtest:{run.pk}"]})
        assert (await socket.hear())["type"] == "ack"
        await claimed(run)
        assert await silent(socket)


async def test_who_has_no_role_is_closed_out(charlie: User) -> None:
    async with socket_of(charlie) as socket:
        assert await socket.close_code() == 4403
    entry = await AuditEntry.objects.alatest("seq")
    assert (entry.verb, entry.actor_name, entry.after) == ("refused", "charlie", {"verb": "tasks.listen"})


async def test_a_role_without_backtests_gets_no_channel_of_theirs(alice: User, bob: User, asked: RunRequest) -> None:
    run = await queued(alice, asked)
    async with socket_of(bob) as socket:
        for channel in ("backtests", f"backtest:{run.pk}", "optimizations", "walk-forwards"):
            answer = await subscribed(socket, channel)
            assert (answer["type"], answer["data"]["code"]) == ("error", "unknown_channel"), channel
        await claimed(run)
        assert await silent(socket)
