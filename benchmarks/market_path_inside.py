"""The measurement of ``market_path.py``: this process is the feed, a child of it the reader."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, cast

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
import numpy as np

from benchmarks.figures import Figure, show
from marketdata import stream
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.reference import reference_session_table
from marketdata.domain.ticks import Tick, unframe
from marketdata.publishing.path import TickPath
from quantsite.common.pauses import keep_switches_short

CONTRACTS = 700
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "1d")
SECONDS = 3.0
RATES = (4_000, 20_000)
BURST_SECONDS = 0.5
TABLE = reference_session_table("SHFE", "rb")
SLICE_SECONDS = 0.0005
UNPACED_TICKS = 200_000


class Market:
    """Depth records of many contracts that trade all the time, from 21:00 of one evening on."""

    def __init__(self) -> None:
        symbols = [f"rb{number:04d}" for number in range(CONTRACTS)]
        self.contracts = {
            f"{symbol}.SHFE": Contract(f"{symbol}.SHFE", symbol, "SHFE", 10.0, 1.0, TABLE) for symbol in symbols
        }
        self._records = self._trade(symbols)

    def __next__(self) -> RawTick:
        return next(self._records)

    def _trade(self, symbols: list[str]) -> Iterator[RawTick]:
        for step in itertools.count():
            half_seconds = step % 14_400  # of the two hours of the night session
            seconds = half_seconds // 2
            clock = f"{21 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            volume, price = 10 * (step + 1), 4_000.0 + step % 50
            for symbol in symbols:
                yield RawTick(
                    symbol, "20240116", clock, half_seconds % 2 * 500, price, volume, volume * 40_000.0, 1e6 + step,
                    "SHFE", "20240115", price - 1, 20, price + 1, 30, 4_000.0, 4_050.0, 4_000.0, average_price=40_200.0,
                    pre_settlement_price=4_010.0, pre_close_price=4_011.0, pre_open_interest=1e6,
                    upper_limit_price=4_330.0, lower_limit_price=3_690.0,
                )  # fmt: skip


class Feed:
    """What a feed's callback does with a depth record."""

    def __init__(self, contracts: dict[str, Contract], source: str) -> None:
        self.publisher = stream.publisher(source, epoch=1)
        self.path = TickPath(source, TABLE.calendar, self.publisher.send, intervals=INTERVALS)
        self._normaliser = Normaliser(contracts)
        for contract in contracts.values():
            self.path.watch(contract, 0)

    def on_depth(self, raw: RawTick, received: int) -> None:
        """The gateway-side path of one tick."""
        tick = self._normaliser.tick(raw, received)
        if tick is not None:
            self.path.on_tick(tick)


def figures() -> Iterator[Figure]:
    """How many a second without a pause; then latencies at given rates."""
    yield from _unpaced()
    for rate in RATES:
        for name, length in (("even", SLICE_SECONDS), ("bursts", BURST_SECONDS)):
            yield from _paced(f"market_path.{rate}_a_second.{name}", rate, length)


def _unpaced() -> Iterator[Figure]:
    market = Market()
    feed = Feed(market.contracts, "unpaced")
    records = [next(market) for _ in range(UNPACED_TICKS)]
    for raw in records[:CONTRACTS]:
        feed.on_depth(raw, 0)
    began = time.perf_counter()
    for raw in records[CONTRACTS:]:
        feed.on_depth(raw, time.time_ns())
    seconds = time.perf_counter() - began
    feed.publisher.flush(60)
    whole = time.perf_counter() - began
    feed.publisher.close()
    count = UNPACED_TICKS - CONTRACTS
    yield Figure("market_path.callback", seconds / count * 1e6, "us/tick")
    yield Figure("market_path.unpaced", count / whole, "ticks/s")
    yield Figure("market_path.unpaced.bars", feed.path.bars, "bars")


def _paced(name: str, rate: int, slice_seconds: float) -> Iterator[Figure]:
    """Latency from callback to the frame in a reader's hands (which is later than published), in ms."""
    market = Market()
    feed = Feed(market.contracts, name)
    command = [sys.executable, "-m", "benchmarks.market_path_inside", "--read", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        answers = cast(IO[str], reader.stdout)
        answers.readline()  # it follows the stream now
        a_slice = max(int(rate * slice_seconds), 1)
        for raw in (next(market) for _ in range(CONTRACTS)):
            feed.on_depth(raw, 0)  # the first tick of a contract draws its day
        began, sent = time.perf_counter(), 0
        busy = 0.0
        while sent < rate * SECONDS:
            records = [next(market) for _ in range(a_slice)]
            wait = began + sent / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            start = time.perf_counter()
            for raw in records:
                feed.on_depth(raw, time.time_ns())
            busy += time.perf_counter() - start
            sent += a_slice
        seconds = time.perf_counter() - began
        feed.publisher.flush(10)
        feed.publisher.close()
        latencies = np.array(answers.read().split(), dtype=np.float64)
    yield Figure(f"{name}.rate", sent / seconds, "ticks/s")
    yield Figure(f"{name}.callback_share", busy / seconds, "of one core")
    yield Figure(f"{name}.lost", sent - len(latencies), "ticks")
    for share in (50, 99, 100):
        yield Figure(
            f"{name}.p{share}" if share < 100 else f"{name}.worst", float(np.percentile(latencies, share)), "ms"
        )


def read(source: str) -> None:
    """Follow the stream until it is silent for two seconds, then print each tick's age on arrival in ms."""
    follower = stream.reader(source)
    print("reading", flush=True)
    arrivals: list[tuple[int, bytes]] = []
    while True:
        frames = follower.read(block_ms=2_000, count=1_000)
        now = time.time_ns()
        if not frames and arrivals:
            break
        arrivals += [(now, frame) for _name, frame in frames]
    ages = [
        (now - message.received) / 1e6
        for now, frame in arrivals
        for message in unframe(frame)
        if isinstance(message, Tick) and message.received
    ]
    print(*ages)


if __name__ == "__main__":
    keep_switches_short()  # as run_feed does
    if "--read" in sys.argv:
        read(sys.argv[sys.argv.index("--read") + 1])
    else:
        show(figures())
