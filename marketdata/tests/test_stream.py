"""One stream, several readers: everything once and in order, in Redis and inside one process."""

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from django.conf import settings

from accounts.leases import LeaseLostError
from marketdata import stream
from marketdata.domain.ticks import Clock, encode, unframe
from marketdata.stream import Limits, Publisher, Reader
from marketdata.tests.stream_servers import wait_until

pytestmark = pytest.mark.embedded

NAMES: Iterator[str] = (f"test{number}" for number in count())
KINDS = ["local"] if settings.EMBEDDED else ["redis", "local"]


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, settings: Any) -> str:
    """The name of a source that nobody has used, on each kind of stream."""
    if request.param == "local":
        settings.REDIS_URL = None
    return next(NAMES)


def message(number: int) -> bytes:
    """A message that can be told from every other one."""
    return encode(Clock("test", number, 0))


def numbers(frames: list[tuple[str, bytes]]) -> list[int]:
    """What the messages of these frames carry."""
    return [told.now for _name, data in frames for told in unframe(data) if isinstance(told, Clock)]


def read_all(reader: Reader, most: int, seconds: float = 60.0) -> list[int]:
    """Everything up to ``most`` messages, or what came in time."""
    found: list[int] = []
    deadline = time.monotonic() + seconds
    while len(found) < most and time.monotonic() < deadline:
        found += numbers(reader.read(100))
    return found


def send(publisher: Publisher, first: int, last: int) -> None:
    """Messages ``first`` to ``last``, the last one not included, all confirmed."""
    for number in range(first, last):
        publisher.send(message(number))
    assert publisher.flush(60)


def test_one_message_arrives_alone(source: str) -> None:
    assert (stream.newest_id(source), stream.oldest_id(source), stream.tail(source, 5)) == ("", "", [])
    publisher = stream.publisher(source, 1)
    send(publisher, 0, 1)
    assert publisher.last_id == "1-1"
    assert publisher.pending == 0
    assert stream.reader(source).read(0) == stream.tail(source, 5)
    assert source in stream.sources()
    assert stream.newest_id(source) == stream.oldest_id(source) == "1-1"
    assert stream.length(source) == 1
    assert publisher.close()


def test_seventy_thousand_messages_arrive_in_order_in_frames_of_five_hundred_at_most(source: str) -> None:
    publisher = stream.publisher(source, 1)
    send(publisher, 0, 70_000)
    frames: list[tuple[str, bytes]] = []
    reader = stream.reader(source)
    while found := reader.read(0, 1_000):
        frames += found
    assert numbers(frames) == list(range(70_000))
    assert max(len(unframe(data)) for _name, data in frames) <= 500
    assert [name for name, _data in frames] == [f"1-{number}" for number in range(1, len(frames) + 1)]
    publisher.close()


def test_a_reader_waits_for_what_comes_and_resumes_behind_its_last_id(source: str) -> None:
    publisher = stream.publisher(source, 3)
    reader = stream.reader(source)
    began = time.monotonic()
    assert reader.read(50) == []
    assert time.monotonic() - began >= 0.045
    threading.Timer(0.05, publisher.send, [message(0)]).start()
    [(name, _data)] = reader.read(2_000)
    assert name == reader.position == "3-1"

    send(publisher, 1, 11)
    resumed = stream.reader(source, after=name)
    assert read_all(resumed, 10) == list(range(1, 11))
    assert resumed.read(0) == []
    assert numbers(stream.tail(source, 1))[-1] == 10
    publisher.close()


def test_a_new_epoch_follows_the_old_one_and_shuts_it_out(source: str) -> None:
    old = stream.publisher(source, 4)
    send(old, 0, 3)
    new = stream.publisher(source, 5)
    send(new, 3, 6)
    old.send(message(99))
    wait_until(lambda: old.fenced, "the old publisher is shut out")
    with pytest.raises(LeaseLostError, match="another publisher than this one of epoch 4"):
        old.send(message(100))
    assert not old.flush(0.1)
    late = stream.publisher(source, 3)
    late.send(message(101))
    wait_until(lambda: late.fenced, "an older epoch is shut out")
    send(new, 6, 7)
    assert read_all(stream.reader(source), 7) == list(range(7))
    for publisher in (old, new, late):
        publisher.close(0)


