"""How many orders and cancels may go out: brokers and exchanges refuse (40, 41, 116) who asks too often."""

from collections import deque

WINDOW_SECONDS = 1.0


class Pace:
    """At most ``limit`` requests within any second; the last ``reserved`` of them are for cancels.

    An order that finds no room is refused by us, before it is sent; a cancel may wait a moment, and finds room first.
    """

    def __init__(self, limit: int, reserved: int) -> None:
        if limit < 1:
            raise ValueError(f"at least one request a second must be allowed, not {limit}")
        self.limit = limit
        self.reserved = min(max(reserved, 0), limit - 1)
        self._sent: deque[float] = deque()

    def take(self, now: float, *, cancel: bool) -> bool:
        """Whether one may go out at ``now`` (seconds that never go back); it is counted then."""
        while self._sent and now - self._sent[0] >= WINDOW_SECONDS:
            self._sent.popleft()
        if len(self._sent) >= (self.limit if cancel else self.limit - self.reserved):
            return False
        self._sent.append(now)
        return True

    def allow(self, limit: int) -> None:
        """From now on so many a second, as a front has told."""
        self.limit = max(limit, 1)
        self.reserved = min(self.reserved, self.limit - 1)
