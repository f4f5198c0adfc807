"""The one reader of the streams that a hub has: every source, from the newest frames on."""

import asyncio
import time
from collections.abc import Callable

import structlog

from marketdata import stream

log = structlog.get_logger(__name__)

WARM_FRAMES = 2_000
"""Frames read again at the start, so that quiet contracts have a price too."""
SOURCES_SECONDS = 2.0
BUSY_SECONDS = 0.005
"""After so long the loop gets a turn: what was written leaves, what came in is read."""

OnFrame = Callable[[str, str, bytes], None]


class StreamFollower:
    """Hands every frame of every source to ``on_frame``, on the loop that runs it, and calls ``flush`` after some.

    What the streams had before we came goes to ``on_past``, and ``warmed`` is called with the source after it. A source
    that appears later has no such past.
    """

    def __init__(
        self, on_frame: OnFrame, flush: Callable[[], None], on_past: OnFrame, warmed: Callable[[str], None]
    ) -> None:
        self._on_frame = on_frame
        self._on_past = on_past
        self._warmed = warmed
        self._flush = flush
        self._known: list[str] = []

    async def run(self) -> None:
        """Read without end."""
        reader = stream.async_reader(lambda: self._known)
        watch = asyncio.create_task(self._watch_sources(reader))
        try:
            while True:
                await self._hand_on(await reader.read(1_000, 200), self._on_frame)
        finally:
            watch.cancel()
            await reader.close()

    async def _hand_on(self, frames: list[tuple[str, str, bytes]], take: OnFrame) -> None:
        began = time.monotonic()
        for source, name, data in frames:
            take(source, name, data)
            if time.monotonic() - began > BUSY_SECONDS:
                self._flush()
                await asyncio.sleep(0)
                began = time.monotonic()
        self._flush()

    async def _watch_sources(self, reader: stream.AsyncReader) -> None:
        """Look for new sources now and then; a new one is warmed up before it is followed."""
        take = self._on_past
        while True:
            try:
                for source in await asyncio.to_thread(stream.sources):
                    if source not in self._known:
                        await self._begin(reader, source, take)
                take = self._on_frame
            except stream.UnreachableError as error:
                log.warning("sources cannot be read", reason=str(error))
            await asyncio.sleep(SOURCES_SECONDS)

    async def _begin(self, reader: stream.AsyncReader, source: str, take: OnFrame) -> None:
        frames = await asyncio.to_thread(stream.tail, source, WARM_FRAMES)
        await self._hand_on([(source, name, data) for name, data in frames], take)
        if take == self._on_past:
            self._warmed(source)
            self._flush()
        if frames:
            reader.seek(source, frames[-1][0])
        self._known.append(source)
