"""A stream inside one process: a ring of the last frames, several readers, threads and event loops alike."""

import asyncio
import threading
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from marketdata.streams.frames import BEGINNING, Frame, RefusedFrameError, StreamId, parse_id

MAX_FRAMES = 50_000
MAX_BYTES = 64 << 20
COMPACT = 4_096
"""How many dead entries may stand at the front of the lists before they are cut off."""


class LocalRing:
    """The last frames of one source with ascending ids, bounded by number and bytes. Safe from every thread."""

    def __init__(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._ids: list[StreamId] = []
        self._frames: list[bytes] = []
        self._head = 0
        self._bytes = 0
        self._last_given = BEGINNING
        self._wakers: dict[int, Callable[[], None]] = {}

    def __len__(self) -> int:
        with self._changed:
            return len(self._ids) - self._head

    def append(self, name: StreamId, data: bytes) -> None:
        """Put a frame at the end. Raises :class:`RefusedFrameError` for an id that does not ascend."""
        with self._changed:
            if name <= self._last_given:
                raise RefusedFrameError(f"{name} is equal or smaller than {self._last_given}")
            self._last_given = name
            self._ids.append(name)
            self._frames.append(data)
            self._bytes += len(data)
            self._trim()
            self._changed.notify_all()
            wakers = list(self._wakers.values())
        for wake in wakers:
            wake()

    def after(self, name: StreamId, count: int) -> list[tuple[StreamId, bytes]]:
        """The oldest ``count`` frames behind this id."""
        with self._changed:
            first = bisect_right(self._ids, name, self._head)
            last = first + count
            return list(zip(self._ids[first:last], self._frames[first:last], strict=True))

    def wait_after(self, name: StreamId, count: int, seconds: float) -> list[tuple[StreamId, bytes]]:
        """The same, waiting for the first one at most ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._last_given > name, seconds)
        return self.after(name, count)

    def tail(self, count: int) -> list[tuple[StreamId, bytes]]:
        """The newest ``count`` frames, oldest first."""
        with self._changed:
            first = max(self._head, len(self._ids) - count)
            return list(zip(self._ids[first:], self._frames[first:], strict=True))

    def newest(self) -> StreamId:
        """The last id given, :data:`BEGINNING` before the first."""
        with self._changed:
            return self._last_given

    def oldest(self) -> StreamId:
        """The first id kept, :data:`BEGINNING` where nothing is."""
        with self._changed:
            return self._ids[self._head] if self._head < len(self._ids) else BEGINNING

    def add_waker(self, key: int, wake: Callable[[], None]) -> None:
        """Call ``wake`` after every frame, from the publisher's thread; adding again changes nothing."""
        with self._changed:
            self._wakers.setdefault(key, wake)

    def remove_waker(self, key: int) -> None:
        """Call it no more."""
        with self._changed:
            self._wakers.pop(key, None)

    def _trim(self) -> None:
        while len(self._ids) - self._head > 1 and (
            len(self._ids) - self._head > self._max_frames or self._bytes > self._max_bytes
        ):
            self._bytes -= len(self._frames[self._head])
            self._frames[self._head] = b""
            self._head += 1
        if self._head >= COMPACT:
            del self._ids[: self._head], self._frames[: self._head]
            self._head = 0


_rings: dict[str, LocalRing] = {}
_published: set[str] = set()
_lock = threading.Lock()


def ring_of(source: str) -> LocalRing:
    """The ring of a source, made where there is none."""
    with _lock:
        return _rings.setdefault(source, LocalRing())


def sources() -> list[str]:
    """Every source that has had a publisher in this process."""
    with _lock:
        return sorted(_published)


class LocalSink:
    """Where a publisher's frames go in the embedded size."""

    def __init__(self, source: str, epoch: int) -> None:
        self._ring = ring_of(source)
        self._epoch = epoch
        with _lock:
            _published.add(source)

    def newest(self) -> StreamId:
        """The last id given."""
        return self._ring.newest()

    def write(self, frames: Sequence[Frame]) -> None:
        """Append them. Raises :class:`RefusedFrameError`."""
        for frame in frames:
            self._ring.append(StreamId(self._epoch, frame.number), frame.data)

    def close(self) -> None:
        """Nothing to let go of."""


class LocalReader:
    """Follows one ring from its last id on."""

    def __init__(self, source: str, after: str) -> None:
        self.source = source
        self.trouble = ""
        self._ring = ring_of(source)
        self._position = parse_id(after)

    @property
    def position(self) -> str:
        """The id of the last frame read."""
        return str(self._position)

    def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, bytes]]:
        """The next frames with their ids, at most ``count``; waits up to ``block_ms`` for the first one."""
        found = self._ring.wait_after(self._position, count, block_ms / 1_000)
        if found:
            self._position = found[-1][0]
        return [(str(name), data) for name, data in found]

    def close(self) -> None:
        """Nothing to let go of."""


class AsyncLocalReader:
    """Follows all rings that ``sources`` names, from an event loop; as ``AsyncRedisReader`` does with Redis."""

    def __init__(self, sources: Callable[[], list[str]]) -> None:
        self.positions: dict[str, str] = {}
        self.trouble = ""
        self._sources = sources
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._followed: set[str] = set()
        self._asked = False

    def seek(self, source: str, after: str) -> None:
        """Follow ``source`` from behind this id."""
        self.positions[source] = after or str(BEGINNING)

    async def read(self, block_ms: int = 1_000, count: int = 100) -> list[tuple[str, str, bytes]]:
        """The next frames as (source, id, frame), at most ``count`` a source; waits up to ``block_ms``."""
        self._loop = asyncio.get_running_loop()
        self._follow()
        deadline = time.monotonic() + block_ms / 1_000
        while True:
            self._wake.clear()
            self._asked = True
            found = self._take(count)
            left = deadline - time.monotonic()
            if found or left <= 0:
                self._asked = False
                return found
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    async def __aiter__(self) -> AsyncIterator[tuple[str, str, bytes]]:
        """Every frame as it comes, without end."""
        while True:
            for found in await self.read():
                yield found

    async def close(self) -> None:
        """Be woken no more."""
        for source in self._followed:
            ring_of(source).remove_waker(id(self))

    def _follow(self) -> None:
        """Let new sources wake us; they begin at their newest frame."""
        for source in self._sources():
            if source not in self._followed:
                self._followed.add(source)
                ring = ring_of(source)
                self.positions.setdefault(source, str(ring.newest()))
                ring.add_waker(id(self), self._woken)

    def _woken(self) -> None:
        """From the publisher's thread: one call into the loop for any number of frames that come before it runs."""
        loop = self._loop
        if not self._asked or loop is None:
            return
        self._asked = False
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(self._wake.set)

    def _take(self, count: int) -> list[tuple[str, str, bytes]]:
        found: list[tuple[str, str, bytes]] = []
        for source in self._followed:
            entries = ring_of(source).after(parse_id(self.positions[source]), count)
            if entries:
                self.positions[source] = str(entries[-1][0])
                found += [(source, str(name), data) for name, data in entries]
        return found
