"""Who comes and goes when: one handshake at a time with a pause as long as it took, and ends a few at a time.

A handshake costs a thousand times what a price costs: the protocol, the token, the role. When a crowd comes back at
once, its handshakes would take the processor for seconds, and those who are connected would see old prices. So they
take turns, and at most half of the time is theirs. The connections of a crowd that break at once are tidied up before
anybody new comes, at a pace that leaves most of the time to the others. A single one never waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

LONGEST_TURN = 0.5
"""Seconds after which the next one begins, whatever the last one waits for."""
LONGEST_PAUSE = 0.05
ENDS_AT_ONCE = 4
PAUSE_BETWEEN_ENDS = 0.004
"""Seconds; tidying up after one connection takes some 0.2 ms."""

Start = Callable[[], None]


class Admission:
    """The queue of one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[object, Start]] = deque()
        self._ending: deque[Start] = deque()
        self._end_timer: asyncio.TimerHandle | None = None
        self._inside: object | None = None
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, who: object, start: Start) -> None:
        """Call ``start`` when it is this one's turn: now, if nobody is before it and no ends are waiting."""
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

    def end(self, tidy: Start) -> None:
        """Call ``tidy`` for a connection that is gone: now, or a few at a time when many go."""
        self._ending.append(tidy)
        if self._end_timer is None:
            self._end_some()

    def _end_some(self) -> None:
        self._end_timer = self._loop.call_later(PAUSE_BETWEEN_ENDS, self._end_some) if self._ending else None
        for _ in range(min(ENDS_AT_ONCE, len(self._ending))):
            self._ending.popleft()()

    def _next(self) -> None:
        self._timer = None
        self._inside = None
        if self._ending:
            self._set_timer(PAUSE_BETWEEN_ENDS)
        elif self._waiting:
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
