"""Who shakes hands when: one socket at a time, and a pause after each that is as long as the handshake took.

A handshake costs a thousand times what a price costs: the protocol, the token, the role. When a crowd comes back at
once, its handshakes would take the processor for seconds, and those who are connected would see old prices. So they
take turns, and at most half of the time is theirs. A single one never waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

LONGEST_TURN = 0.5
"""Seconds after which the next one begins, whatever the last one waits for."""
LONGEST_PAUSE = 0.05

Start = Callable[[], None]


class Admission:
    """The queue of one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[object, Start]] = deque()
        self._inside: object | None = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, who: object, start: Start) -> None:
        """Call ``start`` when it is this one's turn: now, if nobody is before it."""
        self._waiting.append((who, start))
        if self._inside is None and self._timer is None:
            self._next()

    def leave(self, who: object) -> None:
        """This one is done, or gone; the next one's turn comes after a pause."""
        if who is not self._inside:
            return
        self._inside = None
        took = self._loop.time() - self._since
        self._set_timer(min(took, LONGEST_PAUSE))

    def _next(self) -> None:
        self._timer = None
        self._inside = None
        if self._waiting:
            self._inside, start = self._waiting.popleft()
            self._since = self._loop.time()
            self._set_timer(LONGEST_TURN)
            start()

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._next)


_admissions: WeakKeyDictionary[asyncio.AbstractEventLoop, Admission] = WeakKeyDictionary()


def admission() -> Admission:
    """That of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _admissions.get(loop)
    if found is None:
        found = _admissions[loop] = Admission()
    return found
