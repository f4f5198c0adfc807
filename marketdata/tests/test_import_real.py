"""Every recorded file of bars, with its quirks: counts, starts, trading days, hours."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.models import Bar
from marketdata.services import BarImportOptions, ImportOutcome, import_bars
from marketdata.tests.bar_csv import row_of

pytestmark = [pytest.mark.django_db, pytest.mark.real_data, pytest.mark.embedded]

MINUTE = 60 * 10**9
# file, instrument, interval, what its times are, rows, stored, auctions merged, bars outside the hours
FILES: list[tuple[str, str, str, str, int, int, int, int]] = [
    ("SHFE.rb.HOT_5m_2014-2019", "rb88.SHFE", "5m", "end", 101_928, 101_928, 0, 18),
    ("CFFEX.IF.HOT_5m_2014-2017", "IF88.CFFEX", "5m", "end", 49_830, 49_830, 0, 0),
    ("CZCE.TA.HOT_5m_2019-2020", "TA88.CZCE", "5m", "end", 16_212, 16_212, 0, 0),
    ("SHFE.au1912_1m", "au1912.SHFE", "1m", "start", 33_969, 33_969, 0, 0),
    ("DCE.m2005_1m_201907-201910", "m2005.DCE", "1m", "start", 23_967, 23_967, 0, 0),
    ("CFFEX.IF1908_1m", "IF1908.CFFEX", "1m", "start", 8_964, 8_964, 0, 0),
    ("SHFE.rb2401_1m", "rb2401.SHFE", "1m", "end", 1_835, 1_830, 5, 0),
]


def take(shared_data: Path, name: str) -> tuple[ImportOutcome, BarSeries]:
    """Import one of ``FILES`` and read it back."""
    code, interval, bar_time = next(file[1:4] for file in FILES if file[0] == name)
    path = shared_data / "bars" / f"{name}.csv.gz"
    outcome = import_bars(None, path, code, interval, BarImportOptions(bar_time))
    return outcome, Bar.objects.series(outcome.instrument, interval)


def on(series: BarSeries, day: date) -> BarSeries:
    """The bars of one trading day."""
    return series.take(series.trading_day == to_day_number(day))


def walls(series: BarSeries) -> list[str]:
    """Starts on the Shanghai clock."""
    moments = (series.start // 10**9 + 8 * 3600).astype("datetime64[s]")
    return [str(moment)[:16].replace("T", " ") for moment in moments]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file[0])
def test_every_file_imports_with_exact_counts(
    shared_data: Path, file: tuple[str, str, str, str, int, int, int, int]
) -> None:
    name, code, _interval, _bar_time, rows, stored, auctions, outside = file
    outcome, series = take(shared_data, name)
    assert outcome.instrument.code == code
    assert (outcome.rows_read, outcome.stored, outcome.merged_auctions, len(outcome.warnings)) == (
        rows,
        stored,
        auctions,
        outside,
    )
    assert (outcome.unchanged, outcome.refused, len(series)) == (0, 0, stored)
    assert (np.diff(series.start) > 0).all()
    assert (np.diff(series.trading_day) >= 0).all()
    assert not np.isnan(series.close).any()
    assert len(row_of(outcome).warnings) == outside


def test_rb_keeps_the_bars_before_the_late_opening_of_2019_12_25_and_warns(shared_data: Path) -> None:
    outcome, series = take(shared_data, "SHFE.rb.HOT_5m_2014-2019")
    assert outcome.warnings[0] == (101_654, "2019-12-25 21:05:00")
    assert outcome.warnings[-1] == (101_671, "2019-12-25 22:30:00")
    night = walls(on(series, date(2019, 12, 26)))[:20]
    assert (night[0], night[17], night[18]) == ("2019-12-25 21:00", "2019-12-25 22:25", "2019-12-25 22:30")


def test_rb_nights_belong_to_the_next_trading_day(shared_data: Path) -> None:
    _outcome, series = take(shared_data, "SHFE.rb.HOT_5m_2014-2019")
    # Friday 2015-03-13 21:00 to Saturday 01:00 is Monday's.
    monday = walls(on(series, date(2015, 3, 16)))
    assert (monday[0], monday[47], monday[48]) == ("2015-03-13 21:00", "2015-03-14 00:55", "2015-03-16 09:00")
    assert len(monday) == 48 + 45
    # No night on the eve of National Day; the first day after it begins in the morning.
    assert walls(on(series, date(2018, 10, 8)))[0] == "2018-10-08 09:00"
    assert walls(on(series, date(2018, 9, 28)))[-1] == "2018-09-28 14:55"
    # Before 2014-12-26 there was no night session at all.
    assert len(on(series, date(2014, 12, 25))) == 45
    assert walls(on(series, date(2014, 12, 29)))[0] == "2014-12-26 21:00"


def test_au_after_midnight_of_a_saturday_is_mondays(shared_data: Path) -> None:
    _outcome, series = take(shared_data, "SHFE.au1912_1m")
    monday = walls(on(series, date(2019, 4, 15)))
    assert monday[0] == "2019-04-12 21:00"
    assert "2019-04-13 02:29" in monday
    assert monday[-1] == "2019-04-15 14:59"
    assert len(monday) == 330 + 225
    # Labour Day 2019: Tuesday 30 April had no night; Monday 6 May begins in the morning.
    assert walls(on(series, date(2019, 5, 6)))[0] == "2019-05-06 09:00"


def test_if_keeps_the_hours_of_both_eras_and_the_circuit_breaker_days(shared_data: Path) -> None:
    _outcome, series = take(shared_data, "CFFEX.IF.HOT_5m_2014-2017")
    assert len(on(series, date(2015, 12, 31))) == 54
    assert walls(on(series, date(2015, 12, 31)))[0] == "2015-12-31 09:15"
    first = on(series, date(2016, 1, 4))
    assert (len(first), walls(first)[0], int((first.volume == 0).sum())) == (48, "2016-01-04 09:30", 19)
    assert int((on(series, date(2016, 1, 7)).volume == 0).sum()) == 44


def test_ta_has_no_nights_while_they_were_suspended(shared_data: Path) -> None:
    _outcome, series = take(shared_data, "CZCE.TA.HOT_5m_2019-2020")
    minute = (series.start // MINUTE + 8 * 60) % 1440
    suspended = (series.trading_day >= to_day_number(date(2020, 2, 3))) & (
        series.trading_day <= to_day_number(date(2020, 5, 6))
    )
    assert not (minute[suspended] >= 18 * 60).any()
    assert walls(on(series, date(2020, 5, 7)))[0] == "2020-05-06 21:00"
    assert walls(on(series, date(2019, 12, 26)))[0] == "2019-12-25 22:30"
    assert np.isnan(series.turnover).all()


def test_rb2401_auctions_become_part_of_the_first_minute(shared_data: Path) -> None:
    _outcome, series = take(shared_data, "SHFE.rb2401_1m")
    first = on(series, date(2023, 10, 9))
    assert walls(first)[0] == "2023-10-09 09:00", "after the holiday there was no night"
    night = on(series, date(2023, 9, 26))
    assert walls(night)[0] == "2023-09-25 21:00"
    assert len(night) == 120 + 225


def test_the_same_file_again_changes_nothing(shared_data: Path) -> None:
    outcome, series = take(shared_data, "SHFE.rb2401_1m")
    again, same = take(shared_data, "SHFE.rb2401_1m")
    assert (again.stored, again.unchanged, again.merged_auctions) == (0, 1_830, 5)
    assert same.data_hash() == series.data_hash()
    assert outcome.instrument.expires == date(2024, 1, 15)
