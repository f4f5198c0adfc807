"""Plays a feed that goes on by itself: its ticks as they come, its clock with the world's."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from marketdata.domain.market_clock import MarketClock
from marketdata.domain.ticks import BACKWARD, STALE
from marketdata.feeds.base import LiveSource
from marketdata.publishing.path import TickPath
from marketdata.publishing.player import TELL_SECONDS

LATE_NS = 500_000_000
"""The market clock stands so far behind the world's: quotes come that much after their stamp, and a bar whose minute is
over must not be closed before its last quote is here. A quote that is ahead of it moves it on."""


@dataclass
class LivePlayer:
    """Drives ``path`` by a live source until ``stop`` is set.

    ``clock`` None: the market's clock is that of the quotes (a test front that plays another hour), and tells nothing
    before the first one. ``each_tell`` is called four times a second with the market's instant, 0 before there is one.
    """

    path: TickPath
    source: LiveSource
    clock: MarketClock | None
    stop: threading.Event
    halted: Callable[[], bool]
    each_tell: Callable[[int], None]
    _tell_at: float = 0.0

    def play(self) -> None:
        """Until we are to stop."""
        while not (self.stop.is_set() or self.halted()):
            self._take()
            if time.monotonic() >= self._tell_at:
                self._tell()
            self.source.wait(max(self._tell_at - time.monotonic(), 0.0))

    def now(self) -> int:
        """The market's instant, 0 before there is one."""
        return self.clock.now(time.monotonic()) if self.clock else 0

    def _take(self) -> None:
        for tick in self.source.ticks(self.now() or None):
            wall = time.monotonic()
            if self.clock is None:
                self.clock = MarketClock(tick.time, 1.0, wall)
            elif not tick.flags & (STALE | BACKWARD):
                self.clock.jump(tick.time, wall)
            self.path.advance(self.clock.now(wall))
            self.path.on_tick(tick)
            self.path.last_tick_at = wall
            self.path.heard.add(tick.instrument)

    def _tell(self) -> None:
        self._tell_at = time.monotonic() + TELL_SECONDS
        now = self.now()
        if now:
            self.path.advance(now)
            self.path.tell_clock(now, 1.0)
        self.each_tell(now or time.time_ns())
