"""The measurement of ``strategies_live.py``: this process is the runner, ``--publish`` makes it the market.

Each order is timed in parts: from the tick's publication to its arrival at the runner's queue, from there until all of
its step is decided, and from there to the commit.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from statistics import quantiles
from typing import Any, NamedTuple

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from accounts.leases import LeaseKeeper, take
from benchmarks.figures import Figure, show
from benchmarks.orders_desk import make_trader, managed, wait_for
from benchmarks.risk_gate_inside import CODES
from marketdata import stream
from marketdata.domain.ticks import Clock, encode
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.tests.made_ticks import DAY, NINE, tick
from quantsite.common.pauses import keep_pauses_short
from quantsite.common.times import ns_to_utc
from strategies import services
from strategies.choices import ActivityName, Health, StageName
from strategies.instance_models import LEASE, StrategyInstance
from strategies.running.journal import Journal
from strategies.running.loop import StrategyLoop
from strategies.services import NewInstance
from trading import services as trading
from trading.account_models import TRADE, AccountState

SOURCE = "bench"
DAY_OF = date(2024, 1, 2)
STRATEGIES = 50
ACCOUNTS = 5
TICKS_A_SECOND = 2
EVERY, SPREAD = 40, 161
"""A strategy turns once in so many of its ticks, 40 to 200: some seventeen turns a second in all, mostly two orders."""
WARM_SECONDS, SECONDS = 25.0, 30.0
MINUTE = 60 * 10**9
CHECK = "--publish"
DURABLE = "--durable"


def market_time(wall: int, began: int) -> int:
    """The market's time at a wall time (both ns): so much after a minute past nine."""
    return NINE + MINUTE + wall - began


def publish(began: int, seconds: float) -> None:
    """The market: every instrument twice a second, evenly spread, each tick stamped as it is sent."""
    publisher = stream.publisher(SOURCE, 1)
    gap = 1.0 / (TICKS_A_SECOND * len(CODES))
    due, number, told = time.monotonic(), 0, 0.0
    until = due + seconds
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        now = market_time(time.time_ns(), began)
        code, seq = CODES[number % len(CODES)], number // len(CODES) + 1
        last = 4000.0 + 7 * seq % 5
        figures: dict[str, Any] = {"last": last, "bid_price": last - 1, "ask_price": last + 1, "ask_volume": 500}
        limits = {"bid_volume": 500, "pre_settlement": 4000.0, "upper_limit": 4400.0, "lower_limit": 3600.0}
        publisher.send(encode(tick(code, seq, day=DAY + 1, time=now, volume=10 * seq, **figures, **limits)))
        if due - told > 0.25:
            publisher.send(encode(Clock(SOURCE, now, DAY + 1, 1.0)))
            told = due
        number += 1
        due += gap
    publisher.flush(5.0)
    publisher.close()


def desk() -> None:
    """Instruments, accounts, and the strategies of a trader that are to run."""
    trader, _token = make_trader()
    for code in CODES:
        InstrumentFeed.objects.create(instrument=ensure_instrument(code, DAY_OF), source=SOURCE, epoch=1)
    now = ns_to_utc(NINE + MINUTE)
    FeedState.objects.create(source=SOURCE, kind="bench", status="running", epoch=1, market_time=now)
    for number in range(ACCOUNTS):
        trading.add_account(None, f"a{number}", capital=Decimal(10**11))
        trading.grant_account(None, f"a{number}", trader, TRADE)
    for number in range(STRATEGIES):
        for place, code in enumerate(CODES):
            parameters = {"every": EVERY + (37 * number + 11 * place) % SPREAD}
            asked = NewInstance(f"s{number}-{place}", "flips", (code,), f"a{number % ACCOUNTS}", "tick",
                                parameters=parameters, isolated=False)  # fmt: skip
            services.create_instance(None, asked)
    StrategyInstance.objects.update(stage=StageName.PAPER, activity=ActivityName.RUNNING, owner=trader)


class Parts(NamedTuple):
    """Of one order (seconds)."""

    to_runner: float
    to_decided: float
    to_order: float
    event_to_order: float


class Measured(Journal):
    """Notes when each order was committed, and when the tick was published that it was decided on.

    Orders that go out with a later tick are ``late``: the account refused the first one, as it would have met an order
    of a neighbour.
    """

    began = late = 0
    found: list[Parts]

    def _tell_latency(self, placed: Any, decided: int) -> None:
        now = time.time_ns()
        for part in placed:
            if part.place.decided_at != part.instance.ticked:
                self.late += 1
                continue
            sent, arrived = part.place.decided_at - market_time(0, self.began), part.wanted.event_at
            steps = (arrived - sent, decided - arrived, now - decided, now - sent)
            self.found.append(Parts(*(each / 1e9 for each in steps)))
        super()._tell_latency(placed, decided)


def figures() -> Iterator[Figure]:
    """Half a minute of a busy desk."""
    keep_pauses_short()
    desk()
    with managed("run_gateway", "--all"):
        wait_for("gateways", lambda: AccountState.objects.filter(gateway="running").count() == ACCOUNTS)
        held = take(LEASE, "bench")
        keeper = LeaseKeeper(held, lambda _reason: None).start()
        with StrategyLoop(held.epoch, keeper, own_process=True) as loop:
            yield from _run(loop)
        keeper.stop()


def _run(loop: StrategyLoop) -> Iterator[Figure]:
    name = "strategies_live_durable" if DURABLE in sys.argv else "strategies_live"
    journal = Measured(loop.epoch)
    journal.found = []
    loop.journal = journal
    wanted = StrategyInstance.objects.on_duty().count()
    while StrategyInstance.objects.filter(health=Health.RUNNING).count() < wanted:
        loop.turn(0.2)
    journal.began = began = time.time_ns()
    words = [sys.executable, "-m", "benchmarks.strategies_live_inside", CHECK, str(began)]
    with subprocess.Popen(words) as market:
        events = _until(loop, began, WARM_SECONDS)
        journal.found.clear()
        journal.late = 0
        used = time.thread_time()
        events = _until(loop, began, WARM_SECONDS + SECONDS) - events
        used = time.thread_time() - used
        market.wait()
    yield Figure(f"{name}.events_per_second", events / SECONDS, "1/s")
    yield Figure(f"{name}.orders", len(journal.found), "orders")
    yield Figure(f"{name}.orders_after_a_refusal", journal.late, "orders")
    for part in Parts._fields:
        seconds = [getattr(each, part) for each in journal.found]
        for share in (50, 90, 99):
            yield Figure(f"{name}.{part}.p{share}", quantiles(seconds, n=100)[share - 1] * 1e3, "ms")
    yield Figure(f"{name}.loop_busy", 100 * used / SECONDS, "% of a core")
    yield Figure(f"{name}.instances", len(loop.instances), "instances")


def _until(loop: StrategyLoop, began: int, seconds: float) -> int:
    """Turn the loop; gives the ticks that strategies have taken in since the day began."""
    while time.time_ns() < began + seconds * 1e9:
        loop.turn(0.05)
    return sum(instance.count.ticks for instance in loop.instances.values())


if __name__ == "__main__":
    if CHECK in sys.argv:
        publish(int(sys.argv[-1]), WARM_SECONDS + SECONDS)
    else:
        show(figures())
