"""One trading day of a product as plain integers: what is asked of it for every tick.

All instants are ns UTC. The rules (DOMAIN of the trade): an auction's match tick belongs to the first minute; a tick
stamped at the end of a session part, or up to five seconds after it, belongs to the part's last minute; a bar of N
minutes counts N trading minutes from the opening of its session (night or day), across breaks.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND

LATEST_AFTER_END = 5 * NS_PER_SECOND
"""So long after the end of a session part a tick still belongs to its last minute."""


class Part(NamedTuple):
    """One unbroken stretch of trading: ``elapsed`` is the trading time (ns) of its session before it."""

    start: int
    end: int
    session: int
    elapsed: int


class Minute(NamedTuple):
    """One minute of trading: it takes ticks from ``accepts`` up to, not including, ``limit``."""

    start: int
    end: int
    accepts: int
    limit: int


class Bucket(NamedTuple):
    """A bar of several minutes: from ``start`` to ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The parts of one trading day, ascending and not empty; ``accepts`` is where its opening auction begins."""

    trading_day: int
    parts: tuple[Part, ...]
    accepts: int
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", tuple(part.start for part in self.parts))

    @property
    def opens(self) -> int:
        """The first instant of trading."""
        return self.parts[0].start

    @property
    def closes(self) -> int:
        """The end of the last session."""
        return self.parts[-1].end

    def minute_at(self, instant: int) -> Minute | None:
        """The minute that a tick of this time belongs to; None for one that belongs to none."""
        row = bisect_right(self._starts, instant) - 1
        if row < 0:
            return self._minute(0, self.opens) if instant >= self.accepts else None
        part = self.parts[row]
        if instant < part.end:
            return self._minute(row, instant - (instant - part.start) % NS_PER_MINUTE)
        if instant <= part.end + LATEST_AFTER_END:
            return self._minute(row, part.end - NS_PER_MINUTE)
        return None

    def settled(self, instant: int) -> int:
        """Up to where every minute has ended at ``instant``: no tick of that time or later belongs to one before."""
        minute = self.minute_at(instant)
        if minute is not None:
            return minute.start
        row = bisect_right(self._starts, instant) - 1
        return self.parts[row].end if row >= 0 else self.accepts

    def minutes(self, first: int, last: int) -> list[Minute]:
        """The minutes whose starts lie in ``first <= start < last``, ascending."""
        return [
            self._minute(row, start)
            for row, part in enumerate(self.parts)
            for start in range(part.start, part.end, NS_PER_MINUTE)
            if first <= start < last
        ]

    def bucket_of(self, start: int, length: int) -> Bucket:
        """The bar of ``length`` ns of trading time that the minute beginning at ``start`` belongs to.

        Raises ``ValueError`` for an instant outside the parts.
        """
        row = bisect_right(self._starts, start) - 1
        part = self.parts[row]
        if row < 0 or start >= part.end:
            raise ValueError(f"{start} lies in no session of trading day {self.trading_day}")
        passed = part.elapsed + start - part.start
        begun = passed - passed % length
        session = [other for other in self.parts if other.session == part.session]
        return Bucket(_instant(session, begun), _end(session, begun + length))

    def _minute(self, row: int, start: int) -> Minute:
        part = self.parts[row]
        end = start + NS_PER_MINUTE
        accepts = self.accepts if row == 0 and start == part.start else start
        return Minute(start, end, accepts, part.end + LATEST_AFTER_END + 1 if end >= part.end else end)


def _instant(session: list[Part], elapsed: int) -> int:
    """When so much of the session has passed, as a start: never the end of a part."""
    part = next(part for part in reversed(session) if part.elapsed <= elapsed)
    return part.start + elapsed - part.elapsed


def _end(session: list[Part], elapsed: int) -> int:
    """When so much has passed, as an end: never the start of a part, nor after the session."""
    part = next((part for part in session if elapsed <= part.elapsed + part.end - part.start), session[-1])
    return min(part.start + elapsed - part.elapsed, part.end)
