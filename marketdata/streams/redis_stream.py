"""A stream in Redis: one key a source, one entry a frame, bounded; readers follow it from their last id on."""

import asyncio
import functools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketdata.streams.frames import BEGINNING, Frame, RefusedFrameError, StreamId, UnreachableError, parse_id

log = structlog.get_logger(__name__)

PREFIX = "qs:ticks:"
SOURCES = "qs:tick-sources"
FIELD = b"f"
REFUSED = "equal or smaller"
"""In Redis's sentence about an id that does not ascend."""

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
LONGEST_BLOCK_MS = 2_000
"""Shorter than the answer's time limit, so that a silent server is told from a quiet stream."""

AWAY_SECONDS = 0.2
OPTIONS: dict[str, Any] = {"protocol": 2, "socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": ANSWER_SECONDS}

Entries = list[tuple[bytes, dict[bytes, bytes]]]


def key_of(source: str) -> str:
    """The Redis key of a source's stream."""
    return PREFIX + source


class RedisSink:
    """Appends frames over one connection that never reconnects unseen: after a break the publisher asks anew.

    A client of redis-py would reconnect by itself, and a server that restarted empty in between go unnoticed.
    The stream is cut to ``max_frames``, or to as many as ``max_bytes`` hold: frames of a busy market are large.
    """

    def __init__(self, url: str, source: str, epoch: int, max_frames: int, max_bytes: int) -> None:
        self._pool = redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **OPTIONS)
        self._connection: Any = None
        self._key = key_of(source)
        self._source = source
        self._epoch = epoch
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._full = False

    def newest(self) -> StreamId:
        """The last id given, from the server itself; makes a new connection and names the source."""
        self.close()
        connection = self._pool.connection_class(**self._pool.connection_kwargs)  # the pool would count and reuse
        try:
            connection.connect()
            self._connection = connection
            self._ask("SADD", SOURCES, self._source)
            return self._last_given()
        except redis.RedisError as error:
            self.close()
            raise UnreachableError(_sentence(error)) from error

    def write(self, frames: Sequence[Frame]) -> None:
        """Append them in one round trip. Raises :class:`UnreachableError`, :class:`RefusedFrameError`."""
        connection = self._connection
        if connection is None:
            raise UnreachableError("not connected")
        commands = [self._append_command(frame) for frame in frames]
        refused = ""
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            for _frame in frames:
                try:
                    connection.read_response()
                except redis.ResponseError as error:
                    refused = refused or str(error)
        except redis.RedisError as error:
            self.close()
            raise UnreachableError(_sentence(error)) from error
        if REFUSED in refused:
            raise RefusedFrameError(refused)
        if refused:
            self.close()
            raise UnreachableError(refused)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def _append_command(self, frame: Frame) -> tuple[object, ...]:
        self._sizes.append(len(frame.data))
        self._bytes += len(frame.data)
        while self._bytes > self._max_bytes or len(self._sizes) > self._max_frames:
            self._bytes -= self._sizes.popleft()
            self._full = True
        return (
            *("XADD", self._key, "MAXLEN", "~", len(self._sizes) if self._full else self._max_frames),
            *(f"{self._epoch}-{frame.number}", FIELD, frame.data),
        )

    def _ask(self, *command: object) -> Any:
        self._connection.send_command(*command)
        return self._connection.read_response()

    def _last_given(self) -> StreamId:
        try:
            told = self._ask("XINFO", "STREAM", self._key)
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return BEGINNING
            raise
        about = dict(zip(told[::2], told[1::2], strict=True))
        return parse_id(about[b"last-generated-id"])


class RedisReader:
    """Follows one stream from its last id on; a server that is away gives empty answers until it is back."""

    def __init__(self, url: str, source: str, after: str) -> None:
        self.source = source
        self.position = after or str(BEGINNING)
        self.trouble = ""
        self._client = _following(url)

    def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, bytes]]:
        """The next frames with their ids, at most ``count``; waits up to ``block_ms`` for the first one.

        Empty where none came, or the server is away: ``trouble`` then says why.
        """
        block = min(block_ms, LONGEST_BLOCK_MS) or None
        try:
            answer = self._client.xread({key_of(self.source): self.position}, count, block)
        except redis.RedisError as error:
            self.trouble = _noted(self.trouble, error, self.source)
            time.sleep(min(AWAY_SECONDS, block_ms / 1_000))
            return []
        self.trouble = ""
        found = [(name.decode(), fields[FIELD]) for name, fields in _entries(answer)]
        if found:
            self.position = found[-1][0]
        return found

    def close(self) -> None:
        """End the connection."""
        self._client.close()


