"""Bars from made-up ticks: closing by the clock, late and stale ticks, new days, breaks, late starts."""

from datetime import date, datetime
from functools import cache
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bar_builder import BarBuilder, build_bars
from marketdata.domain.calendar import to_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from marketdata.domain.normalise import Normaliser
from marketdata.domain.ticks import BACKWARD, OUTSIDE, STALE, BarMessage, SettlementMessage, Tick
from marketdata.tests.domain.recorded import table
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_SECOND, SHANGHAI, ns_to_utc, utc_to_ns

CODE = "rb2405.SHFE"
FRIDAY_NIGHT = "2024-01-12"  # of the trading day Monday 2024-01-15
MONDAY = date(2024, 1, 15)
TUESDAY = date(2024, 1, 16)
EARLY = utc_to_ns(datetime(2024, 1, 12, 20, 0, tzinfo=SHANGHAI))
DBL_MAX = 1.7976931348623157e308


@cache
def contract(code: str = CODE) -> Contract:
    symbol, exchange = code.split(".")
    product = symbol.rstrip("0123456789")
    return Contract(code, symbol, exchange, 10.0, 1.0, table(exchange, product))


def at(wall: str) -> int:
    return utc_to_ns(datetime.fromisoformat(wall).replace(tzinfo=SHANGHAI))


def wall(ns: int) -> str:
    return ns_to_utc(ns).astimezone(SHANGHAI).strftime("%m-%d %H:%M")


def tick(when: str, price: float, volume: int, day: date = MONDAY, **more: Any) -> Tick:
    """A tick at a wall time with the day's total volume; turnover is that of ten units a lot at 4000."""
    return Tick(
        CODE, to_day_number(day), 0, at(when), 0, price, volume, volume * 40_000.0, 1_000.0 + volume, **more,
    )  # fmt: skip


def builder(*intervals: str, since: int = EARLY, pad: bool = False) -> BarBuilder:
    return BarBuilder({CODE: contract()}, intervals or ("1m",), since=since, pad=pad)


