"""Frames under way: their ids, what a stream is asked for, and the frames a publisher keeps for sending again."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class UnreachableError(ConnectionError):
    """The stream's server is away or refuses service: worth another try."""


class RefusedFrameError(Exception):
    """The stream has that id already, or a newer one: what was sent has arrived, or another publisher owns it."""


class StreamId(NamedTuple):
    """Where a frame stands: the epoch of its publisher's lease, and its number in that epoch, from 1."""

    epoch: int
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"


BEGINNING = StreamId(0, 0)
"""Before every frame; what an empty stream says is its newest."""


def parse_id(text: str | bytes) -> StreamId:
    """The id of ``"7-42"``; :data:`BEGINNING` for ''. Raises ``ValueError``."""
    if not text:
        return BEGINNING
    epoch, _dash, number = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return StreamId(int(epoch), int(number or 0))


class Frame(NamedTuple):
    """One frame of a publisher; ``moment`` (monotonic seconds) is when it was put together."""

    number: int
    data: bytes
    messages: int
    moment: float


class Sink(Protocol):
    """Where a publisher's frames go. Only the publisher's own thread calls it."""

    def newest(self) -> StreamId:
        """The last id that the stream has given; connects anew. Raises :class:`UnreachableError`."""
        ...

    def write(self, frames: Sequence[Frame]) -> None:
        """Append the frames in order. Raises :class:`UnreachableError` (what arrived is then unknown) and
        :class:`RefusedFrameError`.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Backlog:
    """The frames that wait for the stream, and the last ones that it has: a server that lost them gets them again.

    Bounded by ``max_bytes`` in all, and by ``max_seconds`` for those that have arrived. Where the bound is reached
    the oldest frame goes; one that never arrived is counted in ``dropped`` (messages).
    """

    def __init__(self, max_bytes: int, max_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._arrived: deque[Frame] = deque()
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._number = 0
        self.waiting_messages = 0
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, data: bytes, messages: int, moment: float) -> None:
        """Put a frame at the end, with the next number."""
        self._number += 1
        self._waiting.append(Frame(self._number, data, messages, moment))
        self._bytes += len(data)
        self.waiting_messages += messages
        self._trim(moment - self._max_seconds)

    def next_frames(self, most: int, max_bytes: int) -> list[Frame]:
        """The oldest waiting frames, at least one: ``most`` of them or ``max_bytes``, whichever is less."""
        chosen: list[Frame] = []
        size = 0
        for frame in self._waiting:
            size += len(frame.data)
            if chosen and (len(chosen) == most or size > max_bytes):
                break
            chosen.append(frame)
        return chosen

    def settle(self, number: int) -> int:
        """The stream has everything up to ``number`` and nothing after it; gives how many frames go once more."""
        while self._waiting and self._waiting[0].number <= number:
            frame = self._waiting.popleft()
            self._arrived.append(frame)
            self.waiting_messages -= frame.messages
        again = 0
        while self._arrived and self._arrived[-1].number > number:
            frame = self._arrived.pop()
            self._waiting.appendleft(frame)
            self.waiting_messages += frame.messages
            again += 1
        return again

    def _trim(self, oldest: float) -> None:
        while self._arrived and (self._bytes > self._max_bytes or self._arrived[0].moment < oldest):
            self._bytes -= len(self._arrived.popleft().data)
        while self._bytes > self._max_bytes and len(self._waiting) > 1:
            frame = self._waiting.popleft()
            self._bytes -= len(frame.data)
            self.waiting_messages -= frame.messages
            self.dropped += frame.messages
