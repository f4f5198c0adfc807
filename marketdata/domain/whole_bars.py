"""Which bars of a recorded trading day hold everything that was traded in them.

A recording has a hole where the numbers of its ticks do not follow one another, and after its last tick unless the
day was over by then. A minute that touches a hole may lack something; a daily bar does not mind holes before the last
tick, for that one carries the exchange's own figures of the day.
"""

from collections.abc import Iterable, Sequence

from marketdata.domain.bar_builder import build_bars
from marketdata.domain.contract import Contract
from marketdata.domain.day_plan import LATEST_AFTER_END, DayPlan
from marketdata.domain.intervals import parse_interval
from marketdata.domain.ticks import STALE, BarMessage, Tick
from quantsite.common.times import NS_PER_MINUTE

Hole = tuple[int, int]
"""A stretch (ns UTC, both ends included) of which ticks may be missing."""

FOREVER = 1 << 62
COUNTED = 0xFFFFFFFF
"""The part of a number that counts a day's ticks; above it stands the epoch of the feed, 0 for files."""
FIRST = 1
"""A day's first tick has this number at most: files count from 1, feeds from 0."""


def whole_bars(ticks: Sequence[Tick], contract: Contract, intervals: Sequence[str]) -> list[BarMessage]:
    """The bars of one instrument's trading day that its recorded ticks cover from start to end.

    Raises :class:`RuleError` ``invalid_interval``.
    """
    if not ticks:
        return []
    plan = contract.table.plan(ticks[0].trading_day)
    found = holes(ticks, plan)
    built = build_bars(ticks, contract, intervals)
    told = any(tick.open == tick.open for tick in ticks)
    return [
        bar
        for bar in built
        if isinstance(bar, BarMessage)
        and bar.final
        and not bar.partial
        and not _touched(bar, plan, found[-1:] if told and bar.interval == "1d" else found)
    ]


def holes(ticks: Sequence[Tick], plan: DayPlan) -> list[Hole]:
    """The holes of a recording of one trading day; the last one is what comes after its end.

    Stale ticks have numbers like all others, but their times say nothing.
    """
    found: list[Hole] = []
    number = ticks[0].seq - 1
    known, broken = 0, (ticks[0].seq & COUNTED) > FIRST
    for tick in ticks:
        broken |= tick.seq != number + 1
        number = tick.seq
        if tick.flags & STALE:
            continue
        if broken:
            found.append((min(known, tick.time), tick.time))
        known, broken = max(known, tick.time), False
    return [*found, (FOREVER if _day_is_over(ticks, plan) else known, FOREVER)]


def _day_is_over(ticks: Iterable[Tick], plan: DayPlan) -> bool:
    """Whether a tick was seen of the day's last minute or later, or with the settlement price."""
    return any(
        tick.time >= plan.closes - NS_PER_MINUTE or tick.settlement == tick.settlement
        for tick in ticks
        if not tick.flags & STALE
    )


def _touched(bar: BarMessage, plan: DayPlan, found: Iterable[Hole]) -> bool:
    """Whether a hole lies within the time of which the bar takes ticks: the opening auction, seconds after a part."""
    minutes = parse_interval(bar.interval)
    takes_from = plan.accepts if bar.start == plan.opens else bar.start
    end = plan.closes if minutes is None else plan.bucket_of(bar.start, minutes * NS_PER_MINUTE).end
    ends_part = any(part.end == end for part in plan.parts)
    takes_until = end + LATEST_AFTER_END + 1 if ends_part else end
    return any(first < takes_until and last >= takes_from for first, last in found)