def shown(closed: object) -> list[tuple[object, ...]]:
    return [
        (bar.interval, wall(bar.start), bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in closed  # type: ignore[attr-defined]
        if isinstance(bar, BarMessage)
    ]


def test_a_friday_night_belongs_to_monday_and_its_bars_to_the_evening() -> None:
    """A made file of CTP records: Friday 20:59 to Saturday morning of au, the whole trading day Monday's."""
    gold = Contract("au2406.SHFE", "au2406", "SHFE", 1000.0, 0.02, table("SHFE", "au"))
    normaliser = Normaliser([gold])
    records = [
        ("20:59:00", "20240112", 480.00, 30),
        ("21:00:00", "20240112", 480.02, 40),
        ("23:59:59", "20240112", 480.10, 50),
        ("00:00:00", "20240113", 480.12, 60),
        ("02:29:59", "20240113", 480.08, 70),
        ("02:30:00", "20240113", 480.06, 80),
        ("09:00:00", "20240115", 480.20, 90),
    ]
    ticks = []
    for clock, action_day, price, volume in records:
        raw = RawTick("au2406", "20240115", clock, 0, price, volume, volume * 480_000.0, 10.0, action_day=action_day)
        found = normaliser.tick(raw)
        assert found is not None
        assert ns_to_utc(found.time).astimezone(SHANGHAI).strftime("%Y%m%d %H:%M:%S") == f"{action_day} {clock}"
        ticks.append(found)
    bars = build_bars(ticks, gold, ["1m", "1h"])
    assert [(wall(bar.start), bar.volume) for bar in bars if isinstance(bar, BarMessage) and bar.interval == "1m"] == [
        ("01-12 21:00", 40),
        ("01-12 23:59", 10),
        ("01-13 00:00", 10),
        ("01-13 02:29", 20),
        ("01-15 09:00", 10),
    ]
    assert {bar.trading_day for bar in bars} == {to_day_number(MONDAY)}
    hours = [(wall(bar.start), bar.volume) for bar in bars if isinstance(bar, BarMessage) and bar.interval == "1h"]
    assert hours == [
        ("01-12 21:00", 40),
        ("01-12 23:00", 10),
        ("01-13 00:00", 10),
        ("01-13 02:00", 20),
        ("01-15 09:00", 10),
    ]


def test_a_bar_closes_by_the_market_clock_and_waits_for_no_tick() -> None:
    bars = builder("1m", "5m", "1d")
    assert not bars.on_tick(tick("2024-01-15 14:59:10", 4000, 5))
    assert not bars.on_tick(tick("2024-01-15 14:59:50", 4003, 9, open=3990.0, high=4010.0, low=3980.0))
    assert not bars.on_clock(at("2024-01-15 15:00:06"))  # a tick up to 15:00:05 would still belong to it
    assert shown(bars.on_clock(at("2024-01-15 15:00:08"))) == [
        ("1m", "01-15 14:59", 4000, 4003, 4000, 4003, 9),
        ("5m", "01-15 14:55", 4000, 4003, 4000, 4003, 9),
    ]
    assert shown(bars.on_clock(at("2024-01-15 15:00:12"))) == [("1d", "01-12 21:00", 3990, 4010, 3980, 4003, 9)]
    assert not bars.on_clock(at("2024-01-15 15:30:00"))


def test_an_inner_minute_closes_two_seconds_after_its_end() -> None:
    bars = builder("1m", "3m")
    bars.on_tick(tick("2024-01-15 09:02:10", 4000, 5))
    assert not bars.on_clock(at("2024-01-15 09:03:01"))
    assert [row[:2] for row in shown(bars.on_clock(at("2024-01-15 09:03:02")))] == [
        ("1m", "01-15 09:02"),
        ("3m", "01-15 09:00"),
    ]
    assert not bars.on_tick(tick("2024-01-15 09:02:59", 4100, 6))  # too late: its lot counts in the next bar
    bars.on_tick(tick("2024-01-15 09:03:05", 4001, 8))
    assert shown(bars.finish()) == [
        ("1m", "01-15 09:03", 4001, 4001, 4001, 4001, 3),
        ("3m", "01-15 09:03", 4001, 4001, 4001, 4001, 3),
    ]


def test_a_tick_after_a_part_ends_belongs_to_its_last_minute_for_five_seconds() -> None:
    bars = builder()
    bars.on_tick(tick("2024-01-15 10:14:30", 4000, 5))
    bars.on_tick(tick("2024-01-15 10:15:05", 4007, 6))
    assert not bars.on_tick(tick("2024-01-15 10:15:06", 4099, 7, flags=OUTSIDE))
    assert not bars.on_tick(tick("2024-01-15 10:29:59", 4098, 7, flags=OUTSIDE))
    assert shown(bars.on_tick(tick("2024-01-15 10:30:00", 4001, 9))) == [
        ("1m", "01-15 10:14", 4000, 4007, 4000, 4007, 6)
    ]
    assert shown(bars.finish()) == [("1m", "01-15 10:30", 4001, 4001, 4001, 4001, 3)]  # the lot of 10:15:06 as well


def test_the_clock_reopens_no_bar_that_it_has_closed() -> None:
    bars = builder("1m", "5m")
    bars.on_tick(tick("2024-01-15 09:01:00", 4000, 5))
    bars.on_clock(at("2024-01-15 09:05:02"))
    assert not bars.on_tick(tick("2024-01-15 09:04:59", 4100, 6))
    bars.on_tick(tick("2024-01-15 09:05:10", 4001, 7))
    assert [row[:2] for row in shown(bars.finish())] == [("1m", "01-15 09:05"), ("5m", "01-15 09:05")]


def test_bars_run_across_breaks_and_never_from_night_to_day() -> None:
    ticks = [
        tick("2024-01-12 22:59:00", 4000, 1),
        tick("2024-01-15 09:00:00", 4010, 2),
        tick("2024-01-15 10:10:00", 4020, 3),
        tick("2024-01-15 10:31:00", 4030, 4),
        tick("2024-01-15 11:29:00", 4040, 5),
        tick("2024-01-15 13:30:00", 4050, 6),
        tick("2024-01-15 14:59:00", 4060, 7),
    ]
    assert [row[1:] for row in shown(build_bars(ticks, contract(), ["2h"], since=EARLY))] == [
        ("01-12 21:00", 4000, 4000, 4000, 4000, 1),
        ("01-15 09:00", 4010, 4030, 4010, 4030, 3),  # 75 minutes to 10:15 and 45 to 11:15
        ("01-15 11:15", 4040, 4060, 4040, 4060, 3),  # 15 minutes, lunch, and the rest of the day
    ]


def test_a_recording_that_begins_late_takes_the_first_tick_as_baseline_and_says_so() -> None:
    late = builder("1m", "5m", since=at("2024-01-15 10:00:00"))
    late.on_tick(tick("2024-01-15 10:01:10", 4000, 5_000))
    late.on_tick(tick("2024-01-15 10:01:40", 4001, 5_030))
    late.on_tick(tick("2024-01-15 10:02:10", 4002, 5_040))
    found = [
        (bar.interval, wall(bar.start), bar.volume, bar.partial) for bar in late.finish() if isinstance(bar, BarMessage)
    ]
    assert ("1m", "01-15 10:02", 10, False) in found
    assert ("5m", "01-15 10:00", 40, True) in found
    covered = builder(since=EARLY)
    covered.on_tick(tick("2024-01-15 10:01:10", 4000, 7))  # the first trade of a quiet contract
    (bar,) = covered.finish()
    assert isinstance(bar, BarMessage)
    assert (bar.volume, bar.partial) == (7, False)


def test_only_the_minute_in_which_a_late_recording_begins_is_partial() -> None:
    late = builder("1m", since=at("2024-01-15 10:00:00"))
    late.on_tick(tick("2024-01-15 10:01:10", 4000, 5_000))  # nothing more is traded in this minute
    late.on_tick(tick("2024-01-15 10:07:10", 4001, 5_004))
    (bar,) = late.finish()
    assert isinstance(bar, BarMessage)
    assert (wall(bar.start), bar.volume, bar.partial) == ("01-15 10:07", 4, False)


def test_whatever_the_start_a_tick_in_the_first_minute_counts_whole() -> None:
    bars = builder(since=at("2024-01-12 21:00:30"))
    bars.on_tick(tick("2024-01-12 21:00:40", 4000, 3_174))
    (bar,) = bars.finish()
    assert isinstance(bar, BarMessage)
    assert (bar.volume, bar.partial) == (3_174, False)


def test_a_new_trading_day_starts_from_zero() -> None:
    bars = builder("1m", "1d")
    bars.on_tick(tick("2024-01-15 14:59:00", 4000, 90_000, open=3990.0, high=4001.0, low=3989.0))
    closed = bars.on_tick(tick("2024-01-15 21:00:00", 4010, 120, day=TUESDAY))
    assert [row[:2] for row in shown(closed)] == [("1m", "01-15 14:59"), ("1d", "01-12 21:00")]
    assert not bars.on_tick(tick("2024-01-15 14:59:30", 4000, 90_001))  # of the day that is over
    assert shown(bars.finish())[0] == ("1m", "01-15 21:00", 4010, 4010, 4010, 4010, 120)


def test_prices_before_the_first_trade_and_impossible_ones_make_no_bar() -> None:
    bars = builder()
    bars.on_tick(tick("2024-01-12 21:00:00", 3950, 0))  # yesterday's close
    bars.on_tick(tick("2024-01-12 21:01:00", nan, 0))
    bars.on_tick(tick("2024-01-12 21:02:00", nan, 4))
    assert shown(bars.on_tick(tick("2024-01-12 21:03:00", 4000, 5))) == []
    assert shown(bars.finish()) == [("1m", "01-12 21:03", 4000, 4000, 4000, 4000, 5)]


@pytest.mark.parametrize("flag", [STALE, OUTSIDE, BACKWARD])
def test_flagged_ticks_never_set_a_price(flag: int) -> None:
    bars = builder()
    bars.on_tick(tick("2024-01-15 09:01:00", 4000, 5))
    bars.on_tick(tick("2024-01-15 09:01:10", 9999, 6, flags=flag))
    bars.on_tick(tick("2024-01-15 09:01:20", 4001, 7))
    assert shown(bars.finish()) == [("1m", "01-15 09:01", 4000, 4001, 4000, 4001, 7)]


def test_minutes_without_trades_are_invented_only_where_the_setting_asks_for_it() -> None:
    ticks = [tick("2024-01-15 09:01:00", 4000, 5), tick("2024-01-15 09:04:00", 4002, 6)]
    assert len(shown(build_bars(ticks, contract(), ["1m"], since=EARLY))) == 2
    padded = shown(build_bars(ticks, contract(), ["1m"], since=EARLY, pad=True))
    assert padded[:4] == [
        ("1m", "01-15 09:01", 4000, 4000, 4000, 4000, 5),
        ("1m", "01-15 09:02", 4000, 4000, 4000, 4000, 0),
        ("1m", "01-15 09:03", 4000, 4000, 4000, 4000, 0),
        ("1m", "01-15 09:04", 4002, 4002, 4002, 4002, 1),
    ]
    assert padded[-1][:2] == ("1m", "01-15 14:59")
    assert len(padded) == 224  # 09:01 to the close of the day session


def test_padding_follows_the_clock() -> None:
    bars = builder(pad=True)
    bars.on_tick(tick("2024-01-15 09:01:00", 4000, 5))
    assert len(shown(bars.on_clock(at("2024-01-15 09:02:02")))) == 1
    assert shown(bars.on_clock(at("2024-01-15 09:04:02"))) == [
        ("1m", "01-15 09:02", 4000, 4000, 4000, 4000, 0),
        ("1m", "01-15 09:03", 4000, 4000, 4000, 4000, 0),
    ]


def test_a_settlement_price_comes_with_the_day_and_not_during_it() -> None:
    bars = builder("1d")
    day: dict[str, Any] = {"open": 3990.0, "high": 4010.0, "low": 3980.0}
    assert not bars.on_tick(tick("2024-01-15 11:00:00", 4000, 5, settlement=3995.0, **day))  # a running figure
    bars.on_tick(tick("2024-01-15 14:59:59", 4003, 9, **day))
    (closed,) = bars.on_clock(at("2024-01-15 15:00:12"))
    assert isinstance(closed, BarMessage)
    assert closed.settlement != closed.settlement
    settled, again = bars.on_tick(tick("2024-01-15 15:20:00", 4003, 9, settlement=3999.0, flags=OUTSIDE, **day))
    assert isinstance(settled, SettlementMessage)
    assert settled.settlement == 3999.0
    assert isinstance(again, BarMessage)
    assert (again.settlement, again.close, again.volume) == (3999.0, 4003, 9)
    assert not bars.on_tick(tick("2024-01-15 15:21:00", 4003, 9, settlement=3999.0, flags=OUTSIDE, **day))


def test_the_forming_bar_is_shown_as_it_stands() -> None:
    bars = builder("1m", "5m", "1d")
    assert bars.current(CODE, "1m") is None
    bars.on_tick(tick("2024-01-15 09:01:00", 4000, 5, open=3990.0, high=4010.0, low=3980.0))
    bars.on_tick(tick("2024-01-15 09:02:00", 4004, 9, open=3990.0, high=4010.0, low=3980.0))
    minute, five, day = (bars.current(CODE, interval) for interval in ("1m", "5m", "1d"))
    assert minute is not None
    assert five is not None
    assert day is not None
    assert (minute.close, minute.volume, minute.final) == (4004, 4, False)
    assert (five.open, five.close, five.volume, wall(five.start), five.final) == (4000, 4004, 9, "01-15 09:00", False)
    assert (day.open, day.close, day.volume, day.final) == (3990, 4004, 9, False)


def test_a_day_that_carries_no_figures_of_its_own_is_folded_from_minutes() -> None:
    bars = build_bars([tick("2024-01-12 21:00:00", 4000, 5), tick("2024-01-15 14:59:00", 4010, 8)], contract(), ["1d"])
    assert shown(bars) == [("1d", "01-12 21:00", 4000, 4010, 4000, 4010, 8)]


STEPS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(3_990, 4_010), st.integers(0, 5), st.booleans()), min_size=1, max_size=60
)