class AsyncRedisReader:
    """Follows all streams that ``sources`` names, over one connection of the running event loop.

    A source that has no position (``seek``) is followed from its newest frame at first sight on.
    """

    def __init__(self, url: str, sources: Callable[[], list[str]]) -> None:
        self.positions: dict[str, str] = {}
        self.trouble = ""
        self._sources = sources
        self._client: Any = redis.asyncio.Redis.from_url(url, single_connection_client=True, **OPTIONS)

    def seek(self, source: str, after: str) -> None:
        """Follow ``source`` from behind this id."""
        self.positions[source] = after or str(BEGINNING)

    async def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, str, bytes]]:
        """The next frames as (source, id, frame), at most ``count`` a source; empty as in :class:`RedisReader`."""
        try:
            streams = await self._streams()
            if not streams:
                await asyncio.sleep(min(AWAY_SECONDS, block_ms / 1_000))
                return []
            answer = await self._client.xread(streams, count, min(block_ms, LONGEST_BLOCK_MS) or None)
        except redis.RedisError as error:
            self.trouble = _noted(self.trouble, error, "all")
            await asyncio.sleep(min(AWAY_SECONDS, block_ms / 1_000))
            return []
        self.trouble = ""
        found: list[tuple[str, str, bytes]] = []
        for key, entries in answer or ():
            source = key.decode().removeprefix(PREFIX)
            found += [(source, name.decode(), fields[FIELD]) for name, fields in entries]
            self.positions[source] = entries[-1][0].decode()
        return found

    async def __aiter__(self) -> AsyncIterator[tuple[str, str, bytes]]:
        """Every frame as it comes, without end."""
        while True:
            for found in await self.read():
                yield found

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()

    async def _streams(self) -> dict[Any, Any]:
        """Key -> id to read behind; who is new begins at the newest."""
        wanted = self._sources()
        for source in wanted:
            if source not in self.positions:
                newest = await self._client.xrevrange(key_of(source), count=1)
                self.positions[source] = newest[0][0].decode() if newest else str(BEGINNING)
        return {key_of(source): self.positions[source] for source in wanted}


def tail(url: str, source: str, frames: int) -> list[tuple[str, bytes]]:
    """The newest ``frames`` that are kept, oldest first. Raises :class:`UnreachableError`."""
    with _reachable():
        newest: Entries = _client(url).xrevrange(key_of(source), count=frames)
        return [(name.decode(), fields[FIELD]) for name, fields in reversed(newest)]


def sources(url: str) -> list[str]:
    """Every source that has had a publisher. Raises :class:`UnreachableError`."""
    with _reachable():
        return sorted(name.decode() for name in _client(url).smembers(SOURCES))


def edge_id(url: str, source: str, *, newest: bool) -> str:
    """The newest or oldest id kept, '' where there is none. Raises :class:`UnreachableError`."""
    with _reachable():
        ask = _client(url).xrevrange if newest else _client(url).xrange
        found: Entries = ask(key_of(source), count=1)
        return found[0][0].decode() if found else ""


def length(url: str, source: str) -> int:
    """How many frames are kept. Raises :class:`UnreachableError`."""
    with _reachable():
        return int(_client(url).xlen(key_of(source)))


@functools.cache
def _client(url: str) -> Any:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 1), **OPTIONS)


def _following(url: str) -> Any:
    """A client with one connection of its own. Reading again does no harm, so redis-py may reconnect."""
    return redis.Redis.from_url(url, max_connections=1, retry=Retry(NoBackoff(), 1), **OPTIONS)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise UnreachableError(_sentence(error)) from error


def _entries(answer: Any) -> Entries:
    """What XREAD gave for its one stream."""
    found: Entries = answer[0][1] if answer else []
    return found


def _noted(before: str, error: redis.RedisError, source: str) -> str:
    """The sentence about the trouble; logged when it begins."""
    if not before:
        log.warning("stream cannot be read", source=source, reason=_sentence(error))
    return _sentence(error)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
