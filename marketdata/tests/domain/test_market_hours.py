"""When a product trades next, and the market clock that runs and jumps."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.calendar import from_day_number
from marketdata.domain.market_clock import MarketClock
from marketdata.domain.market_hours import next_opening, open_at, trading_day_at
from marketdata.tests.domain.recorded import instants, table, walls
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_SECOND

RB = table("SHFE", "rb")
IF = table("CFFEX", "IF")


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2019-05-24 14:59", "2019-05-24 14:59"),  # it trades
        ("2019-05-24 10:15", "2019-05-24 10:30"),  # the end is outside; the morning's rest
        ("2019-05-24 11:30", "2019-05-24 13:30"),
        ("2019-05-24 15:00", "2019-05-24 20:55"),  # Friday's close: the night's auction
        ("2019-05-24 20:56", "2019-05-24 20:56"),  # within it
        ("2019-05-24 23:00", "2019-05-27 09:00"),  # the day after a night has no auction of its own
        ("2019-05-25 12:00", "2019-05-27 09:00"),  # Saturday
        ("2018-09-28 15:00", "2018-10-08 08:55"),  # National Day: no night session before it
        ("2018-10-03 12:00", "2018-10-08 08:55"),
    ],
)
def test_the_next_opening(now: str, opens: str) -> None:
    moment = int(instants(now)[0])
    found = next_opening(RB, moment)
    assert walls(instants(now) * 0 + found) == [opens]
    assert open_at(RB, moment) == (now == opens)


def test_without_the_auction_a_day_begins_with_its_first_minute() -> None:
    assert next_opening(RB, int(instants("2019-05-24 15:00")[0]), auction=False) == instants("2019-05-24 21:00")[0]
    assert next_opening(IF, int(instants("2019-05-24 09:26")[0]), auction=False) == instants("2019-05-24 09:30")[0]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2019-05-24 17:59", "2019-05-24"),
        ("2019-05-24 18:00", "2019-05-27"),
        ("2019-05-25 01:00", "2019-05-27"),
        ("2018-10-03 12:00", "2018-10-08"),
    ],
)
def test_the_trading_day_of_the_clock(now: str, day: str) -> None:
    found = trading_day_at(RB.calendar, int(instants(now)[0]))
    assert from_day_number(found) == date.fromisoformat(day)


def test_past_the_calendar_nothing_opens() -> None:
    last = int(instants("2026-12-31 15:00")[0])
    with pytest.raises(RuleError, match="calendar"):
        next_opening(RB, last)


@given(speed=st.floats(0.1, 500), wall=st.floats(0, 1e6), passed=st.floats(0, 1e5))
def test_the_clock_runs_at_its_speed(speed: float, wall: float, passed: float) -> None:
    clock = MarketClock(1_000, speed, wall)
    now = clock.now(wall + passed)
    assert now - 1_000 == pytest.approx(passed * speed * NS_PER_SECOND, rel=1e-6, abs=2_000_000 * speed)
    assert clock.seconds_to(now + 10 * NS_PER_SECOND, wall + passed) == pytest.approx(10 / speed, rel=1e-3)
    assert clock.seconds_to(now - 1, wall + passed) == 0.0


def test_a_jump_goes_forward_only() -> None:
    clock = MarketClock(0, 1.0, 100.0)
    clock.jump(50 * NS_PER_SECOND, 110.0)
    assert clock.now(111.0) == 51 * NS_PER_SECOND
    clock.jump(20 * NS_PER_SECOND, 111.0)
    assert clock.now(112.0) == 52 * NS_PER_SECOND


def test_a_clock_without_speed_moves_by_jumps() -> None:
    clock = MarketClock(5, 0.0, 100.0)
    assert (clock.now(200.0), clock.seconds_to(10**18, 200.0)) == (5, 0.0)
    clock.jump(9, 200.0)
    assert clock.now(300.0) == 9
    with pytest.raises(ValueError, match="-1"):
        MarketClock(0, -1, 0)