@given(steps=STEPS)
@settings(max_examples=200, deadline=None)
def test_no_lot_is_lost_or_counted_twice_whatever_the_clock_does(steps: list[tuple[int, int, int, bool]]) -> None:
    """Ticks in order, the clock called anywhere in between: sums, order and the folded bars agree."""
    names = ("1m", "3m", "15m", "1h", "1d")
    bars = builder(*names)
    now, volume = at("2024-01-15 09:00:00"), 0
    closed: list[object] = []
    plan = contract().table.plan(to_day_number(MONDAY))
    for wait, price, lots, asks_clock in steps:
        now += wait * NS_PER_SECOND
        if plan.minute_at(now) is None:
            continue
        volume += lots
        moment = Tick(CODE, to_day_number(MONDAY), 0, now, 0, float(price), volume, volume * 40_000.0, 1.0)
        closed.extend(bars.on_tick(moment))
        if asks_clock:
            closed.extend(bars.on_clock(now))
    closed.extend(bars.finish())
    for name in names:
        mine = [bar for bar in closed if isinstance(bar, BarMessage) and bar.interval == name]
        assert sum(bar.volume for bar in mine) == volume
        starts = [bar.start for bar in mine]
        assert starts == sorted(set(starts))
        assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in mine)
        assert sum(bar.turnover for bar in mine) == pytest.approx(volume * 40_000.0)


