"""Which stored bars answer a question for bars of an interval: those themselves, else finer ones put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from marketdata.domain.calendar import from_day_number
from marketdata.domain.intervals import parse_interval
from marketdata.domain.sessions import SessionTable
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND

JUST_AFTER = 1_000
"""A microsecond: the least that the database tells apart."""
NEXT_DAY_WHOLE = 29 * 60 * NS_PER_MINUTE
"""From the opening of a trading day to shortly before the close of the next one, where neither has a night."""
LATE = 15 * NS_PER_SECOND
"""How long after a bar's end its last part may still be on its way into the tables."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one interval: starts (ns UTC) of its first and last bar, and how many there are."""

    interval: str
    first: int
    last: int
    bars: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of an answer: bars made of ``source`` that start at ``since`` or later and before ``until``."""

    source: Stored
    since: int | None = None
    until: int | None = None


def plan_pieces(stored: Sequence[Stored], interval: str, hours: Callable[[], SessionTable]) -> list[Piece]:
    """The pieces of an answer in ascending order; empty where nothing stored can make bars of ``interval``.

    The interval's own bars come first; what they do not reach is put together from the finest bars that divide the
    interval, what these do not reach from the next ones. A bar at a seam is taken from the side that has all of it.
    ``hours`` gives the session table; it is called where a seam lies inside of bars.
    """
    pieces: list[Piece] = []
    for source in usable_sources(stored, interval):
        if not pieces:
            pieces = [Piece(source)]
            continue
        front = pieces[0]
        if source.first < front.source.first:
            seam = _after(front.source.first, front, source, interval, hours)
            pieces = [Piece(source, None, seam), replace(front, since=seam), *pieces[1:]]
        rear = pieces[-1]
        if source.last > rear.source.last + _patience(rear.source, source, interval):
            seam = _before(rear.source.last, rear, interval, hours)
            pieces = [*pieces[:-1], replace(rear, until=seam), Piece(source, seam)]
    return pieces


def usable_sources(stored: Sequence[Stored], interval: str) -> list[Stored]:
    """The interval itself if it is stored, then those that divide it, the finest first."""
    wanted = parse_interval(interval)
    finer: list[tuple[int, Stored]] = []
    own = [source for source in stored if source.interval == interval]
    for source in stored:
        minutes = parse_interval(source.interval)
        if minutes is None or source.interval == interval:
            continue
        if wanted is None or (minutes < wanted and wanted % minutes == 0):
            finer.append((minutes, source))
    return [*own, *(source for _minutes, source in sorted(finer, key=lambda pair: pair[0]))]


def bar_of(instant: int, interval: str, table: SessionTable) -> int:
    """The start of the bar that an instant of a session belongs to."""
    minutes = parse_interval(interval)
    column = np.array([instant], dtype=np.int64)
    if minutes is not None:
        return int(table.bucket_starts(column, minutes)[0])
    day = from_day_number(int(table.trading_days(column)[0]))
    return int(table.grid(day, None)[0])


def still_open(bar: int, interval: str, source: Stored, now: int, table: SessionTable) -> bool:
    """Whether the bar that starts at ``bar`` may get more of ``source`` at ``now`` on the market clock."""
    minutes = table.grid(from_day_number(int(table.trading_days(np.array([bar]))[0])), 1)
    wanted = parse_interval(interval)
    inside = minutes if wanted is None else minutes[table.bucket_starts(minutes, wanted) == bar]
    last = int(inside[-1])
    if bar_of(last, source.interval, table) <= source.last:
        return False
    return now < last + NS_PER_MINUTE + LATE


def _patience(rear: Stored, source: Stored, interval: str) -> int:
    """How far (ns between starts) finer bars must reach beyond the interval's own last one for one more whole bar.

    Recorded minutes are always a part of a bar ahead of recorded bars: that part is not worth a look.
    """
    minutes, finer = parse_interval(interval), parse_interval(source.interval)
    if rear.interval != interval:
        return 0
    return NEXT_DAY_WHOLE if minutes is None else (2 * minutes - (finer or 0)) * NS_PER_MINUTE - 1


def _after(first: int, front: Piece, source: Stored, interval: str, hours: Callable[[], SessionTable]) -> int:
    """The end of what goes in front: a bar that ``front`` has only the end of is left to ``source``."""
    if front.source.interval == interval:
        return first
    begins = bar_of(first, interval, hours())
    return begins + JUST_AFTER if begins < first <= source.last else begins


def _before(last: int, rear: Piece, interval: str, hours: Callable[[], SessionTable]) -> int:
    """The beginning of what goes behind: a bar put together at the end of ``rear`` may lack its end."""
    return last + JUST_AFTER if rear.source.interval == interval else bar_of(last, interval, hours())
