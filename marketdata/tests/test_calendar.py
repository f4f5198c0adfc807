"""The end of the calendar: the alarm 60 days before, adding a year, the beat entry."""

from datetime import date, timedelta

import pytest
from celery import current_app
from django.utils import timezone

from accounts.models import Alarm, AuditEntry, Severity, User
from marketdata.alarms import CALENDAR_ENDS, check_calendar
from marketdata.instruments import trading_calendar
from marketdata.models import TradingDay
from marketdata.schedule import BEAT_SCHEDULE
from marketdata.services import extend_calendar
from marketdata.tasks import check_calendar_end
from quantsite.common.errors import RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def end_in(days: int) -> None:
    """Make the calendar end so many days from today."""
    last = timezone.localdate() + timedelta(days=days)
    TradingDay.objects.filter(day__gt=last).delete()
    TradingDay.objects.update_or_create(day=last, defaults={"is_open": True})


@pytest.mark.parametrize(
    ("days", "severity"),
    [(61, None), (60, Severity.WARNING), (1, Severity.WARNING), (0, Severity.WARNING), (-1, Severity.CRITICAL)],
)
def test_the_alarm_comes_sixty_days_before_the_end(days: int, severity: str | None) -> None:
    end_in(days)
    assert check_calendar() is (severity is not None)
    raised = Alarm.objects.open().filter(code=CALENDAR_ENDS)
    assert [alarm.severity for alarm in raised] == ([severity] if severity else [])


def test_an_empty_calendar_is_critical() -> None:
    TradingDay.objects.all().delete()
    assert check_calendar()
    assert Alarm.objects.open().get(code=CALENDAR_ENDS).severity == Severity.CRITICAL


def test_a_longer_calendar_clears_the_alarm() -> None:
    end_in(30)
    assert check_calendar_end()
    end_in(100)
    assert not check_calendar_end()
    assert not Alarm.objects.open().filter(code=CALENDAR_ENDS).exists()


def test_beat_looks_every_day() -> None:
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} <= set(current_app.tasks)


def test_the_next_year_is_added_with_its_closed_days(ada: User) -> None:
    last = trading_calendar().last
    year = last.year + 1
    closed = [day for day in (date(year, 10, number) for number in range(1, 8)) if day.weekday() < 5]
    assert extend_calendar(ada, closed).year == year
    calendar = trading_calendar()
    assert calendar.last.year == year
    assert not any(calendar.is_trading_day(day) for day in closed)
    assert calendar.is_trading_day(next(day for day in (date(year, 3, n) for n in range(1, 8)) if day.weekday() < 5))
    assert TradingDay.objects.filter(day__year=year).count() == sum(
        (date(year, 1, 1) + timedelta(days=number)).weekday() < 5
        for number in range((date(year, 12, 31) - date(year, 1, 1)).days + 1)
    )
    assert AuditEntry.objects.get(verb="calendar.extend").object_text == str(year)


def test_a_year_needs_closed_weekdays_of_its_own(ada: User) -> None:
    year = trading_calendar().last.year + 1
    for closed in (
        [],
        [date(year - 1, 10, 1)],
        [next(d for d in (date(year, 5, n) for n in range(1, 8)) if d.weekday() == 5)],
    ):
        with pytest.raises(RuleError) as caught:
            extend_calendar(ada, closed)
        assert caught.value.code == "invalid_holidays"
    assert trading_calendar().last.year == year - 1


def test_only_administrators_add_a_year(rita: User) -> None:
    with pytest.raises(RefusedError):
        extend_calendar(rita, [date(2027, 1, 1)])
