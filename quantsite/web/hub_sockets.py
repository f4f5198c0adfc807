"""Sockets that a hub writes to by itself: over the server's own writer where it hands one out, else over a queue."""

import asyncio
from typing import Any, Generic, TypeVar

from channels.exceptions import StopConsumer

from quantsite.web.direct import DirectWriter, writer_of
from quantsite.web.queued import QueueWriter
from quantsite.web.sockets import ConsoleConsumer

MemberT = TypeVar("MemberT")
"""A connection as its hub knows it."""


class HubConsumer(ConsoleConsumer, Generic[MemberT]):
    """A socket that joins a hub when it is opened, and leaves it however it ends.

    Subclasses say how by :meth:`join` and :meth:`part`, and may override :meth:`send_queued`.
    """

    member: MemberT | None
    queue: QueueWriter | None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """However the connection ends, the hub lets go of it."""
        self.member = self.queue = None
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.closed()
            watch: asyncio.Task[None] | None = getattr(self, "watch", None)
            if watch is not None:
                watch.cancel()

    def join(self, writer: DirectWriter | QueueWriter, *, framed: bool) -> MemberT:
        """Join the hub; ``framed``: the writer takes whole frames, else messages."""
        raise NotImplementedError

    def part(self, member: MemberT) -> None:
        """Leave it."""
        raise NotImplementedError

    async def send_queued(self, message: bytes) -> None:
        """Send one message from the queue."""
        await self.send(text_data=message.decode())

    async def opened(self) -> None:
        """Join the hub; nothing is told before a subscription."""
        direct = writer_of(self.scope)
        if direct is not None:
            self.member = self.join(direct, framed=True)
        else:
            self.queue = QueueWriter(self.send_queued, self._end)
            self.member = self.join(self.queue, framed=False)

    async def closed(self) -> None:
        """Leave the hub."""
        member, self.member = self.member, None
        if member is not None:
            self.part(member)
        queue, self.queue = self.queue, None
        if queue is not None:
            await queue.stop()

    def joined(self) -> MemberT:
        """The connection. Raises ``StopConsumer`` where it is gone."""
        if self.member is None:
            raise StopConsumer
        return self.member

    async def _end(self, code: int, reason: str) -> None:
        await self.close(code, reason)
