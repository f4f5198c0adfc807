"""Which bars a recording with holes still tells in full."""

from datetime import date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.bar_builder import build_bars
from marketdata.domain.calendar import to_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import STALE, BarMessage, Tick
from marketdata.domain.whole_bars import whole_bars
from marketdata.tests.domain.recorded import table
from quantsite.common.times import SHANGHAI, utc_to_ns

CODE = "rb2405.SHFE"
DAY = date(2024, 1, 2)  # after New Year: no night session
OPENS = datetime(2024, 1, 2, 9, 0, tzinfo=SHANGHAI)
RB = Contract(CODE, "rb2405", "SHFE", 10.0, 1.0, table("SHFE", "rb"))


def tick(seconds: float, price: float, volume: int, seq: int, **more: object) -> Tick:
    """A tick so many seconds after nine; ``volume`` is the day's total."""
    time = utc_to_ns(OPENS + timedelta(seconds=seconds))
    return Tick(CODE, to_day_number(DAY), seq, time, 0, price, volume, 4e4 * volume, 1e3, **more)  # type: ignore[arg-type]


def minutes(bars: list[BarMessage]) -> list[int]:
    """Their starts in minutes after nine."""
    return [(bar.start - utc_to_ns(OPENS)) // 60_000_000_000 for bar in bars]


TICKS = [tick(10 + 20 * number, 4000 + number % 5, 10 + number, number + 1) for number in range(12)]  # four minutes


def test_without_a_hole_all_bars_but_the_last_are_whole() -> None:
    assert minutes(whole_bars(TICKS, RB, ["1m"])) == [0, 1, 2]
    seen = [*TICKS, tick(6 * 3_600, 4001, 40, 13)]  # 15:00:00
    assert minutes(whole_bars(seen, RB, ["1m"])) == [0, 1, 2, 3, 359]
    settled = [*TICKS, tick(200, 4001, 21, 13, settlement=4002.0)]
    assert minutes(whole_bars(settled, RB, ["1m"])) == [0, 1, 2, 3]
    assert whole_bars([], RB, ["1m"]) == []


def test_a_hole_spoils_the_minutes_that_it_touches() -> None:
    assert minutes(whole_bars([*TICKS[:4], *TICKS[5:]], RB, ["1m"])) == [0, 2]
    assert minutes(whole_bars([*TICKS[:3], *TICKS[5:]], RB, ["1m"])) == [2], "the last tick of a minute may be missing"
    restarted = [*TICKS[:6], *(tick(130 + 20 * number, 4000, 17 + number, (9 << 32) + number) for number in range(6))]
    assert minutes(whole_bars(restarted, RB, ["1m"])) == [0]


def test_a_recording_that_begins_late_tells_nothing_of_its_first_minute() -> None:
    assert minutes(whole_bars(TICKS[1:], RB, ["1m"])) == [1, 2]
    live = [tick(10 + 20 * number, 4000, 10 + number, (9 << 32) + number) for number in range(12)]
    assert minutes(whole_bars(live, RB, ["1m"])) == [0, 1, 2], "a feed counts from 0"


def test_a_stale_tick_is_no_hole_and_its_time_no_end() -> None:
    stale = tick(6 * 3_600, 4001, 40, 5, flags=STALE)
    later = [tick(90 + 20 * number, 4000, 30 + number, 6 + number) for number in range(5)]
    assert minutes(whole_bars([*TICKS[:4], stale, *later], RB, ["1m"])) == [0, 1]


@pytest.mark.parametrize(("told", "expected"), [(4000.0, 1), (float("nan"), 0)])
def test_a_daily_bar_of_the_exchanges_figures_does_not_mind_a_hole(told: float, expected: int) -> None:
    figures = {"open": told, "high": told, "low": told}
    ticks = [tick(10 + 20 * number, 4000, 10 + number, number + 1, **figures) for number in (0, 1, 5)]
    assert whole_bars(ticks, RB, ["1d"]) == [], "the day is not over"
    over = [*ticks, tick(6 * 3_600, 4000, 40, 7, **figures)]
    assert len(whole_bars(over, RB, ["1d"])) == expected


SECONDS = st.integers(-60, 300) | st.integers(74 * 60, 91 * 60)  # around the opening and the break at 10:15
MOMENTS = st.lists(
    st.tuples(SECONDS, st.integers(0, 3), st.integers(3_990, 4_010), st.booleans()), min_size=1, max_size=40
)


@settings(max_examples=100, deadline=None)
@given(moments=MOMENTS)
def test_whatever_is_lost_a_whole_bar_is_that_of_the_full_recording(
    moments: list[tuple[int, int, int, bool]],
) -> None:
    full, kept, volume = [], [], 0
    for number, (second, step, price, is_kept) in enumerate(sorted(moments), start=1):
        volume += step
        full.append(tick(second, price, volume, number))
        kept += full[-1:] if is_kept or number % 3 == 0 else []
    intervals = ["1m", "5m", "30m", "1d"]
    truth = {(bar.interval, bar.start): bar for bar in build_bars(full, RB, intervals) if isinstance(bar, BarMessage)}
    for bar in whole_bars(kept, RB, intervals):
        assert msgspec.structs.replace(truth[bar.interval, bar.start], settlement=0.0) == msgspec.structs.replace(
            bar, settlement=0.0
        )
