"""One connection as the hub sees it: what it is sent, what waits while it reads slowly, and when it is let go.

A connection that keeps up gets every message. While it does not, the newest message of each channel that may be
conflated waits for it (one each), and those that may not wait in their order, up to ``QUEUE_BYTES``.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from operator import attrgetter
from time import monotonic
from typing import Any, Protocol

from marketdata.hub.messages import Message

QUEUE_BYTES = 1024 * 1024
"""What may wait of messages that are never conflated: some 4,000 bars."""
DEAD_SECONDS = 90.0
"""A connection that took nothing for so long is cut. A laptop that slept or a network that was gone for a minute
finds its socket as it was; until then a silent one costs its two buffers and one message a channel."""
CLOSE_TOO_SLOW = 1013
"""RFC 6455's registry: try again later."""


class Wire(Enum):
    """In what form a connection takes messages: the attribute of :class:`Message` that has it."""

    TEXT_FRAME = "text_frame"
    BINARY_FRAME = "binary_frame"
    TEXT = "text"
    BINARY = "binary"

    @property
    def joins(self) -> bool:
        """Whether several messages in a row are one write: frames say where they end."""
        return self is Wire.TEXT_FRAME or self is Wire.BINARY_FRAME

    @property
    def form(self) -> Callable[[Message], bytes]:
        """What gives a message in this form."""
        return _FORMS[self]


_FORMS: dict[Wire, Callable[[Message], bytes]] = {wire: attrgetter(wire.value) for wire in Wire}


class Writer(Protocol):
    """Where a connection's bytes go: ``quantsite.web.direct.DirectWriter``, or a queue to a server without it."""

    flow: Any

    def write(self, complete: bytes) -> None:
        """Take bytes of the connection's wire; never waits."""

    @property
    def waiting(self) -> int:
        """Bytes taken and not sent yet."""

    def close(self, code: int, reason: str) -> None:
        """End the connection, telling why."""

    def abort(self) -> None:
        """End it at once."""


class Figures:
    """Counters of this process, for ``/metrics``."""

    __slots__ = ("aborted", "closed_slow", "conflated", "messages", "sent")

    def __init__(self) -> None:
        self.messages = 0
        self.sent = 0
        self.conflated = 0
        self.closed_slow = 0
        self.aborted = 0


FIGURES = Figures()


class Client:
    """A connection. ``clear``: whether it takes messages at once; whoever sends looks at it first.

    ``out`` is what a :class:`Batch` has gathered for it.
    """

    __slots__ = (
        "_held",
        "_left",
        "_queue",
        "_queued_bytes",
        "channels",
        "clear",
        "closed",
        "joins",
        "out",
        "stalled_at",
        "user_id",
        "wire",
        "write",
        "writer",
    )

    def __init__(self, writer: Writer, wire: Wire, user_id: int) -> None:
        self.writer = writer
        self.write = writer.write
        self.wire = wire
        self.joins = wire.joins
        self.user_id = user_id
        self.clear = True
        self.closed = False
        self.stalled_at = 0.0
        self.channels: set[str] = set()
        self.out: list[bytes] = []
        self._left = 0
        self._held: dict[str, Message] = {}
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        writer.flow = self

    def offer(self, message: Message, *, conflate: bool) -> None:
        """Send a message, or keep it until the connection has caught up."""
        if self.clear:
            self.write(self.wire.form(message))
        else:
            self.keep(message, conflate=conflate)

    def keep(self, message: Message, *, conflate: bool) -> None:
        """Keep a message for later; one that may be conflated takes the place of the last of its channel.

        What waits of the same channel is older, so that a message which must arrive makes it needless.
        """
        if self.closed:
            return
        if self._held.pop(message.channel, None) is not None:
            FIGURES.conflated += 1
        if conflate:
            self._held[message.channel] = message
            return
        data = self.wire.form(message)
        self._queue.append(data)
        self._queued_bytes += len(data)
        if self._queued_bytes > QUEUE_BYTES:
            self._let_go()

    def forget(self, channel: str) -> None:
        """Drop what waits of a channel that is not listened to any more."""
        self._held.pop(channel, None)

    def paused(self) -> None:
        """The connection takes no more for now."""
        if self.clear:
            self.clear = False
            self.stalled_at = monotonic()
            self._left = self.writer.waiting

    def resumed(self) -> None:
        """There is room again: first what must arrive, then the newest of each channel."""
        self.clear = not self.closed
        while self._queue and self.clear:
            data = self._queue.popleft()
            self._queued_bytes -= len(data)
            self.write(data)
        while self._held and self.clear:
            channel = next(iter(self._held))
            self.write(self.wire.form(self._held.pop(channel)))

    def ended(self) -> None:
        """The connection is gone: keep nothing, take nothing."""
        self.closed = True
        self.clear = False
        self.writer.flow = None
        self._drop()

    def dead(self, now: float) -> bool:
        """Whether the connection has taken nothing for ``DEAD_SECONDS``; ``now`` is ``time.monotonic()``."""
        if self.clear or self.closed:
            return False
        left = self.writer.waiting
        if left < self._left:
            self.stalled_at = now
        self._left = left
        return now - self.stalled_at > DEAD_SECONDS

    def cut(self) -> None:
        """End a dead connection."""
        FIGURES.aborted += 1
        self.ended()
        self.writer.abort()

    @property
    def waiting(self) -> int:
        """Bytes kept for this connection alone; conflated messages are shared by all connections."""
        return self.writer.waiting + self._queued_bytes

    @property
    def held(self) -> int:
        """How many channels have a message waiting."""
        return len(self._held)

    def _let_go(self) -> None:
        FIGURES.closed_slow += 1
        self.ended()
        self.writer.close(CLOSE_TOO_SLOW, "too slow: bars would have been lost")

    def _drop(self) -> None:
        self.out.clear()
        self._held.clear()
        self._queue.clear()
        self._queued_bytes = 0


class Batch:
    """Gathers what one look at the stream brings, so that each connection is written to once.

    A write costs a system call, some eight microseconds, however short it is. Whoever publishes calls :meth:`flush`
    before it gives up the loop.
    """

    __slots__ = ("_touched",)

    def __init__(self) -> None:
        self._touched: list[Client] = []

    def add(self, clients: Iterable[Client], message: Message, form: bytes, *, conflate: bool) -> None:
        """One message for these connections, all of one wire, in its form."""
        touch = self._touched.append
        for client in clients:
            if client.clear:
                if not client.out:
                    touch(client)
                client.out.append(form)
            else:
                client.keep(message, conflate=conflate)

    def flush(self) -> None:
        """Write what was gathered."""
        touched, self._touched = self._touched, []
        for client in touched:
            out, client.out = client.out, []
            if client.joins:
                client.write(out[0] if len(out) == 1 else b"".join(out))
            else:
                for message in out:
                    client.write(message)
