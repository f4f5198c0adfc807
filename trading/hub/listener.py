"""One connection as the trading hub sees it: what it listens to, and what waits while it reads slowly.

Orders are never conflated: whoever reads too slowly is let go, and comes back with ``from_seq``.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from trading.hub.figures import FIGURES
from trading.hub.messages import Bundle, Message

QUEUE_BYTES = 1024 * 1024
"""What may wait of events: some 1,000 of them."""
CLOSE_TOO_SLOW = 1013
"""RFC 6455's registry: try again later."""


class Writer(Protocol):
    """Where a connection's bytes go: ``quantsite.web.direct.DirectWriter``, or a queue to a server without it."""

    flow: Any

    def write(self, complete: bytes) -> None:
        """Take bytes of the connection; never waits."""

    def close(self, code: int, reason: str) -> None:
        """End the connection, telling why."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One account that a connection listens to, or is about to.

    ``from_seq`` is the last event that the other end has; None: it wants a snapshot. ``named``: it was asked for by its
    code, not as one of all.
    """

    listener: "Listener"
    code: str
    from_seq: int | None = None
    named: bool = True
    account: int = 0


class Listener:
    """A connection. ``clear``: whether it takes messages at once.

    ``subscriptions`` are by code; ``wanted`` those whose turn to be opened has not come, ``opening`` the one that has
    it. ``every`` says that it listens to all accounts, ``seen`` which those were when it was told, ``resume`` from
    where to go on with them.
    """

    __slots__ = (
        "_queue",
        "_queued_bytes",
        "_room",
        "clear",
        "closed",
        "every",
        "framed",
        "opening",
        "resume",
        "seen",
        "subscriptions",
        "user_id",
        "wanted",
        "writer",
    )

    def __init__(self, writer: Writer, user_id: int, *, framed: bool, room: Callable[["Listener"], None]) -> None:
        """``framed``: the writer takes whole frames, else texts. ``room`` is called when there is room again."""
        self.writer = writer
        self.user_id = user_id
        self.framed = framed
        self.clear = True
        self.closed = False
        self.subscriptions: dict[str, Subscription] = {}
        self.wanted: deque[Subscription] = deque()
        self.opening: Subscription | None = None
        self.every = False
        self.seen: frozenset[str] | None = None
        self.resume: dict[str, int] = {}
        self._queue: deque[tuple[bytes, int]] = deque()
        self._queued_bytes = 0
        self._room = room
        writer.flow = self

    def send(self, message: Message, *, bounded: bool = True) -> None:
        """Send one message, or keep it until there is room. ``bounded``: it counts towards what may wait."""
        self._put(message.frame if self.framed else message.text, bounded=bounded)

    def take(self, bundle: Bundle) -> None:
        """Send several."""
        FIGURES.sent += len(bundle.messages)
        if self.framed:
            self._put(bundle.frames)
        else:
            for message in bundle.messages:
                self._put(message.text)

    def paused(self) -> None:
        """The connection takes no more for now."""
        self.clear = False

    def resumed(self) -> None:
        """There is room again: what waited leaves in its order."""
        self.clear = not self.closed
        while self._queue and self.clear:
            data, counted = self._queue.popleft()
            self._queued_bytes -= counted
            self.writer.write(data)
        if self.clear:
            self._room(self)

    def ended(self) -> None:
        """The connection is gone: keep nothing, take nothing."""
        self.closed = True
        self.clear = False
        self.writer.flow = None
        self._queue.clear()
        self._queued_bytes = 0
        self.wanted.clear()

    @property
    def waiting(self) -> int:
        """Bytes that wait for it here."""
        return self._queued_bytes

    def _put(self, data: bytes, *, bounded: bool = True) -> None:
        """Write, or keep. More than ``QUEUE_BYTES`` that wait end a connection; what it asked for does not count."""
        if self.clear:
            self.writer.write(data)
        elif not self.closed:
            counted = len(data) if bounded else 0
            self._queue.append((data, counted))
            self._queued_bytes += counted
            if self._queued_bytes > QUEUE_BYTES:
                FIGURES.closed_slow += 1
                self.ended()
                self.writer.close(CLOSE_TOO_SLOW, "too slow: go on with from_seq")
