"""The measurement of ``stream.py`` on the Redis that the environment names."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split
from django.conf import settings

from benchmarks.figures import Figure, show
from marketdata.domain.ticks import Tick, encode, unframe
from marketdata.streams import local as stream_local
from marketdata.streams import redis_stream as stream_redis
from marketdata.streams.frames import Frame, Sink, StreamId
from marketdata.streams.publisher import Publisher

RATE = 20_000
SECONDS = 5.0


class MeasuringSink:
    """A sink that notes how long ago each tick of a confirmed frame was received (its ``received``), in ms."""

    def __init__(self, inner: Sink) -> None:
        self.milliseconds: list[float] = []
        self.frames = 0
        self._inner = inner

    def newest(self) -> StreamId:
        """As the inner one."""
        return self._inner.newest()

    def write(self, frames: Sequence[Frame]) -> None:
        """As the inner one, then look at the clock."""
        self._inner.write(frames)
        now = time.perf_counter_ns()
        self.frames += len(frames)
        for frame in frames:
            self.milliseconds += [(now - tick.received) / 1e6 for tick in unframe(frame.data) if isinstance(tick, Tick)]

    def close(self) -> None:
        """As the inner one."""
        self._inner.close()


def sink_of(kind: str, source: str) -> Sink:
    """A sink of kind ``redis`` or ``local``."""
    if kind == "local":
        return stream_local.LocalSink(source, 1)
    url = str(settings.REDIS_URL)
    return stream_redis.RedisSink(url, source, 1, settings.STREAM_FRAMES, settings.STREAM_MB << 20)


def send_cost(kind: str, messages: int = 100_000) -> float:
    """Microseconds of one ``send`` with all its consequences in this process: the thread's work included."""
    publisher = Publisher(f"cost-{kind}", 1, sink_of(kind, f"cost-{kind}"))
    one = encode(_tick(0))
    began = time.perf_counter()
    for _ in range(messages):
        publisher.send(one)
    publisher.flush(30)
    taken = time.perf_counter() - began
    publisher.close()
    return taken / messages * 1e6


def confirmed_latency(kind: str, rate: int = RATE, seconds: float = SECONDS) -> tuple[float, float, float, int]:
    """Milliseconds from a tick's arrival until the stream confirmed it, at a steady rate: p50, p99, worst; frames."""
    source = f"latency-{kind}-{rate}"
    sink = MeasuringSink(sink_of(kind, source))
    publisher = Publisher(source, 1, sink)
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        publisher.send(encode(_tick(time.perf_counter_ns())))
    publisher.flush(10)
    publisher.close()
    taken = np.array(sink.milliseconds)
    return float(np.median(taken)), float(np.percentile(taken, 99)), float(taken.max()), sink.frames


def _tick(received: int) -> Tick:
    prices = (3_601.0, 5, 3_602.0, 7, 3_590.0, 3_610.0, 3_580.0)
    return Tick("rb2501.SHFE", 20_000, 1, 1_700_000_000_000_000_000, received, 3_601.0, 120_000, 4.3e9, 1.8e6, *prices)


def figures() -> Iterator[Figure]:
    """The cost of a ``send`` and the way to the confirmation, in this process and in Redis."""
    for kind in ("local", "redis"):
        yield Figure(f"send and publish, {kind}", send_cost(kind), "µs/message")
    for rate in (1_000, RATE):
        middle, high, worst, frames = confirmed_latency("redis", rate)
        yield Figure(f"tick to confirmed by Redis, {rate}/s, p50", middle, "ms")
        yield Figure(f"tick to confirmed by Redis, {rate}/s, p99", high, "ms")
        yield Figure(f"tick to confirmed by Redis, {rate}/s, worst", worst, "ms")
        yield Figure(f"messages a frame, {rate}/s", rate * SECONDS / frames, "messages")


if __name__ == "__main__":
    show(figures())
