"""When a position leaves its contract, and what becomes of the prices that are kept."""

from datetime import date
from math import isnan, nan

import pytest

from marketdata.domain.calendar import TradingCalendar
from marketdata.tests.domain.recorded import table
from strategies.domain.execution.roll_due import Due, DueGround, RollContract, due, hurry_at
from strategies.domain.execution.roll_price import price_gap

OLD = RollContract("rb2501.SHFE", (2025, 1), date(2025, 1, 15))
NEW = RollContract("rb2505.SHFE", (2025, 5), date(2025, 5, 15))


@pytest.fixture
def calendar() -> TradingCalendar:
    return table("SHFE", "rb").calendar


def test_a_later_main_contract_is_followed_on_its_first_day(calendar: TradingCalendar) -> None:
    found = due(date(2024, 12, 2), OLD, NEW, calendar)
    assert found is not None
    assert (found.ground, found.to) == (DueGround.MAIN, NEW.code)
    assert found.days_left > 20


def test_nothing_is_due_while_it_is_the_main_one(calendar: TradingCalendar) -> None:
    assert due(date(2024, 12, 2), OLD, OLD, calendar) is None
    assert due(date(2024, 12, 2), OLD, None, calendar) is None


def test_an_earlier_month_is_never_followed(calendar: TradingCalendar) -> None:
    assert due(date(2024, 12, 2), NEW, OLD, calendar) is None


@pytest.mark.parametrize(("day", "left"), [(13, 2), (14, 1), (15, 0)])
def test_without_a_successor_it_must_leave_before_its_last_day(calendar: TradingCalendar, day: int, left: int) -> None:
    expected = Due(DueGround.EXPIRY, None, left) if left <= 1 else None
    assert due(date(2025, 1, day), OLD, OLD, calendar) == expected
    followed = due(date(2025, 1, day), OLD, NEW, calendar)
    assert followed == Due(DueGround.MAIN, NEW.code, left)


def test_an_unknown_last_day_forces_nothing(calendar: TradingCalendar) -> None:
    assert due(date(2025, 1, 15), RollContract("x.SHFE", (2025, 1), None), None, calendar) is None


def test_the_hurry_begins_a_quarter_of_an_hour_before_the_close() -> None:
    assert hurry_at(10**18) == 10**18 - 900 * 10**9


def test_the_gap_is_that_of_the_fills_weighted_by_their_lots() -> None:
    assert price_gap((100.0 * 1 + 103.0 * 2, 3), (112.0 * 3, 3), 1.0, 2.0) == 10.0


def test_without_fills_on_both_sides_it_is_that_of_the_quotes() -> None:
    assert price_gap((0.0, 0), (112.0, 1), 100.0, 108.0) == 8.0
    assert isnan(price_gap((0.0, 0), (0.0, 0), nan, 108.0))
