"""``/ws/market/``, through the whole ASGI application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, transaction
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import AuditEntry, User
from marketdata.bar_store import insert, refresh
from marketdata.broadcast import hub
from marketdata.domain.ticks import Message, encode, frame
from marketdata.hub import rows as hub_rows
from marketdata.hub.state import Market
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed, Subscription
from marketdata.locks import lock_bars
from marketdata.tests.hub_parts import CODE, DAY, NINE, bar, tick
from marketdata.tests.test_hub_market import stored
from quantsite.common.times import ns_to_utc
from quantsite.tests.socket_link import SocketLink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

TICKS = f"tick:{CODE}"


@pytest.fixture(autouse=True)
def instrument(transactional_db: None) -> None:
    """There is something to listen to."""
    ensure_instrument(CODE, date(2024, 12, 3))


@asynccontextmanager
async def socket_of(user: User, protocol: str = "quantsite.v1") -> AsyncIterator[SocketLink]:
    """An open socket with the user's access token."""
    application = import_module("quantsite.asgi").application
    token = await sync_to_async(AccessToken.for_user)(user)
    link = SocketLink(application, "/ws/market/", [], [protocol, f"bearer.{token}"])
    assert await link.open() == protocol
    yield link
    await link.hang_up()


async def subscribed(link: SocketLink, *channels: str) -> list[dict[str, Any]]:
    """What comes behind the acknowledgement, a message a channel."""
    await link.say(json.dumps({"op": "subscribe", "id": 1, "channels": list(channels)}))
    assert (await link.hear())["type"] == "ack"
    return [await link.hear() for _ in channels]


def publish(*messages: Message) -> None:
    """As if a frame had come from a stream."""
    hub().on_frame("test", "1-1", frame([encode(message) for message in messages]))
    hub().batch.flush()


async def test_a_snapshot_then_every_tick_with_its_number(alice: User, bob: User) -> None:
    async with socket_of(alice) as first, socket_of(bob) as second:
        (empty,) = await subscribed(first, TICKS)
        assert empty == {"type": "snapshot", "channel": TICKS, "seq": 0, "data": None}
        publish(tick(1), tick(2, last=3_313.0))
        assert [((await first.hear())["seq"]) for _ in range(2)] == [1, 2]
        (snapshot,) = await subscribed(second, TICKS)
        assert (snapshot["seq"], snapshot["data"]["seq"], snapshot["data"]["last"]) == (2, 2, 3_313.0)
        publish(tick(3))
        both = [await first.hear(), await second.hear()]
        assert both[0] == both[1]
        assert (both[0]["type"], both[0]["seq"]) == ("update", 3)


async def test_who_unsubscribed_hears_nothing(alice: User) -> None:
    async with socket_of(alice) as link:
        await subscribed(link, TICKS)
        await link.say(json.dumps({"op": "unsubscribe", "id": 2, "channels": [TICKS, "tick:nobody.SHFE"]}))
        assert (await link.hear())["id"] == 2
        publish(tick(1))
        assert await link.wire.receive_nothing(0.3)


async def test_what_there_is_not_is_refused_with_the_likely_name(alice: User) -> None:
    async with socket_of(alice) as link:
        answers = await subscribed(link, "tick:rb2501.SHFF", "ticks:rb2501.SHFE", f"bar.7x:{CODE}", TICKS)
        told = {answer["channel"]: answer for answer in answers}
        assert told["tick:rb2501.SHFF"]["data"]["code"] == "unknown_instrument"
        assert "rb2501.SHFE" in told["tick:rb2501.SHFF"]["data"]["detail"]
        assert told["ticks:rb2501.SHFE"]["data"]["code"] == "unknown_channel"
        assert told[f"bar.7x:{CODE}"]["data"]["code"] == "invalid_interval"
        assert told[TICKS]["type"] == "snapshot"


async def test_the_limit_holds_for_all_sockets_of_a_user(alice: User, bob: User, settings: Any) -> None:
    settings.MARKET_CHANNELS = 2
    async with socket_of(alice) as first, socket_of(alice) as second, socket_of(bob) as other:
        await subscribed(first, TICKS, "status")
        await second.say(json.dumps({"op": "subscribe", "id": 9, "channels": [TICKS]}))
        refused = await second.hear()
        assert (refused["type"], refused["id"], refused["data"]["code"]) == ("error", 9, "too_many_channels")
        await subscribed(other, TICKS)
        await first.say(json.dumps({"op": "unsubscribe", "channels": ["status"]}))
        while (await first.hear())["type"] != "ack":
            pass
        assert (await subscribed(second, TICKS))[0]["type"] == "snapshot"


