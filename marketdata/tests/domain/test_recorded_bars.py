"""The session tables against bars that others recorded: what they say must be what was traded."""

from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.reference import load_calendar
from marketdata.domain.sessions import SessionTable
from marketdata.tests.domain.recorded import bar_times, instants, needs_data, table, walls
from quantsite.common.times import NS_PER_MINUTE

pytestmark = [pytest.mark.real_data, needs_data]

Column = npt.NDArray[np.int64]

ENDS = {
    "SHFE.rb.HOT_5m_2014-2019": ("SHFE", "rb", 5),
    "CFFEX.IF.HOT_5m_2014-2017": ("CFFEX", "IF", 5),
    "CZCE.TA.HOT_5m_2019-2020": ("CZCE", "TA", 5),
    "SHFE.rb2401_1m": ("SHFE", "rb", 1),
}
STARTS = {
    "SHFE.au1912_1m": ("SHFE", "au", 1),
    "DCE.m2005_1m_201907-201910": ("DCE", "m", 1),
    "CFFEX.IF1908_1m": ("CFFEX", "IF", 1),
}


def read(name: str) -> tuple[SessionTable, Column, npt.NDArray[np.bool_]]:
    """The session table, the starts of a file's bars, and which of them are auction bars."""
    if name in STARTS:
        exchange, product, _ = STARTS[name]
        start = bar_times(name)
        return table(exchange, product), start, np.zeros(len(start), dtype=np.bool_)
    exchange, product, minutes = ENDS[name]
    sessions, end = table(exchange, product), bar_times(name)
    return sessions, sessions.starts_from_ends(end, minutes), sessions.auction_ends(end)


@pytest.mark.parametrize(
    ("name", "rows", "auctions", "outside"),
    [
        # 2019-12-25: the night session opened at 22:30, the file is padded with 17 empty bars that end 21:05 to 22:25;
        # the bar that ends 22:30 holds the auction of 22:29, and is an ordinary bar of the padded grid.
        ("SHFE.rb.HOT_5m_2014-2019", 101_928, 0, 18),
        ("CFFEX.IF.HOT_5m_2014-2017", 49_830, 0, 0),
        ("CZCE.TA.HOT_5m_2019-2020", 16_212, 0, 0),
        ("SHFE.au1912_1m", 33_969, 0, 0),
        ("DCE.m2005_1m_201907-201910", 23_967, 0, 0),
        ("CFFEX.IF1908_1m", 8_964, 0, 0),
        ("SHFE.rb2401_1m", 1_835, 5, 0),
    ],
)
def test_bars_outside_the_session_table(name: str, rows: int, auctions: int, outside: int) -> None:
    sessions, start, auction = read(name)
    out = ~sessions.inside(start, sessions.trading_days(start)) & ~auction

    assert (len(start), int(auction.sum()), int(out.sum())) == (rows, auctions, outside)


def test_rb_trades_on_weekdays_less_holidays_and_on_the_whole_grid() -> None:
    sessions, start, auction = read("SHFE.rb.HOT_5m_2014-2019")
    days = np.unique(sessions.trading_days(start))
    expected = load_calendar().between(date(2014, 1, 2), date(2019, 12, 31))
    grid, _ = sessions.grid_between(date(2014, 1, 2), date(2019, 12, 31), 5)

    assert [from_day_number(number) for number in days.tolist()] == expected
    assert len(expected) == 1464
    assert len(np.setdiff1d(grid, start[~auction])) == 0
    padded = np.setdiff1d(start[~auction], grid)
    assert (walls(padded)[0], walls(padded)[-1], len(padded)) == ("2019-12-25 21:00", "2019-12-25 22:25", 18)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("CFFEX.IF.HOT_5m_2014-2017", {}),
        # The file has no bar in these two nights but the first, where it begins at 22:30 (rb traded all through both).
        ("CZCE.TA.HOT_5m_2019-2020", {"2019-12-24": 18, "2019-12-30": 24}),
        ("SHFE.rb2401_1m", {"2023-09-22": 120}),  # begins with the day session of a Monday
    ],
)
def test_files_fill_the_grid(name: str, missing: dict[str, int]) -> None:
    sessions, start, auction = read(name)
    days = sessions.trading_days(start)
    grid, _ = sessions.grid_between(from_day_number(days[0]), from_day_number(days[-1]), ENDS[name][2])
    absent = [wall[:10] for wall in walls(np.setdiff1d(grid, start[~auction]))]

    assert {day: absent.count(day) for day in sorted(set(absent))} == missing
    assert len(np.setdiff1d(start[~auction], grid)) == 0


@pytest.mark.parametrize("name", STARTS)
def test_files_that_begin_and_end_in_the_middle_fill_the_grid_between(name: str) -> None:
    sessions, start, _ = read(name)
    days = sessions.trading_days(start)
    grid, _ = sessions.grid_between(from_day_number(days[0]), from_day_number(days[-1]), 1)

    assert start.tolist() == grid[(grid >= start[0]) & (grid <= start[-1])].tolist()


def day_of(name: str, wall: str) -> date:
    """The trading day of the recorded bar that starts at ``wall``; it must be there."""
    sessions, start, _ = read(name)
    moment = instants(wall)
    assert moment[0] in start
    return from_day_number(sessions.trading_days(moment)[0])


