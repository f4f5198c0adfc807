"""Measures the fan-out on the servers that ``benchmarks.fanout`` started; see there."""

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import date

import uvloop
from channels.layers import get_channel_layer
from django.contrib.auth.models import Group
from django.core.management import call_command
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from accounts.roles import TRADER
from benchmarks.fanout_app import GROUP, STOCK_PATH
from benchmarks.fanout_clients import Door, Listener, Samples, connect_many
from benchmarks.figures import Figure, show
from marketdata import stream
from marketdata.domain.ticks import Tick, encode
from marketdata.hub.messages import Message, tick_data
from marketdata.instruments import ensure_instrument

CODE = "rb2501.SHFE"
CHANNEL = f"tick:{CODE}"
MARKET_PATH = "/ws/market/"
SOURCE = "bench"
RATES = {100: (10,), 500: (4, 10), 1_000: (10,), 2_000: (10,)}
"""Ticks a second, by the number of clients."""
SECONDS = 4.0
DRAIN_SECONDS = 3.0

Publish = Callable[[int], Awaitable[None]]


def prepare() -> str:
    """Tables, a trader and an instrument; gives the trader's access token."""
    call_command("migrate", verbosity=0)
    ensure_instrument(CODE, date(2024, 12, 2))
    user = User.objects.create_user("fanout", password=None)
    user.groups.add(Group.objects.get(name=TRADER))
    return str(AccessToken.for_user(user))


def tick_of(number: int) -> Tick:
    """A tick that carries when it was made (``time.monotonic_ns``) as its volume."""
    return Tick(
        CODE, 20_059, number, time.time_ns(), time.time_ns(), 3_312.0, time.monotonic_ns(), 1.5e10, 1_700_000.0,
        3_311.0, 150, 3_312.0, 87, 3_300.0, 3_330.0, 3_290.0, upper_limit=3_500.0, lower_limit=3_100.0,
    )  # fmt: skip


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """The serving process: its port and its process id."""
    command = [sys.executable, "-m", "benchmarks.fanout_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        time.sleep(1.0)
        yield int(line), process.pid
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(timeout=20)


async def pace(publish: Publish, rate: float, seconds: float) -> int:
    """Publish so many a second; gives how many."""
    number = 0
    began = time.monotonic()
    while True:
        due = began + number / rate
        if due - began >= seconds:
            return number
        await asyncio.sleep(max(due - time.monotonic(), 0))
        number += 1
        await publish(number)


async def measured(
    what: str, clients: list[Listener], samples: Samples, publish: Publish, rate: float
) -> tuple[list[Figure], float]:
    """One cell of the table: latencies in ms and what share of the messages came; the p99 besides."""
    await pace(publish, rate, 0.5)
    await asyncio.sleep(0.3)
    before = sum(client.count for client in clients)
    samples.values.clear()
    samples.on = True
    sent = await pace(publish, rate, SECONDS)
    deadline = time.monotonic() + DRAIN_SECONDS
    while sum(client.count for client in clients) - before < sent * len(clients) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    samples.on = False
    arrived = (sum(client.count for client in clients) - before) / (sent * len(clients))
    p50, p99, worst = samples.percentiles((0.5, 0.99, 1.0))
    name = f"{what}, {len(clients)} clients x {rate:g}/s"
    figures = [
        Figure(f"{name}: median", p50, "ms"),
        Figure(f"{name}: 99 %", p99, "ms"),
        Figure(f"{name}: worst", worst, "ms"),
        Figure(f"{name}: arrived", 100 * arrived, "%"),
    ]
    return figures, p99


async def table(
    what: str, grow: Callable[[int], Awaitable[list[Listener]]], samples: Samples, publish: Publish
) -> dict[str, float]:
    """All cells, the crowd growing; gives the p99 of each."""
    clients: list[Listener] = []
    found: dict[str, float] = {}
    for number, rates in RATES.items():
        clients += await grow(number - len(clients))
        for rate in rates:
            gc.collect()
            figures, p99 = await measured(what, clients, samples, publish, rate)
            show(figures)
            found[f"{number} x {rate}/s"] = p99
    for client in clients:
        client.transport.abort()
    await asyncio.sleep(1.0)
    return found


async def hub_table(port: int, token: str, protocol: str, what: str, epoch: int) -> dict[str, float]:
    """Through the stream and the hub."""
    publisher = stream.publisher(SOURCE, epoch)
    door = Door(port, MARKET_PATH, f"{protocol}, bearer.{token}", (CHANNEL,))
    samples = Samples()

    async def publish(number: int) -> None:
        publisher.send(encode(tick_of(number)))

    async def grow(number: int) -> list[Listener]:
        return await connect_many(number, door, samples)

    await publish(0)
    try:
        return await table(what, grow, samples, publish)
    finally:
        publisher.close()


async def stock_table(port: int) -> dict[str, float]:
    """Through Channels' groups."""
    layer = get_channel_layer()
    samples = Samples()

    async def publish(number: int) -> None:
        text = Message("update", CHANNEL, number, tick_data(tick_of(number))).text.decode()
        await layer.group_send(GROUP, {"type": "tick", "text": text})

    async def grow(number: int) -> list[Listener]:
        return await connect_many(number, Door(port, STOCK_PATH), samples)

    return await table("channels groups", grow, samples, publish)


async def run(port: int, token: str) -> None:
    """Both ways in turn, and how they compare."""
    hub = await hub_table(port, token, "quantsite.v1", "hub, JSON", 1)
    if "--msgpack" in sys.argv:
        await hub_table(port, token, "quantsite.v1.msgpack", "hub, msgpack", 2)
    if "--hub" in sys.argv:
        return
    stock = await stock_table(port)
    show(Figure(f"{cell}: 99 % of groups / hub", stock[cell] / hub[cell], "times") for cell in hub)


def main() -> None:
    """Measure."""
    token = prepare()
    gc.freeze()
    with server() as (port, _pid):
        uvloop.run(run(port, token))


if __name__ == "__main__":
    main()
