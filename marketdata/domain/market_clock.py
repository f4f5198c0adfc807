"""The market clock of a source: it runs at its own speed, and jumps over hours in which nothing happens.

Instants of the market are ns UTC; ``wall`` is the seconds of a clock that never goes back (``time.monotonic``).
"""

from quantsite.common.times import NS_PER_SECOND


class MarketClock:
    """Begins at ``start`` and runs ``speed`` times as fast as the wall's; with speed 0 it moves by jumps only."""

    def __init__(self, start: int, speed: float, wall: float) -> None:
        if speed < 0:
            raise ValueError(f"a speed is 0 or above, not {speed}")
        self.speed = speed
        self._base = start
        self._wall = wall

    def now(self, wall: float) -> int:
        """The market's instant."""
        return self._base + int((wall - self._wall) * self.speed * NS_PER_SECOND)

    def jump(self, instant: int, wall: float) -> None:
        """Go on from ``instant``; one that has passed already changes nothing: the clock never goes back."""
        if instant > self.now(wall):
            self._base, self._wall = instant, wall

    def seconds_to(self, instant: int, wall: float) -> float:
        """How many seconds of the wall it takes until ``instant``: 0 where it is past, or the clock only jumps."""
        if not self.speed:
            return 0.0
        return max(0.0, (instant - self.now(wall)) / NS_PER_SECOND / self.speed)
