"""Plays a source: hands each tick on when the market clock has come to it, and tells the clock to everybody."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from marketdata.domain.market_clock import MarketClock
from marketdata.domain.market_hours import next_opening
from marketdata.feeds.base import Arrival
from marketdata.publishing.path import TickPath
from quantsite.common.times import NS_PER_SECOND

TELL_SECONDS = 0.25
SETTLE = 15 * NS_PER_SECOND
"""So long the clock runs on after the end of a session: bars close, settlement prices come."""

LONG_GAP = 60 * NS_PER_SECOND
LEAD = NS_PER_SECOND
"""A jump ends this much before what comes next."""

MOST_PENDING = 20_000
LEAST_PENDING = 5_000
PRESSURE_SECONDS = 0.002


@dataclass
class Player:
    """Drives ``path`` by a source's arrivals and the ``clock``, until they end or ``stop`` is set.

    The clock that is told never passes the tick that comes next: where this thread got no time, ticks that are due
    wait here, and a clock ahead of them would close the bars that they belong to. ``each_tell`` is called four times a
    second with the market's instant: the place for what may not wait for the next tick. While ``pending`` messages are
    more than :data:`MOST_PENDING` nothing is handed on: a replay waits for the stream, where a live market could not.
    With ``auctions`` a jump over closed hours ends where the opening auction takes orders, else where trading begins.
    """

    path: TickPath
    clock: MarketClock
    stop: threading.Event
    halted: Callable[[], bool]
    each_tell: Callable[[int], None]
    pending: Callable[[], int]
    auctions: bool = True
    jumps: int = 0
    _tell_at: float = 0.0
    _wall: float = 0.0

    def play(self, arrivals: Iterable[Arrival]) -> bool:
        """Gives whether the arrivals came to their end."""
        for arrival in arrivals:
            if not self._wait_until(arrival.moment):
                return False
            self.path.advance(arrival.moment)
            if arrival.tick is not None:
                self.path.on_tick(arrival.tick)
                self.path.last_tick_at = self._wall
        return True

    def _tell(self, moment: int) -> None:
        """Publish the market clock; ``moment`` is that of the next arrival."""
        wall = time.monotonic()
        self._tell_at = wall + TELL_SECONDS
        now = min(self.clock.now(wall), moment)
        self.path.advance(now)
        self.path.tell_clock(now, self.clock.speed)
        self.each_tell(now)

    def _wait_until(self, moment: int) -> bool:
        """Let the clock run up to ``moment``; False where we are to stop."""
        while not (self.stop.is_set() or self.halted()):
            wall = self._wall = time.monotonic()
            if wall >= self._tell_at:
                self._tell(moment)
            if self.pending() > MOST_PENDING:
                self._relieve(moment)
                continue
            left = self.clock.seconds_to(moment, wall)
            if left <= 0.0:
                self.clock.jump(moment, wall)
                return True
            if not self._skip_closed(moment, wall):
                self.stop.wait(min(left, max(self._tell_at - wall, 0.0)))
        return False

    def _relieve(self, moment: int) -> None:
        while self.pending() > LEAST_PENDING and not (self.stop.is_set() or self.halted()):
            if time.monotonic() >= self._tell_at:
                self._tell(moment)
            self.stop.wait(PRESSURE_SECONDS)

    def _skip_closed(self, moment: int, wall: float) -> bool:
        """Jump over hours in which no instrument trades; gives whether we did."""
        now = self.clock.now(wall)
        tables = {id(contract.table): contract.table for contract in self.path.contracts.values()}.values()
        if moment - now < LONG_GAP or not tables:
            return False
        if any(next_opening(table, now - SETTLE, auction=False) <= now for table in tables):
            return False
        opening = min(next_opening(table, now, auction=self.auctions) for table in tables)
        target = min(opening, moment - LEAD)
        if target - now < LONG_GAP:
            return False
        self.clock.jump(target, wall)
        self.jumps += 1
        self._tell(moment)
        return True
