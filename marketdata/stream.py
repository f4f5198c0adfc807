"""Ticks and bars between processes: Redis Streams where ``REDIS_URL`` is set, else a ring inside this process.

A source has one stream. Each frame in it has the id ``<epoch>-<number>``: the epoch of its publisher's lease, and a
number that ascends by one for each frame of that epoch. A reader that resumes behind its last id gets every frame
once, through restarts of either end and of the server. A frame that is sent twice is refused by its id, and so is
a publisher whose lease has gone to another.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from django.conf import settings

from marketdata.streams import local as stream_local
from marketdata.streams import redis_stream as stream_redis
from marketdata.streams.frames import BEGINNING, UnreachableError, parse_id
from marketdata.streams.publisher import Limits, Publisher
from marketdata.streams.reading import readable

__all__ = [
    "AsyncReader",
    "Limits",
    "Publisher",
    "Reader",
    "UnreachableError",
    "async_reader",
    "length",
    "newest_id",
    "oldest_id",
    "parse_id",
    "publisher",
    "readable",
    "reader",
    "sources",
    "tail",
]


class Reader(Protocol):
    """Follows one stream from a thread; ``trouble`` says why nothing comes, '' where all is well."""

    source: str
    trouble: str

    @property
    def position(self) -> str:
        """The id of the last frame read."""
        ...

    def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, bytes]]:
        """The next frames with their ids, at most ``count``; waits up to ``block_ms`` for the first one."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class AsyncReader(Protocol):
    """Follows several streams from an event loop, new sources from their newest frame on unless ``seek`` was asked."""

    positions: dict[str, str]
    trouble: str

    def seek(self, source: str, after: str) -> None:
        """Follow ``source`` from behind this id ('' = from the oldest kept)."""
        ...

    async def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, str, bytes]]:
        """The next frames as (source, id, frame), at most ``count`` a source; waits up to ``block_ms``."""
        ...

    def __aiter__(self) -> AsyncIterator[tuple[str, str, bytes]]:
        """Every frame as it comes, without end."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


def publisher(source: str, epoch: int, limits: Limits | None = None) -> Publisher:
    """The publishing end, for the holder of the source's lease with that epoch."""
    return Publisher(source, epoch, _sink(source, epoch), limits)


def reader(source: str, after: str = "") -> Reader:
    """A reader behind the id ``after``; '' = from the oldest frame kept."""
    if settings.REDIS_URL:
        return stream_redis.RedisReader(settings.REDIS_URL, source, after)
    return stream_local.LocalReader(source, after)


def async_reader(sources: Callable[[], list[str]]) -> AsyncReader:
    """A reader of all that ``sources`` names; it is asked before each wait, so it must be cheap."""
    if settings.REDIS_URL:
        return stream_redis.AsyncRedisReader(settings.REDIS_URL, sources)
    return stream_local.AsyncLocalReader(sources)


def tail(source: str, frames: int) -> list[tuple[str, bytes]]:
    """The newest frames kept with their ids, oldest first. Raises :class:`UnreachableError`."""
    if settings.REDIS_URL:
        return stream_redis.tail(settings.REDIS_URL, source, frames)
    return [(str(name), data) for name, data in stream_local.ring_of(source).tail(frames)]


def sources() -> list[str]:
    """Every source that has or had a publisher, by name. Raises :class:`UnreachableError`."""
    return stream_redis.sources(settings.REDIS_URL) if settings.REDIS_URL else stream_local.sources()


def newest_id(source: str) -> str:
    """The newest id kept, '' where there is none. Raises :class:`UnreachableError`."""
    if settings.REDIS_URL:
        return stream_redis.edge_id(settings.REDIS_URL, source, newest=True)
    newest = stream_local.ring_of(source).newest()
    return "" if newest == BEGINNING else str(newest)


def oldest_id(source: str) -> str:
    """The oldest id kept, '' where there is none. Raises :class:`UnreachableError`."""
    if settings.REDIS_URL:
        return stream_redis.edge_id(settings.REDIS_URL, source, newest=False)
    oldest = stream_local.ring_of(source).oldest()
    return "" if oldest == BEGINNING else str(oldest)


def length(source: str) -> int:
    """How many frames are kept. Raises :class:`UnreachableError`."""
    if settings.REDIS_URL:
        return stream_redis.length(settings.REDIS_URL, source)
    return len(stream_local.ring_of(source))


def _sink(source: str, epoch: int) -> "stream_redis.RedisSink | stream_local.LocalSink":
    if settings.REDIS_URL:
        limits = (settings.STREAM_FRAMES, settings.STREAM_MB << 20)
        return stream_redis.RedisSink(settings.REDIS_URL, source, epoch, *limits)
    return stream_local.LocalSink(source, epoch)
