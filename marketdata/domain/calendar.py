"""The days on which the exchanges trade."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

DayColumn = npt.NDArray[np.int32]

EPOCH = date(1970, 1, 1)
SATURDAY = 5


def to_day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def from_day_number(number: int) -> date:
    """The date ``number`` days after 1970-01-01."""
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class TradingCalendar:
    """Trading days from ``first`` to ``last`` inclusive: the weekdays that are no holiday.

    ``holidays`` are closed weekdays (weekend days among them change nothing). A question about a day outside
    ``first .. last``, or whose answer lies outside, raises :class:`RuleError` ``outside_calendar``.
    """

    holidays: frozenset[date]
    first: date
    last: date
    days: DayColumn = field(init=False, repr=False, compare=False)
    """All trading days, ascending, in days since the epoch."""

    def __init__(self, holidays: Iterable[date], first: date, last: date) -> None:
        object.__setattr__(self, "holidays", frozenset(holidays))
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", last)
        span = np.arange(to_day_number(first), to_day_number(last) + 1, dtype=np.int32)
        closed = np.array(sorted(to_day_number(day) for day in self.holidays), dtype=np.int32)
        weekday = (span + EPOCH.weekday()) % 7
        object.__setattr__(self, "days", span[(weekday < SATURDAY) & ~np.isin(span, closed)])

    def __len__(self) -> int:
        return len(self.days)

    def __iter__(self) -> Iterator[date]:
        return map(from_day_number, self.days.tolist())

    def is_trading_day(self, day: date) -> bool:
        """Whether the exchanges trade on ``day``."""
        self._check(day)
        return day.weekday() < SATURDAY and day not in self.holidays

    def on_or_after(self, day: date) -> date:
        """``day`` itself if it is a trading day, else the next one."""
        self._check(day)
        return self._at(int(np.searchsorted(self.days, to_day_number(day), side="left")), day)

    def on_or_before(self, day: date) -> date:
        """``day`` itself if it is a trading day, else the one before."""
        self._check(day)
        return self._at(int(np.searchsorted(self.days, to_day_number(day), side="right")) - 1, day)

    def next_after(self, day: date) -> date:
        """The first trading day after ``day``."""
        self._check(day)
        return self._at(int(np.searchsorted(self.days, to_day_number(day), side="right")), day)

    def previous_before(self, day: date) -> date:
        """The last trading day before ``day``."""
        self._check(day)
        return self._at(int(np.searchsorted(self.days, to_day_number(day), side="left")) - 1, day)

    def night_before(self, day: date) -> bool:
        """Whether trading day ``day`` can open with a night session on the evening of the trading day before.

        There is none on the eve of a public holiday; a weekend between the two days does not count. The first
        day of the calendar has none, because what came before it is unknown.
        """
        index = int(np.searchsorted(self.days, to_day_number(day)))
        self._check(day)
        return self.is_trading_day(day) and bool(self.has_night[index])

    @property
    def has_night(self) -> npt.NDArray[np.bool_]:
        """:meth:`night_before` for every row of ``days``, shape ``(days,)``."""
        weekday = (self.days + EPOCH.weekday()) % 7
        gap = np.diff(self.days, prepend=self.days[:1])
        allowed: npt.NDArray[np.bool_] = (gap == 1) | ((gap == 3) & (weekday == 0))
        return allowed

    def from_numbers(self, numbers: npt.NDArray[np.int64]) -> DayColumn:
        """:meth:`on_or_after` for a column of days since the epoch, shape ``(n,)``."""
        if len(numbers) and (numbers.min() < to_day_number(self.first) or numbers.max() > int(self.days[-1])):
            outside = numbers[(numbers < to_day_number(self.first)) | (numbers > int(self.days[-1]))]
            raise self._outside(from_day_number(int(outside[0])))
        return self.days[np.searchsorted(self.days, numbers, side="left")]

    def between(self, first: date, last: date) -> list[date]:
        """The trading days from ``first`` to ``last``, both included."""
        low, high = np.searchsorted(self.days, [to_day_number(first), to_day_number(last) + 1])
        return [from_day_number(number) for number in self.days[low:high].tolist()]

    def count_after(self, day: date, last: date) -> int:
        """How many trading days come after ``day`` up to and with ``last``; 0 where that has passed."""
        low, high = np.searchsorted(self.days, [to_day_number(day) + 1, to_day_number(last) + 1])
        return max(int(high - low), 0)

    def _at(self, index: int, asked: date) -> date:
        if not 0 <= index < len(self.days):
            raise self._outside(asked)
        return from_day_number(int(self.days[index]))

    def _check(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise self._outside(day)

    def _outside(self, day: date) -> RuleError:
        given = {"first": self.first, "last": self.last, "day": day}
        text = say("The trading calendar (%(first)s to %(last)s) does not reach %(day)s.", **given)
        return RuleError("outside_calendar", text)