def test_records_that_cannot_be_read_are_refused_by_name() -> None:
    normaliser = Normaliser([contract()])
    good = RawTick("rb2405", "20240115", "09:00:00", 0, 4000.0, 1, 40_000.0, 1.0)
    assert normaliser.tick(good) is not None
    for change, value in (("trading_day", "2024-1-5"), ("update_time", "9 o'clock"), ("update_time", "25:00:00")):
        raw = RawTick("rb2405", "20240115", "09:00:00", 0, 4000.0, 1, 40_000.0, 1.0)
        setattr(raw, change, value)
        with pytest.raises(RuleError, match=value.split(":")[0]):
            normaliser.tick(raw)
    assert normaliser.tick(RawTick("xx2405", "20240115", "09:00:00", 0, 1.0, 1, 1.0, 1.0)) is None


def test_prices_that_are_none_become_nan() -> None:
    normaliser = Normaliser([contract()])
    for nothing in (DBL_MAX, 1.79769e308, 0.0, -1.0, float("inf")):
        raw = RawTick("rb2405", "20240115", "09:00:00", 0, nothing, 1, 1.0, 1.0, bid_price=nothing, ask_price=4001.0)
        found = normaliser.tick(raw)
        assert found is not None
        assert np.isnan([found.last, found.bid_price]).all()
        assert found.ask_price == 4001.0


