"""Trading hours of one trading day as minutes on the Shanghai clock."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid

MINUTES_A_DAY = 1_440
NIGHT_BEGINS = 18 * 60
"""From this minute on the clock belongs to the next trading day (tqsdk draws the line there too)."""

_SPAN = re.compile(r"(\d{1,2}):([0-5]\d)-(\d{1,2}):([0-5]\d)")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes from ``start`` up to, not including, ``end``, counted from the midnight before the session opens.

    A night session that runs past midnight ends above 1440: 21:00-02:30 is ``Span(1260, 1590)``.
    """

    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return self.end - self.start

    def __str__(self) -> str:
        return "-".join(f"{minute // 60 % 24:02d}:{minute % 60:02d}" for minute in (self.start, self.end))


def parse_spans(text: str) -> tuple[Span, ...]:
    """``"09:00-10:15 10:30-11:30"`` as spans; an end not after its start lies past midnight; empty text: none.

    Raises :class:`RuleError` ``invalid_hours``.
    """
    spans = []
    for part in text.split():
        match = _SPAN.fullmatch(part)
        if match is None:
            raise RuleError("invalid_hours", say("%(part)r is no span of hours: write HH:MM-HH:MM.", part=part))
        hour, minute, end_hour, end_minute = map(int, match.groups())
        start, end = hour * 60 + minute, end_hour * 60 + end_minute
        spans.append(Span(start, end if end > start else end + MINUTES_A_DAY))
    return tuple(spans)


def format_spans(spans: tuple[Span, ...]) -> str:
    """What :func:`parse_spans` reads back to the same spans."""
    return " ".join(map(str, spans))


_NIGHT_TANGLED = unsaid("The spans of the night session overlap or are out of order: %(spans)s.")
_DAY_TANGLED = unsaid("The spans of the day session overlap or are out of order: %(spans)s.")


@dataclass(frozen=True, slots=True)
class SessionHours:
    """The parts of one trading day: night session of the evening before, day session, order windows of the auctions.

    ``auctions`` belong to the opening that follows them (20:55-20:59 to 21:00); where a day has no night session, and
    there only, the day's own auction is held.
    """

    night: tuple[Span, ...]
    day: tuple[Span, ...]
    auctions: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        for template, spans in ((_NIGHT_TANGLED, self.night), (_DAY_TANGLED, self.day)):
            ends = [0, *(span.end for span in spans)]
            if any(span.start < end or span.end <= span.start for span, end in zip(spans, ends, strict=False)):
                raise RuleError("invalid_hours", say(template, spans=format_spans(spans)))
        if not self.day:
            raise RuleError("invalid_hours", say("A trading day has at least one span in its day session."))

    @property
    def night_minutes(self) -> int:
        """Trading minutes of the night session, 0 without one."""
        return sum(span.minutes for span in self.night)

    @property
    def day_minutes(self) -> int:
        """Trading minutes of the day session."""
        return sum(span.minutes for span in self.day)


@dataclass(frozen=True, slots=True)
class Suspension:
    """Trading days, both ends included, that open without their night session."""

    first: date
    last: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpecialOpening:
    """A trading day that opened at another moment than its hours say; ``opens`` is Shanghai wall time, no zone."""

    trading_day: date
    opens: datetime
    reason: str = ""