async def test_a_refused_channel_does_not_count(alice: User, settings: Any) -> None:
    settings.MARKET_CHANNELS = 1
    async with socket_of(alice) as link:
        assert (await subscribed(link, "tick:zz9999.SHFE"))[0]["type"] == "error"
        assert (await subscribed(link, TICKS))[0]["type"] == "snapshot"


async def test_a_role_without_market_data_is_not_let_in(charlie: User) -> None:
    application = import_module("quantsite.asgi").application
    token = await sync_to_async(AccessToken.for_user)(charlie)
    link = SocketLink(application, "/ws/market/", [], ["quantsite.v1", f"bearer.{token}"])
    await link.open()
    assert await link.close_code() == 4403
    await link.hang_up()
    entry = await AuditEntry.objects.alatest("seq")
    assert (entry.verb, entry.actor_name) == ("refused", charlie.username)


def test_one_question_answers_as_has_perm_does(ada: User, alice: User, bob: User, charlie: User, rita: User) -> None:
    people = [ada, alice, bob, charlie, rita]
    assert hub_rows.who_sees_ticks(user.pk for user in people) == {
        user.pk: user.has_perm("marketdata.view_tick") for user in people
    }
    ada.is_active = False
    ada.save()
    assert hub_rows.who_sees_ticks([ada.pk, alice.pk]) == {ada.pk: False, alice.pk: True}


def put(bars: Any) -> None:
    """Store minutes of a feed whose clock stands at the end of the last one."""
    row = ensure_instrument(CODE, date(2024, 12, 3))
    with transaction.atomic():
        coverage = lock_bars(row, "1m")
        insert(bars, coverage)
        refresh(coverage)
    InstrumentFeed.objects.create(instrument=row, source="test", epoch=1)
    market_time = ns_to_utc(int(bars.start[-1])) + timedelta(minutes=1)
    FeedState.objects.create(source="test", kind="replay", status="running", market_time=market_time)


async def test_bars_stored_closed_and_forming(alice: User) -> None:
    await sync_to_async(put)(stored(0, 4))
    async with socket_of(alice) as link:
        one, five = await subscribed(link, f"bar.1m:{CODE}", f"bar.5m:{CODE}")
        assert [part["start"][11:16] for part in one["data"]["bars"]] == ["01:00", "01:01", "01:02", "01:03"]
        assert one["data"]["forming"] is None
        assert five["data"]["bars"] == []
        for number in range(480, 482):  # the fifth minute
            publish(tick(number, last=3_330.0, volume=number))
        hub()._tell_forming()
        heard = {(message := await link.hear())["channel"]: message["data"] for _ in range(2)}
        minute, longer = heard[f"bar.1m:{CODE}"], heard[f"bar.5m:{CODE}"]
        assert (minute["start"], minute["final"], minute["close"]) == ("2024-12-03T01:04:00Z", False, 3_330.0)
        assert (longer["start"], longer["final"], longer["open"], longer["close"]) == (
            "2024-12-03T01:00:00Z", False, 3_310.0, 3_330.0,
        )  # fmt: skip
        hub()._tell_forming()  # nothing has moved
        publish(bar(4, close=3_331.0))
        closed = await link.hear()
        assert (closed["channel"], closed["data"]["final"], closed["data"]["close"]) == (
            f"bar.1m:{CODE}",
            True,
            3_331.0,
        )
        again = (await subscribed(link, f"bar.1m:{CODE}"))[0]
        assert (len(again["data"]["bars"]), again["data"]["forming"], again["seq"]) == (5, None, closed["seq"])


async def test_indicators_with_parameters(alice: User) -> None:
    await sync_to_async(put)(stored(0, 10))
    async with socket_of(alice) as link:
        name = f"indicator.SMA.1m:{CODE}?timeperiod=3"
        (snapshot,) = await subscribed(link, name)
        channel = f"indicator.sma.1m:{CODE}?timeperiod=3"
        assert (snapshot["channel"], snapshot["data"]["outputs"]) == (channel, ["value"])
        values = [point["values"]["value"] for point in snapshot["data"]["values"]]
        assert values == [None, None] + [3_312.0] * 8
        publish(bar(10, close=3_315.0))
        told = await link.hear()
        assert (told["data"]["values"], told["data"]["final"]) == ({"value": 3_313.0}, True)
        refused = await subscribed(link, f"indicator.smaa.1m:{CODE}", f"indicator.sma.1m:{CODE}?timeperiod=x")
        assert [answer["data"]["code"] for answer in refused] == ["unknown_indicator", "invalid_parameter"]


