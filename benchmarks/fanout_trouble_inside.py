"""Measures healthy clients while others make trouble, on the servers that ``benchmarks.fanout_trouble`` started."""

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

import asyncio
import gc
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import uvloop

from benchmarks.fanout_clients import Door, Listener, Samples, connect, connect_many
from benchmarks.fanout_inside import CHANNEL, MARKET_PATH, SOURCE, prepare, server, tick_of
from benchmarks.figures import Figure, show
from marketdata import stream
from marketdata.domain.ticks import encode

HEALTHY = 500
RATE = 10.0
NORMAL_SECONDS = 8.0
STOP_SECONDS = 60.0 if "--long" in sys.argv else 15.0
DEAD = 50
STORM = 1_000

Trouble = Callable[[Door], Awaitable[None]]


def resident(pid: int) -> float:
    """Memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4_096 / 1e6


class Market:
    """Publishes without end, to all channels that anybody here listens to."""

    def __init__(self) -> None:
        self._publisher = stream.publisher(SOURCE, 1)
        self._number = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        began = time.monotonic()
        while True:
            self._publisher.send(encode(tick_of(self._number)))
            self._number += 1
            await asyncio.sleep(max(began + self._number / RATE - time.monotonic(), 0))

    def close(self) -> None:
        """Stop."""
        self._task.cancel()
        self._publisher.close()


async def stopped_reader(door: Door) -> None:
    """Reads nothing for a while, then goes on: its connection must stand, and the next price be a new one."""
    samples = Samples()
    client = await connect(door, samples)
    client.transport.pause_reading()
    await asyncio.sleep(STOP_SECONDS)
    client.transport.resume_reading()
    await asyncio.sleep(2.0)
    samples.on = True
    await asyncio.sleep(1.0)
    show([Figure("slow reader: still connected", 0.0 if client.lost else 1.0, "")])
    show([Figure("slow reader: age of what it gets after it has caught up", samples.percentiles((1.0,))[0], "ms")])
    client.transport.abort()


async def dead_readers(door: Door) -> None:
    """Many that read nothing and never close."""
    clients = await connect_many(DEAD, door, Samples())
    for client in clients:
        client.transport.pause_reading()
    await asyncio.sleep(STOP_SECONDS)
    for client in clients:
        client.transport.abort()


class Crowd:
    """Many more clients, in a process of their own (``benchmarks.fanout_crowd``)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def gathered(cls, door: Door) -> Self:
        """Connected, all of them."""
        command = (sys.executable, "-m", "benchmarks.fanout_crowd", str(STORM))
        crowd = cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))
        crowd._say(json.dumps(asdict(door)))
        await crowd._answer()
        return crowd

    async def storm(self, _door: Door) -> None:
        """All connections break at once, and all come back at once."""
        self._say("break")
        show([Figure(f"storm of {STORM}: all back with their snapshot after", float(await self._answer()), "s")])
        await asyncio.sleep(1.0)

    async def gone(self) -> None:
        """The process has ended."""
        self._say("end")
        await self._process.wait()
        await asyncio.sleep(3.0)  # the server tidies up

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")

    async def _answer(self) -> bytes:
        line = await self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise ConnectionError("the crowd's process ended; its error is above")
        return line


@dataclass
class Ward:
    """The healthy clients under observation: their latencies, the normal 99 % (ms), and the server's process."""

    samples: Samples
    normal: float
    pid: int


async def during(name: str, trouble: Trouble, door: Door, ward: Ward) -> None:
    """The healthy clients' latency while something goes on, and the server's memory."""
    healthy, pid = ward.samples, ward.pid
    before = resident(pid)
    healthy.values.clear()
    healthy.on = True
    task = asyncio.ensure_future(trouble(door))
    highest = before
    while not task.done():
        await asyncio.sleep(0.25)
        highest = max(highest, resident(pid))
    await task
    healthy.on = False
    p50, p99 = healthy.percentiles((0.5, 0.99))
    show(
        [
            Figure(f"{name}: median of the others", p50, "ms"),
            Figure(f"{name}: 99 % of the others", p99, "ms"),
            Figure(f"{name}: 99 % of the others / normal", p99 / ward.normal, "times"),
            Figure(f"{name}: server's memory grew by", highest - before, "MB"),
        ]
    )
    await asyncio.sleep(2.0)


async def run(port: int, pid: int, token: str) -> None:
    """A normal time first, then each trouble."""
    door = Door(port, MARKET_PATH, f"quantsite.v1, bearer.{token}", (CHANNEL,))
    market, healthy = Market(), Samples()
    clients: list[Listener] = await connect_many(HEALTHY, door, healthy)
    gc.collect()
    await asyncio.sleep(2.0)
    first = [client.count for client in clients]
    healthy.on = True
    await asyncio.sleep(NORMAL_SECONDS)
    healthy.on = False
    p50, p99 = healthy.percentiles((0.5, 0.99))
    show([Figure(f"{HEALTHY} clients x {RATE:g}/s, normal: median", p50, "ms")])
    show([Figure(f"{HEALTHY} clients x {RATE:g}/s, normal: 99 %", p99, "ms")])
    show([Figure("server's memory", resident(pid), "MB")])
    ward = Ward(healthy, p99, pid)
    await during("one slow reader", stopped_reader, door, ward)
    await during(f"{DEAD} dead readers", dead_readers, door, ward)
    crowd = await Crowd.gathered(door)
    await asyncio.sleep(5.0)
    await during(f"storm of {STORM}", crowd.storm, door, ward)
    await crowd.gone()
    lost = sum(client.lost for client in clients)
    counts = sorted(client.count - began for client, began in zip(clients, first, strict=True))
    show([Figure("healthy clients lost", lost, ""), Figure("updates: most less fewest", counts[-1] - counts[0], "")])
    market.close()


def main() -> None:
    """Measure."""
    token = prepare()
    gc.freeze()
    with server() as (port, pid):
        uvloop.run(run(port, pid, token))


if __name__ == "__main__":
    main()
