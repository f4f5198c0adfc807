"""The whole way over TCP: publisher, stream, hub, sockets of the serving process; with a slow reader among them."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from msgspec import structs
from rest_framework_simplejwt.tokens import AccessToken
from websockets.asyncio.client import ClientConnection, connect

from accounts.models import User
from marketdata import stream
from marketdata.domain.ticks import encode
from marketdata.instruments import ensure_instrument
from marketdata.tests.hub_parts import CODE, bar, tick
from quantsite.testing.web_server import served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]

TICKS, BARS = f"tick:{CODE}", f"bar.1m:{CODE}"
MANY = 6_000
STEP = 60
"""So many ticks at a time fit into the buffers of a connection: who reads is never slow."""


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    """The market socket of the platform, served in a thread."""
    ensure_instrument(CODE, date(2024, 12, 3))
    with served(import_module("quantsite.asgi").application) as origin:
        yield origin.replace("http", "ws") + "/ws/market/"


async def listener(address: str, token: str, **options: Any) -> ClientConnection:
    """A client with both snapshots."""
    protocols: Any = ["quantsite.v1", f"bearer.{token}"]
    client = await connect(address, subprotocols=protocols, ping_interval=None, **options)
    await client.send(json.dumps({"op": "subscribe", "channels": [TICKS, BARS]}))
    kinds = [json.loads(await client.recv())["type"] for _ in range(3)]
    assert kinds == ["ack", "snapshot", "snapshot"]
    return client


class Heard:
    """The numbers that a client heard of each channel."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.ticks: list[int] = []
        self.bars: list[int] = []

    async def listen(self) -> None:
        """Up to the last tick."""
        async with asyncio.timeout(60):
            while MANY not in self.ticks[-1:]:
                message = json.loads(await self.client.recv())
                if message["channel"] == TICKS:
                    self.ticks.append(message["data"]["seq"])
                elif message["data"]["final"]:
                    self.bars.append(message["data"]["volume"])


async def test_others_get_everything_and_a_slow_reader_the_newest(address: str, alice: User) -> None:
    token = str(await sync_to_async(AccessToken.for_user)(alice))
    quick, slow = Heard(await listener(address, token)), Heard(await listener(address, token, max_queue=1))
    publisher = stream.publisher("live-test", time.time_ns() // 1_000)
    reading = asyncio.create_task(quick.listen())
    for first in range(1, MANY, STEP):  # the slow one reads nothing all the while
        publisher.send(encode(structs.replace(bar(first // STEP), volume=first // STEP)))
        for number in range(first, first + STEP):
            publisher.send(encode(tick(number, volume=number)))
        while len(quick.ticks) < first + STEP - 1 and not reading.done():  # it is quick: never behind by more
            await asyncio.sleep(0.002)
    await reading
    await slow.listen()
    await asyncio.to_thread(publisher.close)
    for heard in (quick, slow):
        await heard.client.close()
    assert quick.ticks == list(range(1, MANY + 1))
    assert quick.bars == slow.bars == list(range(MANY // STEP))
    assert slow.ticks == sorted(set(slow.ticks))
    assert slow.ticks[-1] == MANY
    assert len(slow.ticks) < MANY
