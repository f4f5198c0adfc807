"""The measurement of ``orders.py``: this process is the trader."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from accounts.leases import take
from accounts.models import User
from benchmarks.fanout_inside import server
from benchmarks.figures import Figure, show
from benchmarks.orders_clients import Poster, Times, listen, share
from benchmarks.orders_desk import CODE, START_SECONDS, feed, gateway, make_account, make_trader, new_order, wait_for
from quantsite.common.pauses import keep_switches_short
from trading import services
from trading.choices import CommandStatus
from trading.domain.gateway import Gateway
from trading.ledger.apply import lease_of
from trading.loop.account_loop import AccountLoop
from trading.order_models import AccountCommand, AccountEvent

WARM = 30
ALONE = 300
PAUSE_SECONDS = 0.03
CLIENTS = 4
TOGETHER = 200
"""Orders of each client."""
AHEAD = 2_000
APART = 200


async def one_by_one(port: int, token: str, account: str) -> Iterator[Figure]:
    """One order at a time, each after a pause: nothing else waits."""
    times = Times()
    ear = await listen(port, token, account, times)
    poster = await Poster(port, token, account).open()
    for number in range(WARM + ALONE):
        if number == WARM:
            await ear.wait(WARM)
            for kept in (times.sent, times.answered, times.accepted):
                kept.clear()
        await poster.post(times)
        await asyncio.sleep(PAUSE_SECONDS)
    await ear.wait(ALONE)
    poster.close()
    await ear.close()
    return _latencies("orders.one_by_one", times)


async def by_several(port: int, token: str, account: str) -> Iterator[Figure]:
    """Several clients, each of which sends its next order when the last was answered."""
    times = Times()
    ear = await listen(port, token, account, times)
    posters = [await Poster(port, token, account).open() for _ in range(CLIENTS)]

    async def post(poster: Poster) -> None:
        for _ in range(TOGETHER):
            await poster.post(times)

    began = time.perf_counter()
    await asyncio.gather(*(post(poster) for poster in posters))
    await ear.wait(CLIENTS * TOGETHER)
    seconds = max(times.accepted.values()) - began
    for poster in posters:
        poster.close()
    await ear.close()
    rate = Figure(f"orders.{CLIENTS}_clients.rate", CLIENTS * TOGETHER / seconds, "orders/s")
    return iter([rate, *_latencies(f"orders.{CLIENTS}_clients", times)])


def _latencies(name: str, times: Times) -> Iterator[Figure]:
    for what, ends in (("answered", times.answered), ("accepted_on_socket", times.accepted)):
        values = times.milliseconds(ends)
        for label, part in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0)):
            yield Figure(f"{name}.{what}.{label}", share(values, part), "ms")


def inserted_ahead(trader: User) -> Iterator[Figure]:
    """Orders that waited in the inbox before their gateway began: how many a second it takes, and has accepted."""
    account = make_account("ahead", trader)
    for _ in range(AHEAD):
        services.create_order(None, account.code, new_order())
    mine = AccountEvent.objects.filter(account=account, kind="accepted")
    with gateway(account):
        wait_for("last order", lambda: mine.count() == AHEAD)
    first = AccountCommand.objects.filter(account=account, kind="place").earliest("done_at").done_at
    last = mine.latest("created_at").created_at
    if first is None:
        raise RuntimeError("nothing was carried out")
    yield Figure("orders.gateway.rate", AHEAD / (last - first).total_seconds(), "orders/s")


class Timed:
    """The gateway of a loop, with the time that it takes to hand an order over."""

    def __init__(self, inner: Gateway) -> None:
        self._inner = inner
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, *given: Any) -> None:
        """As the gateway does."""
        began = time.perf_counter()
        self._inner.send(*given)
        self.seconds.append(time.perf_counter() - began)


def steps_apart(trader: User) -> Iterator[Figure]:
    """The loop in this process, an order at a time: "submitting" stored, the exchange called, its answer stored."""
    account = make_account("apart", trader)
    held = take(lease_of(account), "benchmark")
    held.release()
    loop = AccountLoop(account, held.epoch)
    commits: list[float] = []
    store = loop.keeper.commit

    def commit(*given: Any) -> bool:
        began = time.perf_counter()
        stored = store(*given)
        commits.append(time.perf_counter() - began)
        return stored

    with loop:
        deadline = time.monotonic() + START_SECONDS
        while loop.market.tick(CODE) is None and time.monotonic() < deadline:
            loop.turn(0.1)
        gateway_calls = Timed(loop.exchange.gateway)
        loop.exchange.gateway, loop.keeper.commit = gateway_calls, commit  # type: ignore[assignment,method-assign]
        whole: list[float] = []
        pairs: list[list[float]] = []
        for _ in range(APART):
            loop.turn(0.0)
            services.create_order(None, account.code, new_order())
            commits.clear()
            began = time.perf_counter()
            loop.commands.carry_out()
            whole.append(time.perf_counter() - began)
            pairs.append(commits[:2])
    for name, values in (
        ("commit_of_submitting", [pair[0] for pair in pairs]),
        ("exchange_call", gateway_calls.seconds),
        ("commit_of_answer", [pair[1] for pair in pairs]),
        ("all_of_one_order", whole),
    ):
        ordered = sorted(values)
        yield Figure(f"orders.step.{name}.p50", share(ordered, 0.5) * 1e3, "ms")
        yield Figure(f"orders.step.{name}.p99", share(ordered, 0.99) * 1e3, "ms")


def figures() -> Iterator[Figure]:
    """All of them, on a desk that trades."""
    trader, token = make_trader()
    gc.freeze()
    with ExitStack() as stack:
        stack.enter_context(feed())
        yield from steps_apart(trader)
        yield from inserted_ahead(trader)
        port, _pid = stack.enter_context(server())
        for number, measure in enumerate((one_by_one, by_several)):
            account = make_account(f"desk{number}", trader)
            with gateway(account):
                yield from asyncio.run(measure(port, token, account.code))
        left = AccountCommand.objects.filter(status=CommandStatus.QUEUED).count()
        yield Figure("orders.left_behind", left, "commands")
    yield Figure("orders.load_average", os.getloadavg()[0], "processes")


if __name__ == "__main__":
    keep_switches_short()
    show(figures())
