"""When a connection to a front is wanted: some minutes before a session, through its breaks, until a while after it.

All instants are ns UTC. Fronts are closed or restarted outside of trading: who stays then fills logs with losses.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from marketdata.domain.calendar import to_day_number
from marketdata.domain.hours import SessionHours, Span
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, SHANGHAI_OFFSET_NS

LEAD_MINUTES = 20
"""Before the first order may be sent: time to log in, fetch the statement and compare the books."""
TRAIL_MINUTES = 40
"""After the last trade: its report, the day's last figures of the funds."""
BRIDGED_MINUTES = 180
"""A pause up to so long is a break of one session (noon: two hours), not its end (02:30 to 09:00, 15:00 to 21:00)."""


class Wanted(NamedTuple):
    """A stretch of time in which a connection is wanted: from ``start`` up to, not including, ``end``."""

    start: int
    end: int


def wanted(
    trading_day: date,
    evening: date,
    hours: Iterable[SessionHours],
    *,
    lead: int = LEAD_MINUTES,
    trail: int = TRAIL_MINUTES,
    bridged: int = BRIDGED_MINUTES,
) -> tuple[Wanted, ...]:
    """The stretches of one trading day, over the hours of everything that is traded; ascending, apart from another.

    ``evening`` is the trading day before: its evening is where the night session begins.
    """
    spans = sorted({
        span
        for told in hours
        for spans, base in ((told.night, evening), (told.day, trading_day))
        for span in _instants(spans, base)
    })  # fmt: skip
    joined: list[Wanted] = []
    for start, end in spans:
        if joined and start - joined[-1].end <= bridged * NS_PER_MINUTE:
            joined[-1] = Wanted(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Wanted(start, end))
    return tuple(Wanted(start - lead * NS_PER_MINUTE, end + trail * NS_PER_MINUTE) for start, end in joined)


def _instants(spans: Iterable[Span], base: date) -> Iterator[tuple[int, int]]:
    midnight = to_day_number(base) * NS_PER_DAY - SHANGHAI_OFFSET_NS
    for span in spans:
        yield midnight + span.start * NS_PER_MINUTE, midnight + span.end * NS_PER_MINUTE


def should_connect(stretches: Iterable[Wanted], now: int) -> bool:
    """Whether a connection is wanted at ``now``."""
    return any(stretch.start <= now < stretch.end for stretch in stretches)
