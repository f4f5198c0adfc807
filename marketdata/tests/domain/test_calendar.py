from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.domain.reference import load_calendar
from quantsite.common.errors import RuleError

# National Day 2018 is Monday 1 to Friday 5 October; Mid-Autumn is Monday 24 September.
HOLIDAYS = [date(2018, 9, 24), *(date(2018, 10, day) for day in range(1, 6))]
CALENDAR = TradingCalendar(HOLIDAYS, date(2018, 9, 3), date(2018, 10, 31))


def test_trading_days_are_weekdays_that_are_no_holiday() -> None:
    assert len(CALENDAR) == 43 - 6
    assert CALENDAR.is_trading_day(date(2018, 9, 28))
    assert not CALENDAR.is_trading_day(date(2018, 9, 29))
    assert not CALENDAR.is_trading_day(date(2018, 10, 1))
    assert next(iter(CALENDAR)) == date(2018, 9, 3)


@pytest.mark.parametrize(
    ("ask", "day", "answer"),
    [
        (CALENDAR.next_after, date(2018, 9, 28), date(2018, 10, 8)),
        (CALENDAR.next_after, date(2018, 9, 29), date(2018, 10, 8)),
        (CALENDAR.previous_before, date(2018, 10, 8), date(2018, 9, 28)),
        (CALENDAR.on_or_after, date(2018, 10, 8), date(2018, 10, 8)),
        (CALENDAR.on_or_after, date(2018, 9, 22), date(2018, 9, 25)),
        (CALENDAR.on_or_before, date(2018, 10, 7), date(2018, 9, 28)),
        (CALENDAR.on_or_before, date(2018, 9, 28), date(2018, 9, 28)),
    ],
)
def test_neighbours(ask: Callable[[date], date], day: date, answer: date) -> None:
    assert ask(day) == answer


@pytest.mark.parametrize(
    ("day", "night"),
    [
        (date(2018, 9, 3), False),  # the first day of the calendar: what came before is unknown
        (date(2018, 9, 4), True),
        (date(2018, 9, 10), True),  # a Monday after a plain weekend
        (date(2018, 9, 25), False),  # Tuesday after a holiday on Monday
        (date(2018, 10, 8), False),
        (date(2018, 10, 7), False),  # no trading day at all
    ],
)
def test_no_night_session_on_the_eve_of_a_holiday(day: date, night: bool) -> None:
    assert CALENDAR.night_before(day) is night


@pytest.mark.parametrize("day", [date(2018, 9, 2), date(2018, 11, 1)])
def test_outside_the_calendar_nothing_is_known(day: date) -> None:
    for ask in (CALENDAR.is_trading_day, CALENDAR.next_after, CALENDAR.previous_before, CALENDAR.night_before):
        with pytest.raises(RuleError, match="2018-09-03 to 2018-10-31") as refused:
            ask(day)
        assert refused.value.code == "outside_calendar"


def test_an_answer_outside_the_calendar_is_refused() -> None:
    for ask, day in ((CALENDAR.next_after, CALENDAR.last), (CALENDAR.previous_before, CALENDAR.first)):
        with pytest.raises(RuleError, match="does not reach"):
            ask(day)


def test_a_column_of_days() -> None:
    asked = np.array([to_day_number(date(2018, 9, 28)), to_day_number(date(2018, 9, 29))], dtype=np.int64)

    answer = [from_day_number(number) for number in CALENDAR.from_numbers(asked).tolist()]

    assert answer == [date(2018, 9, 28), date(2018, 10, 8)]


@pytest.mark.parametrize("day", [date(2018, 9, 2), date(2018, 11, 1)])
def test_a_column_that_leaves_the_calendar_is_refused_with_the_day(day: date) -> None:
    with pytest.raises(RuleError, match=str(day)):
        CALENDAR.from_numbers(np.array([to_day_number(date(2018, 9, 4)), to_day_number(day)], dtype=np.int64))


def test_between_takes_both_ends() -> None:
    assert CALENDAR.between(date(2018, 9, 28), date(2018, 10, 8)) == [date(2018, 9, 28), date(2018, 10, 8)]
    assert CALENDAR.between(date(2018, 9, 29), date(2018, 10, 7)) == []


@given(st.dates(date(2003, 1, 6), date(2026, 12, 25)))
def test_next_and_previous_are_each_others_inverse(day: date) -> None:
    calendar = load_calendar()
    following = calendar.next_after(day)

    assert following > day
    assert calendar.is_trading_day(following)
    assert calendar.previous_before(following) == calendar.on_or_before(day)
    assert not any(calendar.is_trading_day(day + timedelta(days=number)) for number in range(1, (following - day).days))
