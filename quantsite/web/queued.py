"""The way to a connection of a server that hands out no transport: a queue, and a task that sends from it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from quantsite.web.direct import HIGH_WATER, LOW_WATER


class Flow(Protocol):
    """Whoever wants to know when the queue is long, and when it is short again."""

    def paused(self) -> None:
        """More than ``HIGH_WATER`` bytes wait."""

    def resumed(self) -> None:
        """Less than ``LOW_WATER`` wait."""


class QueueWriter:
    """Does what ``DirectWriter`` does by means of ASGI: ``send`` takes one message, ``close`` a code and a reason."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], close: Callable[[int, str], Awaitable[None]]) -> None:
        self.flow: Flow | None = None
        self.waiting = 0
        self._send = send
        self._close = close
        self._queue: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._full = False
        self._task = asyncio.create_task(self._pump())

    def write(self, complete: bytes) -> None:
        """Queue one message."""
        self._queue.append(complete)
        self.waiting += len(complete)
        self._filled.set()
        if self.waiting > HIGH_WATER and not self._full:
            self._full = True
            if self.flow is not None:
                self.flow.paused()

    def close(self, code: int, reason: str) -> None:
        """End the connection; what is queued is dropped, for a server may never take it."""
        self._task.cancel()
        self._task = asyncio.create_task(self._end(code, reason))

    def abort(self) -> None:
        """The same: ASGI knows no harder way."""
        self.close(1013, "nothing was read")

    async def stop(self) -> None:
        """The connection is gone."""
        self._task.cancel()

    async def _end(self, code: int, reason: str) -> None:
        await self._close(code, reason)

    async def _pump(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                message = self._queue.popleft()
                await self._send(message)
                self.waiting -= len(message)
                if self._full and self.waiting < LOW_WATER:
                    self._full = False
                    if self.flow is not None:
                        self.flow.resumed()