def test_an_epoch_serves_one_publisher(source: str) -> None:
    first = stream.publisher(source, 4)
    send(first, 0, 2)
    second = stream.publisher(source, 4)
    second.send(message(50))
    wait_until(lambda: second.fenced, "the second publisher of the epoch is shut out")
    assert read_all(stream.reader(source), 2) == [0, 1]
    first.close()
    second.close(0)


def test_several_threads_read_the_same(source: str) -> None:
    publisher = stream.publisher(source, 1)
    found: list[list[int]] = [[], [], []]

    def follow(into: list[int]) -> None:
        into += read_all(stream.reader(source), 5_000)

    threads = [threading.Thread(target=follow, args=(into,)) for into in found]
    for thread in threads:
        thread.start()
    for number in range(5_000):
        publisher.send(message(number))
        if number % 500 == 0:
            time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert [each == list(range(5_000)) for each in found] == [True] * 3
    publisher.close()


async def test_event_loops_follow_all_sources_and_new_ones(source: str) -> None:
    known = [source]
    one, other = stream.publisher(source, 1), stream.publisher(source + "b", 1)
    send(one, 0, 5)
    readers = [stream.async_reader(lambda: known) for _ in range(2)]
    readers[0].seek(source, "")  # from the oldest; the other one from its first look on
    assert [len(await readers[1].read(1))] == [0]

    found: list[dict[str, list[int]]] = [{source: [], source + "b": []} for _ in readers]

    async def follow(number: int, most: int) -> None:
        while sum(map(len, found[number].values())) < most:
            for name, identity, data in await readers[number].read(2_000):
                found[number][name] += numbers([(identity, data)])

    following = asyncio.gather(follow(0, 2_005), follow(1, 2_000))
    known.append(source + "b")
    await asyncio.sleep(0.05)
    for reader in readers:
        reader.seek(source + "b", "")
    for number in range(1_000):
        one.send(message(5 + number))
        other.send(message(number))
        if number % 100 == 0:
            await asyncio.sleep(0.001)
    await asyncio.wait_for(following, 60)
    assert found[0] == {source: list(range(1_005)), source + "b": list(range(1_000))}
    assert found[1] == {source: list(range(5, 1_005)), source + "b": list(range(1_000))}
    for reader in readers:
        await reader.close()
    for publisher in (one, other):
        publisher.close()


async def test_an_event_loop_reads_frame_by_frame(source: str) -> None:
    publisher = stream.publisher(source, 1)
    send(publisher, 0, 3)
    reader = stream.async_reader(lambda: [source])
    reader.seek(source, "")
    found: list[int] = []
    async for name, identity, data in reader:
        assert name == source
        found += numbers([(identity, data)])
        if len(found) == 3:
            break
    assert found == [0, 1, 2]
    await reader.close()
    publisher.close()


@pytest.mark.skipif(settings.EMBEDDED, reason="needs Redis")
def test_a_stream_is_cut_by_number_and_by_size(settings: Any) -> None:
    settings.STREAM_FRAMES, settings.STREAM_MB = 1_000, 1
    source = next(NAMES)
    publisher = stream.publisher(source, 1)
    for number in range(1_500):
        publisher.send(message(number))
        publisher.flush(1)  # a frame each
    assert 1_000 <= stream.length(source) <= 1_200
    publisher.close()

    heavy = next(NAMES)
    publisher = stream.publisher(heavy, 1)
    for _ in range(40):
        publisher.send(encode(Clock("x" * 100_000, 0, 0)))
        publisher.flush(1)
    assert 10 <= stream.length(heavy) <= 12
    publisher.close()


def test_a_server_that_is_not_there_costs_the_caller_nothing_and_memory_is_bounded(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    publisher = stream.publisher("nobody", 1, Limits(messages=1_000, bytes=20_000))
    began = time.thread_time()
    for number in range(20_000):
        publisher.send(message(number))
    assert time.thread_time() - began < 1.0
    wait_until(lambda: bool(publisher.trouble), "the trouble is told")
    assert not publisher.flush(0.05)
    assert 0 < publisher.pending <= 2_500
    wait_until(lambda: publisher.dropped + publisher.pending == 20_000, "every message is waiting or counted as lost")
    with pytest.raises(stream.UnreachableError):
        stream.newest_id("nobody")
    reader = stream.reader("nobody")
    assert (reader.read(10), bool(reader.trouble)) == ([], True)
    assert not publisher.close(0)
