"""The quality of the recorded days: what is odd about them is found where it is, and nothing else is poor."""

from collections.abc import Sequence
from datetime import date
from functools import cache, partial

import numpy as np
import pytest

from marketdata.domain.bar_builder import build_bars
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.quality import DayFacts, DayReport, check_day, check_days, split_days
from marketdata.domain.quality_bars import DayBars
from marketdata.domain.quality_score import Fault, is_poor
from marketdata.domain.terms import price_ticks_on, terms_history
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import BarMessage
from marketdata.importers.bar_check import BarRules, BarTime, prepare_bars
from marketdata.importers.bar_file import read_bar_file
from marketdata.importers.tick_file import read_tick_file
from marketdata.tests.domain.recorded import DATA, needs_data, table
from quantsite.common.times import NS_PER_MINUTE

pytestmark = [needs_data, pytest.mark.real_data]

# file, exchange, product, month of the contract, minutes, what its times are
FILES = {
    "rb": ("SHFE.rb.HOT_5m_2014-2019", "SHFE", "rb", None, 5, BarTime.END),
    "IF": ("CFFEX.IF.HOT_5m_2014-2017", "CFFEX", "IF", None, 5, BarTime.END),
    "TA": ("CZCE.TA.HOT_5m_2019-2020", "CZCE", "TA", None, 5, BarTime.END),
    "au1912": ("SHFE.au1912_1m", "SHFE", "au", (2019, 12), 1, BarTime.START),
    "m2005": ("DCE.m2005_1m_201907-201910", "DCE", "m", (2020, 5), 1, BarTime.START),
    "IF1908": ("CFFEX.IF1908_1m", "CFFEX", "IF", (2019, 8), 1, BarTime.START),
    "rb2401": ("SHFE.rb2401_1m", "SHFE", "rb", (2024, 1), 1, BarTime.END),
}


@cache
def judged(name: str) -> dict[date, DayReport]:
    """The reports of all days of a recorded file."""
    file, exchange, product, month, minutes, bar_time = FILES[name]
    history = terms_history(exchange, product, *(month or (None, None)))
    ticks = partial(price_ticks_on, history)
    sessions = table(exchange, product)
    rules = BarRules(minutes=minutes, bar_time=bar_time, ticks=ticks, positive=True, strict_sessions=False)
    read = read_bar_file(DATA / "bars" / f"{file}.csv.gz")
    bars = prepare_bars(read, name, f"{minutes}m", sessions, rules).series
    first, last = (from_day_number(int(day)) for day in bars.trading_day[[0, -1]])
    grid = sessions.grid_between(first, last, minutes)
    days = np.unique(grid[1]).tolist()
    sizes = price_ticks_on(history, np.array(days, dtype=np.int32)).tolist()
    parts = zip(split_days(bars, grid, days), sizes, strict=True)
    made = [DayBars(of_day, starts, minutes * NS_PER_MINUTE, size) for (of_day, starts), size in parts]
    return {
        from_day_number(day): found for day, found in zip(days, check_days(made, {}, range(len(made))), strict=True)
    }


def faults(report: DayReport) -> dict[str, int]:
    """Kind -> how often, without those that were not found."""
    return {fault.value: int(found.count) for fault, found in report.findings.items() if found.count}


@pytest.mark.parametrize(
    ("name", "days", "poor"),
    [
        # padded before the night session that opened at 22:30; four empty bars in a series that never has any
        ("rb", 1_464, {date(2018, 11, 29): {"zero_volume": 4}, date(2019, 12, 26): {"off_hours": 18}}),
        # the circuit breaker
        ("IF", 977, {date(2016, 1, 4): {"zero_volume": 19}, date(2016, 1, 7): {"zero_volume": 44}}),
        # the file lacks the nights before these days, of the first until 22:30
        ("TA", 252, {date(2019, 12, 25): {"missing": 18}, date(2019, 12, 31): {"missing": 24}}),
        # begins on Monday morning, without its night of Friday
        ("rb2401", 6, {date(2023, 9, 25): {"missing": 120}}),
        # begins at 09:06 and ends at 10:02
        ("m2005", 71, {date(2019, 7, 5): {"missing": 126}, date(2019, 10, 21): {"missing": 162}}),
    ],
)
def test_poor_days_of_a_file(name: str, days: int, poor: dict[date, dict[str, int]]) -> None:
    reports = judged(name)
    assert len(reports) == days
    assert {day: faults(found) for day, found in reports.items() if is_poor(found.score)} == poor


@pytest.mark.parametrize(("name", "first", "last", "poor"), [("au1912", 141, 420, 5), ("IF1908", 0, 156, 3)])
def test_far_contracts_are_quiet_and_not_poor(name: str, first: int, last: int, poor: int) -> None:
    """Thousands of padded bars are no fault; what the recording cut off is."""
    reports = list(judged(name).values())
    assert sum(found.quiet for found in reports) > 800
    assert (reports[0].count(Fault.MISSING), reports[-1].count(Fault.MISSING)) == (first, last)
    assert sum(is_poor(found.score) for found in reports) == poor


def test_a_market_at_its_limit_is_no_fault_but_a_remark() -> None:
    found = judged("TA")[date(2020, 2, 3)]
    assert (found.score, faults(found)) == (1.0, {})
    assert found.flat > 40
    assert judged("TA")[date(2020, 1, 16)].flat < 5


def test_no_night_before_a_holiday_and_in_the_epidemic_is_missed() -> None:
    assert {judged("TA")[day].expected for day in (date(2020, 2, 3), date(2020, 5, 6), date(2020, 4, 7))} == {45}
    assert faults(judged("rb2401")[date(2023, 10, 9)]) == {}


def recorded_day(file: str, code: str, product: str, size: float) -> tuple[BarSeries, TickSeries, DayBars]:
    """Bars built from a recorded file of ticks, its ticks, and the day that they are of."""
    symbol, _, exchange = code.rpartition(".")
    contract = Contract(code, symbol, exchange, 10.0, size, table(exchange, product))
    normaliser = Normaliser([contract])
    raw = read_tick_file(DATA / "ticks" / f"{file}.csv.gz")
    ticks = [tick for record in raw if (tick := normaliser.tick(record)) is not None]
    made = [bar for bar in build_bars(ticks, contract, ["1m"]) if isinstance(bar, BarMessage)]
    bars = series_of(code, made)
    day = int(bars.trading_day[-1])
    series = TickSeries.of(code, ticks)
    grid = contract.table.grid(from_day_number(day), 1)
    return bars, series.take(series.trading_day == day), DayBars(bars, grid, NS_PER_MINUTE, size)


def series_of(code: str, made: Sequence[BarMessage]) -> BarSeries:
    """Messages as columns."""
    names = ("start", "trading_day", "open", "high", "low", "close", "volume", "turnover", "open_interest")
    return BarSeries(code, "1m", *(np.array([getattr(bar, name) for bar in made]) for name in names))


def test_a_recorded_day_of_ticks_is_sound_and_proves_a_lost_bar() -> None:
    series, ticks, day = recorded_day("CZCE.AP010_tick_20200803", "AP010.CZCE", "AP", 1.0)
    found = check_day(day, DayFacts(ticks), None)
    assert (found.score, found.bars, found.expected, faults(found)) == (1.0, 225, 225, {})
    lost = np.isin(np.arange(len(series)), [5, 50, 51])
    less = check_day(DayBars(series.take(~lost), day.grid, day.step, 1.0), DayFacts(ticks), None)
    assert [example.time for example in less.findings[Fault.MISSING].examples] == series.start[lost].tolist()