def test_an_old_snapshot_after_the_login_is_stale() -> None:
    normaliser = Normaliser([contract()])
    clock = at("2024-01-12 20:50:00")
    old = RawTick("rb2405", "20240115", "15:00:00", 0, 4000.0, 99, 1.0, 1.0)  # today's close, under tomorrow's day
    found = normaliser.tick(old, clock=clock)
    assert found is not None
    assert found.flags & STALE
    opening = normaliser.tick(
        RawTick("rb2405", "20240115", "20:59:00", 500, 4001.0, 7, 1.0, 1.0), clock=at("2024-01-12 20:59:00")
    )
    assert opening is not None
    assert opening.flags == 0


def test_ticks_that_go_back_are_flagged_and_numbered_all_the_same() -> None:
    normaliser = Normaliser([contract()], first_seq=7 << 32)
    flags = []
    for clock, volume in (("09:00:00", 5), ("09:00:02", 9), ("09:00:01", 8), ("09:00:02", 9), ("09:00:03", 8)):
        found = normaliser.tick(RawTick("rb2405", "20240115", clock, 0, 4000.0, volume, 1.0, 1.0))
        assert found is not None
        flags.append((found.flags, found.seq - (7 << 32)))
    assert flags == [(0, 0), (0, 1), (BACKWARD, 2), (0, 3), (BACKWARD, 4)]


def test_czce_writes_the_natural_date_at_night_and_dce_the_trading_day_as_the_date() -> None:
    sugar = Contract("SR405.CZCE", "SR405", "CZCE", 10.0, 1.0, table("CZCE", "SR"))
    iron = Contract("i2405.DCE", "i2405", "DCE", 100.0, 0.5, table("DCE", "i"))
    normaliser = Normaliser([sugar, iron])
    night = normaliser.tick(RawTick("SR405", "20240112", "21:00:00", 0, 6400.0, 1, 6400.0, 1.0, action_day="20240112"))
    dalian = normaliser.tick(RawTick("i2405", "20240115", "21:00:00", 0, 900.0, 1, 9e4, 1.0, action_day="20240115"))
    empty = normaliser.tick(RawTick("SR405", "20240112", "21:00:01", 0, 6400.0, 1, 6400.0, 1.0))
    for found in (night, dalian, empty):
        assert found is not None
        assert found.trading_day == to_day_number(MONDAY)
        assert wall(found.time) == "01-12 21:00"
    assert night is not None
    assert night.turnover == 64_000.0


def test_two_ticks_of_one_second_both_count() -> None:
    first, second = tick("2024-01-15 09:01:00", 4000, 5), tick("2024-01-15 09:01:00", 4002, 8)
    assert shown(build_bars([first, second], contract(), ["1m"], since=EARLY)) == [
        ("1m", "01-15 09:01", 4000, 4002, 4000, 4002, 8)
    ]
