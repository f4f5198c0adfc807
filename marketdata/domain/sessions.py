"""When a product trades: the session table, over whole columns of instants.

All instants are int64 nanoseconds UTC. A *session* is a night or a day with its breaks taken out: bars of N minutes
count N trading minutes from its opening, across breaks, and never run from a night into the day.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from functools import cached_property

import numpy as np
import numpy.typing as npt

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.domain.day_plan import DayPlan, Part
from marketdata.domain.hours import MINUTES_A_DAY, NIGHT_BEGINS, SessionHours, Span, SpecialOpening, Suspension
from marketdata.domain.instrument import Dated, rates_on
from marketdata.domain.session_line import SessionLine, draw_line
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, SHANGHAI, SHANGHAI_OFFSET_NS, utc_to_ns

LongColumn = npt.NDArray[np.int64]
DayColumn = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

NIGHT_ENDS = 6 * 60
"""No night session lasts until here (the latest ends at 02:30), no day session begins before."""

AUCTION_MINUTES = 5
"""So long before the opening the auction begins where a product's own window is not told (all exchanges' do)."""


class SessionTable:
    """Trading hours of one product over the years.

    ``hours`` are dated by the first trading day on which they hold; days before the earliest row take that row.
    Raises ``ValueError`` where ``hours`` is empty; methods raise :class:`RuleError` ``outside_calendar`` for
    instants and days that the calendar does not reach.
    """

    def __init__(
        self,
        calendar: TradingCalendar,
        hours: Sequence[Dated[SessionHours]],
        suspensions: Sequence[Suspension] = (),
        openings: Sequence[SpecialOpening] = (),
    ) -> None:
        if not hours:
            raise ValueError("a session table needs at least one row of hours")
        self.calendar = calendar
        self.hours = tuple(sorted(hours, key=lambda row: row.valid_from))
        self.suspensions = tuple(suspensions)
        self.openings = tuple(openings)

    def hours_on(self, trading_day: date) -> SessionHours:
        """The hours of one trading day with everything applied: eves of holidays, suspensions, special openings.

        Of the auctions' order windows only that of the day's first session is left, moved along where the opening
        was. Raises :class:`RuleError` ``outside_calendar``; ``not_a_trading_day``.
        """
        if not self.calendar.is_trading_day(trading_day):
            raise RuleError("not_a_trading_day", say("%(day)s is no trading day.", day=trading_day))
        hours, _ = rates_on(self.hours, trading_day)
        index = int(np.searchsorted(self.calendar.days, to_day_number(trading_day)))
        night = hours.night if self._has_night[index] else ()
        cut = self._special.get(trading_day)
        if cut is not None:
            night = _cut(night, self._minute_of_night(trading_day, cut)) if night else ()
            hours = SessionHours(night, _cut(hours.day, _minute_after_midnight(trading_day, cut)), hours.auctions)
        return SessionHours(
            night, hours.day, _auctions_before(hours.auctions, night or hours.day, moved=cut is not None)
        )

    def trading_days(self, start_ns: LongColumn) -> DayColumn:
        """The trading day (days since the epoch) of each instant, shape ``(n,)``, inside a session or not.

        From 18:00 on an instant belongs to the next trading day, and so does one on a day without trading: Friday
        21:05 and Saturday 02:00 are Monday's, a night before a holiday belongs to the first trading day after it.
        """
        local = start_ns + SHANGHAI_OFFSET_NS + (MINUTES_A_DAY - NIGHT_BEGINS) * NS_PER_MINUTE
        return self.calendar.from_numbers(local // NS_PER_DAY)

    def starts_from_ends(self, end_ns: LongColumn, minutes: int | None) -> LongColumn:
        """The starts of bars stamped with their ends: the end less ``minutes`` of trading time, within the session.

        A 30-minute bar that ends 10:45 starts 10:00; the last one of a session may be shorter. ``None`` is the whole
        trading day and gives its opening. An end outside the table is taken back by the clock (``None``: not at all).
        """
        line = self._line
        row, held = line.span_holding(end_ns, ends=True)
        if not held.any():
            return end_ns - (minutes or 0) * NS_PER_MINUTE
        if minutes is None:
            return np.where(held, self._day_openings(line.trading_day[row]), end_ns)
        step = minutes * NS_PER_MINUTE
        opens, closes = line.opens[row], line.closes[row]
        passed = line.elapsed[row] + np.minimum(end_ns, line.end[row]) - line.start[row]
        rest = (closes - opens) % step
        length = np.where((passed == closes) & (rest > 0), rest, step)
        begun = np.clip(passed - length, opens, closes - 1)
        return np.where(held, line.instants_at(begun), end_ns - step)

    def inside(self, start_ns: LongColumn, trading_day: DayColumn) -> Flags:
        """Whether each instant lies in a session of the given trading day (an end is not inside), shape ``(n,)``."""
        row, held = self._line.span_holding(start_ns)
        flags: Flags = held & (self._line.trading_day[row] == trading_day)
        return flags

    def in_night(self, start_ns: LongColumn) -> Flags:
        """Whether each instant lies in a night session, shape ``(n,)``; outside all sessions the clock decides."""
        row, held = self._line.span_holding(start_ns)
        opening = np.where(held, self._line.instants_at(self._line.opens[row]), start_ns)
        minute = (opening + SHANGHAI_OFFSET_NS) % NS_PER_DAY // NS_PER_MINUTE
        flags: Flags = (minute >= NIGHT_BEGINS) | (~held & (minute < NIGHT_ENDS))
        return flags

    def auction_ends(self, end_ns: LongColumn) -> Flags:
        """Which end times are the opening instant of a session: such a bar holds the opening auction.

        A special opening is none: sources pad its day on the ordinary grid, where that instant ends an ordinary bar
        (rb's bar of 2019-12-25 22:25 to 22:30), while no ordinary bar can end at an ordinary opening.
        """
        special = [_opens_ns(opening) for opening in self.openings]
        flags: Flags = np.isin(end_ns, self._line.openings) & ~np.isin(end_ns, special)
        return flags

    def grid(self, trading_day: date, minutes: int | None) -> LongColumn:
        """The starts of all bars of one trading day, ascending; empty where it is no trading day."""
        return self.grid_between(trading_day, trading_day, minutes)[0]

    def grid_between(self, first: date, last: date, minutes: int | None) -> tuple[LongColumn, DayColumn]:
        """The starts of all bars from trading day ``first`` to ``last`` (both included), and their trading days."""
        line = self._line
        chosen = (line.trading_day >= to_day_number(first)) & (line.trading_day <= to_day_number(last))
        if minutes is None:
            days = np.unique(line.trading_day[chosen])
            return self._day_openings(days), days
        opening = chosen & (line.elapsed == line.opens)
        opens, step = line.opens[opening], minutes * NS_PER_MINUTE
        count = -((opens - line.closes[opening]) // step)
        position = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        starts = line.instants_at(np.repeat(opens, count) + position * step)
        return starts, np.repeat(line.trading_day[opening], count)

    def bucket_starts(self, start_ns: LongColumn, minutes: int) -> LongColumn:
        """The start of the bar of ``minutes`` that each instant belongs to, shape ``(n,)``.

        An instant outside the sessions is given back as it is.
        """
        line = self._line
        row, held = line.span_holding(start_ns)
        opens = line.opens[row]
        passed = line.elapsed[row] + start_ns - line.start[row] - opens
        begun = opens + passed - passed % (minutes * NS_PER_MINUTE)
        return np.where(held, line.instants_at(begun), start_ns)

    def plan(self, trading_day: int) -> DayPlan:
        """The sessions of one trading day (days since the epoch), for questions that come with every tick.

        Raises :class:`RuleError` ``outside_calendar``; ``not_a_trading_day``.
        """
        found = self._plans.get(trading_day)
        if found is None:
            found = self._plans[trading_day] = self._draw_plan(trading_day)
        return found

    def _draw_plan(self, trading_day: int) -> DayPlan:
        hours = self.hours_on(from_day_number(trading_day))
        line = self._line
        first, stop = np.searchsorted(line.trading_day, [trading_day, trading_day + 1])
        columns = (line.start, line.end, line.opens, line.elapsed - line.opens)
        parts = tuple(Part(*row) for row in zip(*(column[first:stop].tolist() for column in columns), strict=True))
        before = (hours.night or hours.day)[0].start - hours.auctions[0].start if hours.auctions else AUCTION_MINUTES
        return DayPlan(trading_day, parts, parts[0].start - before * NS_PER_MINUTE)

    def _day_openings(self, trading_day: DayColumn) -> LongColumn:
        """The first instant of each trading day, its night session counted in."""
        return self._line.start[np.searchsorted(self._line.trading_day, trading_day, side="left")]

    @cached_property
    def _plans(self) -> dict[int, DayPlan]:
        return {}

    @cached_property
    def _special(self) -> dict[date, datetime]:
        return {opening.trading_day: opening.opens for opening in self.openings}

    @cached_property
    def _has_night(self) -> Flags:
        days = self.calendar.days
        allowed = self.calendar.has_night.copy()
        for pause in self.suspensions:
            allowed &= (days < to_day_number(pause.first)) | (days > to_day_number(pause.last))
        return allowed

    def _minute_of_night(self, trading_day: date, moment: datetime) -> int:
        """``moment`` in minutes from the midnight before the evening on which the trading day begins."""
        return _minute_after_midnight(self.calendar.previous_before(trading_day), moment)

    @cached_property
    def _line(self) -> SessionLine:
        """All sessions of the calendar; drawn once, about 20 ms for twenty years."""
        days = self.calendar.days
        evening = np.roll(days, 1)
        row_of_day = self._hours_rows()
        pieces: list[tuple[DayColumn, LongColumn, LongColumn, LongColumn]] = []
        for index, dated in enumerate(self.hours):
            holds = row_of_day == index
            nights = holds & self._has_night
            pieces += [_place(span, evening[nights], days[nights], 0) for span in dated.value.night]
            pieces += [_place(span, days[holds], days[holds], 1) for span in dated.value.day]
        day, start, end, session = (np.concatenate(column) for column in zip(*pieces, strict=True))
        start, end = self._cut_openings(day, start, end)
        kept = np.flatnonzero(end > start)
        order = kept[np.argsort(start[kept], kind="stable")]
        return draw_line(start[order], end[order], session[order], day[order])

    def _hours_rows(self) -> LongColumn:
        """Which row of ``hours`` holds on each day of the calendar."""
        valid_from = [to_day_number(row.valid_from) for row in self.hours]
        return np.maximum(np.searchsorted(valid_from, self.calendar.days, side="right") - 1, 0)

    def _cut_openings(self, day: DayColumn, start: LongColumn, end: LongColumn) -> tuple[LongColumn, LongColumn]:
        """Starts moved to the special opening of their day; what then ends before it begins is no span any more."""
        for opening in self.openings:
            opens = _opens_ns(opening)
            start = np.where(day == to_day_number(opening.trading_day), np.maximum(start, opens), start)
        return start, end


def _opens_ns(opening: SpecialOpening) -> int:
    return utc_to_ns(opening.opens.replace(tzinfo=SHANGHAI))


def _place(
    span: Span, base: DayColumn, trading_day: DayColumn, part: int
) -> tuple[DayColumn, LongColumn, LongColumn, LongColumn]:
    """One span on many days: trading days, starts and ends (ns UTC), and the number of its session."""
    midnight = base.astype(np.int64) * NS_PER_DAY - SHANGHAI_OFFSET_NS
    session = trading_day.astype(np.int64) * 2 + part
    return trading_day, midnight + span.start * NS_PER_MINUTE, midnight + span.end * NS_PER_MINUTE, session


def _minute_after_midnight(day: date, moment: datetime) -> int:
    return int((moment - datetime.combine(day, time())).total_seconds()) // 60


def _cut(spans: tuple[Span, ...], first: int) -> tuple[Span, ...]:
    """What is left of the spans from minute ``first`` on."""
    return tuple(Span(max(span.start, first), span.end) for span in spans if span.end > first)


def _auctions_before(auctions: tuple[Span, ...], opening: tuple[Span, ...], *, moved: bool) -> tuple[Span, ...]:
    """The order window that leads to the first span of ``opening``: the last one before it, within the hour.

    With ``moved`` the window keeps its distance to the opening.
    """
    begins = opening[0].start
    same_part = [span for span in auctions if (span.start >= NIGHT_BEGINS) == (begins >= NIGHT_BEGINS)]
    if moved and same_part:
        shift = begins - 1 - same_part[-1].end
        return (Span(same_part[-1].start + shift, same_part[-1].end + shift),)
    return tuple(span for span in same_part if begins - 60 <= span.start < begins)
