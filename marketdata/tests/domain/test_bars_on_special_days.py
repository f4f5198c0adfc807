"""Ticks to bars on days whose hours differ: special openings, suspended nights, eves of holidays, treasuries, no night.

Records are as CTP sends them, so that the trading day, the auction, the first whole volume and the last minute are
tried together.
"""

from collections.abc import Sequence

import pytest

from marketdata.domain.bar_builder import build_bars
from marketdata.domain.calendar import from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import OUTSIDE, BarMessage, Tick
from marketdata.tests.domain.recorded import table
from quantsite.common.times import SHANGHAI, ns_to_utc

Record = tuple[str, int]
"""Time of day and the day's total volume."""


def contract(code: str) -> Contract:
    symbol, exchange = code.split(".")
    return Contract(code, symbol, exchange, 10.0, 1.0, table(exchange, symbol.rstrip("0123456789")))


def ticks_of(about: Contract, trading_day: str, records: Sequence[Record], *, action_day: str = "") -> list[Tick]:
    normaliser = Normaliser([about])
    found = []
    for clock, volume in records:
        raw = RawTick(about.symbol, trading_day, clock, 0, 100.0, volume, volume * 1_000.0, 1.0, action_day=action_day)
        tick = normaliser.tick(raw)
        assert tick is not None
        found.append(tick)
    return found


def wall(ns: int) -> str:
    return ns_to_utc(ns).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def bars_of(about: Contract, ticks: Sequence[Tick], interval: str) -> list[tuple[str, int]]:
    """Starts and volumes; the recording is whole from its first tick on."""
    built = build_bars(ticks, about, [interval], since=ticks[0].time)
    return [(wall(bar.start), int(bar.volume)) for bar in built if isinstance(bar, BarMessage)]


@pytest.mark.parametrize(
    ("code", "day", "records", "outside", "minutes"),
    [
        pytest.param(
            "rb2005.SHFE", "20191226",
            [("21:00:00", 1), ("22:24:59", 1), ("22:29:00", 10), ("22:30:00", 12), ("22:59:59", 20), ("23:00:05", 21)],
            [0, 1], [("2019-12-25 22:30", 12), ("2019-12-25 22:59", 9)], id="the night that opened at 22:30",
        ),
        pytest.param(
            "rb2005.SHFE", "20200204",
            [("21:00:00", 1), ("08:59:00", 10), ("09:00:00", 12), ("14:59:59", 20), ("15:00:00", 21)],
            [0], [("2020-02-04 09:00", 12), ("2020-02-04 14:59", 9)], id="a suspended night of 2020",
        ),
        pytest.param(
            "rb2005.SHFE", "20200506",
            [("21:00:00", 1), ("08:59:00", 10), ("09:00:00", 12)],
            [0], [("2020-05-06 09:00", 12)], id="the last day before the nights came back",
        ),
        pytest.param(
            "rb2005.SHFE", "20200507",
            [("20:59:00", 10), ("21:00:00", 12)],
            [], [("2020-05-06 21:00", 12)], id="the first night that came back",
        ),
        pytest.param(
            "rb2405.SHFE", "20240102",
            [("21:00:00", 1), ("08:59:00", 10), ("09:00:00", 12)],
            [0], [("2024-01-02 09:00", 12)], id="no night on the eve of a holiday",
        ),
        pytest.param(
            "AP010.CZCE", "20200803",
            [("21:00:00", 1), ("08:59:00", 10), ("09:00:00", 12), ("15:00:00", 20)],
            [0], [("2020-08-03 09:00", 12), ("2020-08-03 14:59", 8)], id="a product without a night",
        ),
        pytest.param(
            "T2009.CFFEX", "20200717",
            [("09:14:00", 10), ("09:15:00", 12), ("11:30:00", 15), ("15:15:05", 21), ("15:15:06", 22)],
            [4], [("2020-07-17 09:15", 12), ("2020-07-17 11:29", 3), ("2020-07-17 15:14", 6)], id="treasuries 9:15",
        ),
        pytest.param(
            "T2009.CFFEX", "20200720",
            [("09:15:00", 1), ("09:29:00", 10), ("09:30:00", 12), ("15:15:00", 20)],
            [0], [("2020-07-20 09:30", 12), ("2020-07-20 15:14", 8)], id="treasuries from 9:30",
        ),
    ],
)  # fmt: skip
def test_minutes(
    code: str, day: str, records: list[Record], outside: list[int], minutes: list[tuple[str, int]]
) -> None:
    about = contract(code)
    ticks = ticks_of(about, day, records)
    assert [row for row, tick in enumerate(ticks) if tick.flags & OUTSIDE] == outside
    assert bars_of(about, ticks, "1m") == minutes
    assert sum(volume for _start, volume in bars_of(about, ticks, "1d")) == sum(volume for _start, volume in minutes)


def test_the_bars_of_a_night_that_began_late_count_from_its_opening() -> None:
    about = contract("rb2005.SHFE")
    ticks = ticks_of(about, "20191226", [("22:30:00", 1), ("22:44:59", 2), ("22:45:00", 3), ("09:00:00", 4)])
    expected = [("2019-12-25 22:30", 2), ("2019-12-25 22:45", 1), ("2019-12-26 09:00", 1)]
    assert bars_of(about, ticks, "15m") == expected


@pytest.mark.parametrize("action_day", ["", "20200724"])
def test_a_friday_night_of_czce_that_names_the_natural_date(action_day: str) -> None:
    about = contract("TA009.CZCE")
    (tick,) = ticks_of(about, "20200724", [("21:00:00", 5)], action_day=action_day)
    assert (str(from_day_number(tick.trading_day)), wall(tick.time)) == ("2020-07-27", "2020-07-24 21:00")


def test_a_late_recording_without_the_days_figures_makes_a_partial_day() -> None:
    about = contract("rb2405.SHFE")
    ticks = ticks_of(about, "20240115", [("10:00:10", 50), ("10:00:40", 60), ("10:01:10", 65)])
    (day,) = build_bars(ticks, about, ["1d"])
    assert isinstance(day, BarMessage)
    assert (day.volume, day.partial) == (15, True)
