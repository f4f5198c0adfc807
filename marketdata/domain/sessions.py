"""When a product trades: the session table, over whole columns of instants.

All instants are int64 nanoseconds UTC. A *session* is a night or a day with its breaks taken out: bars of N minutes count
N trading minutes from its opening, across breaks, and never run from a night into the day (DOMAIN.md section 1).
"""

from collections.abc import Sequence
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.domain.hours import NIGHT_BEGINS, SessionHours, Span, SpecialOpening, Suspension
from marketdata.domain.instrument import Dated, rates_on
from marketdata.domain.session_line import SessionLine, draw_line
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, SHANGHAI_OFFSET_NS

LongColumn = npt.NDArray[np.int64]
DayColumn = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


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
        """The hours of one trading day with everything applied: holidays' eves, suspensions, special openings, auctions."""

    def trading_days(self, start_ns: LongColumn) -> DayColumn:
        """The trading day (days since the epoch) of each instant, shape ``(n,)``, inside a session or not.

        From 18:00 on an instant belongs to the next trading day; one on a day without trading to the next trading day:
        Friday 21:05 and Saturday 02:00 are Monday's, a night before a holiday belongs to the first trading day after it.
        """

    def starts_from_ends(self, end_ns: LongColumn, minutes: int | None) -> LongColumn:
        """The starts of bars stamped with their ends: the end less ``minutes`` of trading time, within the session.

        A 30-minute bar that ends 10:45 starts 10:00; the last one of a session may be shorter. ``None`` is the whole
        trading day and gives its opening. An end outside the table is taken back by the clock.
        """

    def inside(self, start_ns: LongColumn, trading_day: DayColumn) -> Flags:
        """Whether each instant lies in a session of the given trading day (an end is not inside), shape ``(n,)``."""

    def auction_ends(self, end_ns: LongColumn) -> Flags:
        """Which end times are the opening instant of a session: such a bar holds the opening auction."""

    def grid(self, trading_day: date, minutes: int | None) -> LongColumn:
        """The starts of all bars of one trading day, ascending; empty where it is no trading day."""

    def grid_between(self, first: date, last: date, minutes: int | None) -> tuple[LongColumn, DayColumn]:
        """The starts of all bars from trading day ``first`` to ``last`` (both included), and their trading days."""