async def test_messages_in_msgpack(alice: User) -> None:
    async with socket_of(alice, "quantsite.v1.msgpack") as link:
        await link.say(json.dumps({"op": "subscribe", "id": 1, "channels": [TICKS]}))
        publish_after = [await packed(link), await packed(link)]
        assert [message["type"] for message in publish_after] == ["ack", "snapshot"]
        publish(tick(1))
        update = await packed(link)
        assert (update["seq"], update["data"]["last"], update["data"]["settlement"]) == (1, 3_312.0, None)


async def packed(link: SocketLink) -> Any:
    """The next binary message."""
    message = await link.wire.receive_output(60)
    return msgspec.msgpack.decode(message["bytes"])


async def test_status_and_what_feeds_are_asked_for(alice: User) -> None:
    async with socket_of(alice) as link:
        publish(tick(1))
        status, _tick = await subscribed(link, "status", TICKS)
        assert status["data"]["sources"]["test"]["ticks"] == 1
        update = await link.hear()  # once a second, by itself
        assert (update["type"], update["channel"], update["seq"]) == ("update", "status", 1)
        await asyncio.sleep(0.5)
        rows = [row async for row in Subscription.objects.values_list("owner", "instrument__code")]
        assert rows == [(hub_rows.owner_here(), CODE)]


def test_rows_of_dead_processes_are_cleared() -> None:
    row = ensure_instrument(CODE, date(2024, 12, 3))
    here = hub_rows.owner_here().rpartition(":")[0]
    for owner in (f"{here}:999999999", hub_rows.owner_here(), "user:7", "hub:elsewhere:1"):
        Subscription.objects.create(owner=owner, instrument=row)
    assert hub_rows.clear_stale() == 2
    assert set(Subscription.objects.values_list("owner", flat=True)) == {"user:7", "hub:elsewhere:1"}


async def test_nonsense_is_answered(alice: User) -> None:
    async with socket_of(alice) as link:
        await link.say(json.dumps({"op": "subscribe", "channels": "tick"}))
        assert (await link.hear())["data"]["code"] == "invalid_channels"
        await link.say('{"op": "ping", "id": ' + "[" * 300 + "]" * 300 + "}")  # could not be repeated
        assert (await link.hear())["data"]["code"] == "invalid_message"
        await link.say(json.dumps({"op": "unsubscribe", "channels": [f"x{number}" for number in range(201)]}))
        assert (await link.hear())["data"]["code"] == "too_many_channels"
        await link.say(json.dumps({"op": "ping", "id": 3}))
        assert (await link.hear())["id"] == 3


async def test_a_contract_is_asked_for_again_after_the_database_was_away(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_codes: Any) -> list[Any]:
        raise OperationalError("the connection is lost")

    async with socket_of(alice):
        with monkeypatch.context() as patch:
            patch.setattr(hub_rows, "contracts", away)
            with pytest.raises(OperationalError):
                await hub().shelf.learn([CODE])
        await hub().shelf.learn([CODE])
        publish(tick(1))
        assert CODE not in hub().forming.unknown()


def test_days_agree() -> None:
    assert np.datetime64(DAY, "D") == np.datetime64("2024-12-03")
    assert np.datetime64(NINE, "ns") == np.datetime64("2024-12-03T01:00:00")


async def test_what_a_stream_had_before_we_came_is_no_news(alice: User) -> None:
    hour_ago = time.time_ns() - 3_600 * 10**9
    past = [msgspec.structs.replace(tick(number), received=hour_ago) for number in range(1, 60)]
    async with socket_of(alice) as link:
        await subscribed(link, TICKS)
        hub().on_past("test", "1-1", frame([encode(message) for message in past]))
        hub().warmed("test")
        hub().batch.flush()
        publish(tick(60))
        told = [await link.hear() for _ in range(2)]
        assert [(message["seq"], message["data"]["seq"]) for message in told] == [(1, 59), (2, 60)]


def test_a_source_that_went_silent_before_we_came_is_as_old_as_it_is() -> None:
    market = Market()
    hour_ago = time.time_ns() - 3_600 * 10**9
    market.on_message("test", msgspec.structs.replace(tick(1), received=hour_ago))
    market.warmed("test")
    told = market.status()["sources"]["test"]
    assert told["tick_age"] == pytest.approx(3_600, abs=5)
    assert told["heard_age"] == pytest.approx(3_600, abs=5)
