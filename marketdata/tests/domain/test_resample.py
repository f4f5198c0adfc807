"""Bars of many minutes out of bars of few, in columns: recorded minutes against recorded five-minute rules."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from marketdata.domain.bars import PRICE_COLUMNS, BarSeries
from marketdata.domain.resample import resample
from marketdata.domain.sessions import SessionTable
from marketdata.tests.domain.recorded import DATA, instants, needs_data, table, walls
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI_OFFSET_NS

RECORDED = [
    ("DCE.m2005_1m_201907-201910", "DCE", "m"),
    ("SHFE.au1912_1m", "SHFE", "au"),
    ("CFFEX.IF1908_1m", "CFFEX", "IF"),
]


def series(hours: SessionTable, *rows: tuple[str, float]) -> BarSeries:
    """Minute bars at wall times; the price is open, high, low and close, the volume one lot."""
    start = instants(*(wall for wall, _price in rows))
    price = np.array([price for _wall, price in rows])
    ones = np.ones(len(rows))
    days = hours.trading_days(start)
    return BarSeries("rb2405.SHFE", "1m", start, days, price, price, price, price, ones, ones * 10, price + 1_000)


def test_bars_count_trading_minutes_across_breaks_and_anew_from_each_opening() -> None:
    hours = table("SHFE", "rb")
    minutes = series(
        hours,
        ("2024-01-12 22:59", 1.0),
        ("2024-01-15 09:00", 2.0),
        ("2024-01-15 10:14", 3.0),
        ("2024-01-15 10:30", 4.0),
        ("2024-01-15 10:44", 5.0),
        ("2024-01-15 10:45", 6.0),
        ("2024-01-15 14:59", 7.0),
    )
    half = resample(minutes, hours, "30m")
    assert walls(half.start) == [
        "2024-01-12 22:30", "2024-01-15 09:00", "2024-01-15 10:00", "2024-01-15 10:45", "2024-01-15 14:45"
    ]  # fmt: skip
    assert half.volume.tolist() == [1, 1, 3, 1, 1]
    assert half.close.tolist() == [1, 2, 5, 6, 7]
    assert half.open.tolist() == [1, 2, 3, 6, 7]
    day = resample(minutes, hours, "1d")
    assert walls(day.start) == ["2024-01-12 21:00"]
    assert (day.open[0], day.high[0], day.low[0], day.close[0], day.volume[0]) == (1, 7, 1, 7, 7)
    assert day.open_interest[0] == 1_007


def test_unknown_turnover_stays_unknown_and_bars_outside_the_hours_are_left_out() -> None:
    hours = table("SHFE", "rb")
    minutes = series(hours, ("2024-01-15 09:00", 1.0), ("2024-01-15 09:01", 2.0), ("2024-01-15 10:20", 3.0))
    unknown = replace(minutes, turnover=np.full(3, np.nan))
    assert np.isnan(resample(unknown, hours, "5m").turnover).tolist() == [True]
    unknown.turnover[1] = 7.0
    assert resample(unknown, hours, "5m").turnover.tolist() == [7.0]
    assert len(resample(minutes.take(slice(2, 3)), hours, "5m")) == 0
    assert len(resample(BarSeries.empty("rb2405.SHFE", "1m"), hours, "5m")) == 0


def test_bars_that_do_not_divide_are_refused() -> None:
    hours = table("SHFE", "rb")
    five = resample(series(hours, ("2024-01-15 09:00", 1.0)), hours, "5m")
    assert resample(five, hours, "5m").start.tolist() == five.start.tolist()
    for wrong in ("3m", "7m", "1m"):
        with pytest.raises(RuleError, match=wrong):
            resample(five, hours, wrong)


@needs_data
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "exchange", "product"), RECORDED)
def test_recorded_minutes_fold_alike_in_one_step_and_in_two_and_as_a_plain_loop_does(
    name: str, exchange: str, product: str
) -> None:
    hours = table(exchange, product)
    minutes = recorded_minutes(name, hours)
    assert len(minutes) > 5_000
    for by_way_of, interval in (("5m", "15m"), ("5m", "30m"), ("15m", "1h"), ("30m", "2h"), ("3m", "1d")):
        direct = resample(minutes, hours, interval)
        twice = resample(resample(minutes, hours, by_way_of), hours, interval)
        for column in ("start", "trading_day", *PRICE_COLUMNS, "volume", "open_interest"):
            assert np.array_equal(getattr(direct, column), getattr(twice, column)), (interval, column)
        assert direct.volume.sum() == minutes.volume.sum()
        plain = by_plain_loop(minutes, hours, interval)
        columns = [getattr(direct, column).tolist() for column in ("start", *PRICE_COLUMNS, "volume")]
        assert plain == list(zip(*columns, strict=True))


def recorded_minutes(name: str, hours: SessionTable) -> BarSeries:
    lines = gzip.decompress((DATA / "bars" / f"{name}.csv.gz").read_bytes()).decode().splitlines()
    head, cells = lines[0].split(","), [line.split(",") for line in lines[1:]]
    column = {field: [row[number] for row in cells] for number, field in enumerate(head)}
    start = np.array(column["datetime"], dtype="datetime64[ns]").astype(np.int64) - SHANGHAI_OFFSET_NS
    given = {field: np.array(column[field], dtype=np.float64) for field in (*PRICE_COLUMNS, "volume", "open_interest")}
    days = hours.trading_days(start)
    bars = BarSeries(name, "1m", start, days, turnover=np.full(len(start), np.nan), **given)
    return bars.take(hours.inside(start, bars.trading_day))


def by_plain_loop(minutes: BarSeries, hours: SessionTable, interval: str) -> list[tuple[float, ...]]:
    """The same by the grid of each day: the last grid start at or before a minute is its bar's."""
    length = None if interval == "1d" else {"15m": 15, "30m": 30, "1h": 60, "2h": 120}[interval]
    first, last = (int(minutes.trading_day[row]) for row in (0, -1))
    grid, _days = hours.grid_between(np.datetime64(first, "D").item(), np.datetime64(last, "D").item(), length)
    found: dict[int, list[float]] = {}
    for bar in minutes.rows():
        start = int(grid[np.searchsorted(grid, bar.start, side="right") - 1])
        have = found.setdefault(start, [bar.open, bar.high, bar.low, bar.close, 0.0])
        have[1:4] = [max(have[1], bar.high), min(have[2], bar.low), bar.close]
        have[4] += bar.volume
    return [(start, *values) for start, values in found.items()]