@pytest.mark.parametrize(
    ("name", "wall", "day"),
    [
        ("SHFE.rb.HOT_5m_2014-2019", "2019-05-24 21:00", date(2019, 5, 27)),  # Friday night
        ("SHFE.rb.HOT_5m_2014-2019", "2015-05-22 23:55", date(2015, 5, 25)),
        ("SHFE.rb.HOT_5m_2014-2019", "2015-05-23 00:00", date(2015, 5, 25)),  # Saturday, after midnight
        ("SHFE.rb.HOT_5m_2014-2019", "2015-05-23 00:55", date(2015, 5, 25)),
        ("SHFE.rb.HOT_5m_2014-2019", "2015-05-27 00:55", date(2015, 5, 27)),  # Wednesday, after midnight
        ("SHFE.rb.HOT_5m_2014-2019", "2018-09-27 22:55", date(2018, 9, 28)),  # the last night before National Day
        ("SHFE.rb.HOT_5m_2014-2019", "2018-10-08 09:00", date(2018, 10, 8)),  # and no night before the first day after
        ("SHFE.au1912_1m", "2019-04-12 21:00", date(2019, 4, 15)),
        ("SHFE.au1912_1m", "2019-04-13 02:29", date(2019, 4, 15)),  # Saturday
        ("SHFE.au1912_1m", "2019-04-30 02:29", date(2019, 4, 30)),  # the last night before Labour Day
        ("SHFE.au1912_1m", "2019-05-06 09:00", date(2019, 5, 6)),
    ],
)
def test_the_trading_day_of_night_bars(name: str, wall: str, day: date) -> None:
    assert day_of(name, wall) == day


@pytest.mark.parametrize(
    ("name", "eve", "first"),
    [
        ("SHFE.au1912_1m", "2019-04-30", "2019-05-06"),
        ("SHFE.au1912_1m", "2019-06-06", "2019-06-10"),
        ("SHFE.rb.HOT_5m_2014-2019", "2015-09-30", "2015-10-08"),
        ("SHFE.rb.HOT_5m_2014-2019", "2018-09-28", "2018-10-08"),
    ],
)
def test_the_eve_of_a_holiday_has_no_night_and_would_count_for_the_first_day_after(
    name: str, eve: str, first: str
) -> None:
    sessions, start, _ = read(name)
    close, opening = instants(f"{eve} 15:00", f"{first} 09:00")
    night = instants(f"{eve} 21:05", f"{eve} 23:59") + np.array([0, 31 * NS_PER_MINUTE])

    assert opening in start
    assert not ((start >= close) & (start < opening)).any()
    assert [str(from_day_number(day)) for day in sessions.trading_days(night).tolist()] == [first, first]
    assert not sessions.inside(night, sessions.trading_days(night)).any()


def test_days_and_their_bars_of_rb() -> None:
    sessions, start, auction = read("SHFE.rb.HOT_5m_2014-2019")
    days = sessions.trading_days(start[~auction])
    kept = start[~auction]
    counts = dict(zip(*np.unique(days, return_counts=True), strict=True))

    def of(day: date) -> list[str]:
        return walls(kept[days == to_day_number(day)])

    assert (of(date(2014, 1, 2))[0], of(date(2014, 1, 2))[-1]) == ("2014-01-02 09:00", "2014-01-02 14:55")
    assert (of(date(2014, 12, 29))[0], of(date(2014, 12, 29))[-1]) == ("2014-12-26 21:00", "2014-12-29 14:55")
    assert of(date(2018, 10, 8))[0] == "2018-10-08 09:00"
    assert (of(date(2019, 12, 31))[0], of(date(2019, 12, 31))[-1]) == ("2019-12-30 21:00", "2019-12-31 14:55")
    assert {int(count) for count in counts.values()} == {45, 45 + 24, 45 + 48}
    assert counts[to_day_number(date(2019, 12, 26))] == 45 + 24  # 18 bars outside, 6 of the night that began at 22:30


def test_the_auctions_of_rb2401() -> None:
    sessions, end = table("SHFE", "rb"), bar_times("SHFE.rb2401_1m")

    assert walls(end[sessions.auction_ends(end)]) == [
        "2023-09-25 21:00",
        "2023-09-26 21:00",
        "2023-09-27 21:00",
        "2023-10-09 09:00",  # the first opening after National Day has no night before it
        "2023-10-09 21:00",
    ]


def test_the_pause_of_2020_in_ta() -> None:
    sessions, start, _ = read("CZCE.TA.HOT_5m_2019-2020")
    night = np.array([wall[11:13] >= "18" for wall in walls(start)])
    nights = np.unique(sessions.trading_days(start[night]))
    paused = (nights >= to_day_number(date(2020, 2, 3))) & (nights <= to_day_number(date(2020, 5, 6)))

    assert not paused.any()
    assert to_day_number(date(2020, 5, 7)) in nights
    assert walls(start[night])[0] == "2019-07-31 21:00"
    last_of_night = {wall[11:] for wall in walls(start[night]) if wall[11:] > "22:55"}
    assert last_of_night == {"23:00", "23:05", "23:10", "23:15", "23:20", "23:25"}
    assert max(wall for wall in walls(start[night]) if wall.endswith("23:25")) == "2019-12-09 23:25"


def test_the_hours_of_if_before_and_after_2016() -> None:
    sessions, start, _ = read("CFFEX.IF.HOT_5m_2014-2017")
    days = sessions.trading_days(start)

    old = walls(start[days == to_day_number(date(2015, 12, 31))])
    new = walls(start[days == to_day_number(date(2016, 1, 4))])
    assert (old[0][11:], old[-1][11:], len(old)) == ("09:15", "15:10", 54)
    assert (new[0][11:], new[-1][11:], len(new)) == ("09:30", "14:55", 48)
