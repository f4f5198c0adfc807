"""Bars of any interval: stored ones, else put together, whole at both ends of any range and at every seam."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pytest

from accounts.models import User
from marketdata import series_cache
from marketdata.bar_rows import Boundary
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.domain.resample import resample
from marketdata.klines import get_kline_data, read_klines
from marketdata.live_models import InstrumentFeed, RecorderPosition
from marketdata.models import Instrument
from marketdata.tests.stored_bars import Made, made_minutes, put
from quantsite.common.errors import MissingError, RefusedError, RuleError
from quantsite.common.times import NS_PER_MINUTE, ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.embedded, pytest.mark.usefixtures("own_bar_cache")]

FIRST, LAST = date(2024, 1, 10), date(2024, 1, 19)


@pytest.fixture
def made(db: None) -> Made:
    """Eight days of made-up minutes with their nights, every sixth one missing."""
    return made_minutes("simrb88.SIM", FIRST, LAST, kept=0.83)


def same(one: BarSeries, other: BarSeries) -> bool:
    """Equal to the last bit."""
    return one.interval == other.interval and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("start", "trading_day", *VALUE_COLUMNS)
    )


def cut(bars: BarSeries, start: Boundary, end: Boundary, limit: int | None) -> BarSeries:
    """What a range means, one bar at a time."""
    rows = []
    for row, (instant, number) in enumerate(zip(bars.start.tolist(), bars.trading_day.tolist(), strict=True)):
        moment, day = ns_to_utc(instant), from_day_number(number)
        late = start is not None and (moment < start if isinstance(start, datetime) else day < start)
        early = end is not None and (moment >= end if isinstance(end, datetime) else day > end)
        if not (late or early):
            rows.append(row)
    return bars.take(np.array(rows[-limit:] if limit else rows, dtype=np.int64))


def drawn_boundary(chance: Random, bars: BarSeries) -> Boundary:
    """Nothing, a day, or an instant that mostly lies inside a bar; all also outside of what is stored."""
    kind = chance.randrange(3)
    if kind == 0:
        return None
    if kind == 1:
        return FIRST + timedelta(days=chance.randrange(-2, 14))
    instant = int(bars.start[chance.randrange(len(bars))]) + chance.randrange(-3, 4) * NS_PER_MINUTE * 7
    return ns_to_utc(instant)


@pytest.mark.parametrize("interval", ["3m", "5m", "7m", "15m", "1h", "2h", "1d"])
def test_any_range_is_a_part_of_the_whole_put_together(made: Made, interval: str) -> None:
    instrument, table, minutes = made
    put(instrument, minutes)
    whole = resample(minutes, table, interval)
    chance = Random(interval)  # noqa: S311 - the same ranges every time
    for _try in range(25):
        start, end = drawn_boundary(chance, minutes), drawn_boundary(chance, minutes)
        limit = chance.choice([None, 1, 2, 5, 40, 100_000])
        found = read_klines(instrument, interval, start, end, limit)
        assert same(found.bars, cut(whole, start, end, limit)), (start, end, limit)
        assert sum(part.bars for part in found.basis.parts) == len(found.bars)
        assert {part.interval for part in found.basis.parts} <= {"1m"}


def test_ranges_outside_of_the_calendar_are_empty(made: Made) -> None:
    instrument, _table, minutes = made
    put(instrument, minutes)
    for day in (date(1950, 1, 1), datetime(1950, 1, 1, tzinfo=UTC)):
        assert len(read_klines(instrument, "5m", end=day).bars) == 0
        assert len(read_klines(instrument, "1d", start=day, end=day, limit=3).bars) == 0
    for day in (date(2190, 1, 1), datetime(2190, 1, 1, tzinfo=UTC)):
        assert len(read_klines(instrument, "5m", start=day).bars) == 0
        assert len(read_klines(instrument, "1d", end=day, limit=3).bars) == 3


def test_stored_bars_are_given_as_they_are(made: Made) -> None:
    instrument, table, minutes = made
    five = resample(minutes, table, "5m")
    stored = five.take(slice(0, None, 2))
    put(instrument, stored)
    put(instrument, minutes.between(None, int(stored.start[-1])))
    found = read_klines("simrb88.SIM", "5m")
    assert same(found.bars, stored), "a hole in stored bars is theirs"
    assert [part.interval for part in found.basis.parts] == ["5m"]
    assert same(get_kline_data(None, instrument, "5m", limit=3), stored.take(slice(-3, None)))


def test_the_finest_interval_that_divides_is_taken(made: Made) -> None:
    instrument, table, minutes = made
    put(instrument, resample(minutes, table, "5m"))
    put(instrument, resample(minutes, table, "3m"))
    for interval, source in (("15m", "3m"), ("10m", "5m"), ("6m", "3m"), ("1d", "3m")):
        found = read_klines(instrument, interval)
        assert [part.interval for part in found.basis.parts] == [source]
        assert same(found.bars, resample(resample(minutes, table, source), table, interval))
    nothing = read_klines(instrument, "7m")
    assert (len(nothing.bars), nothing.bars.interval, nothing.basis.parts) == (0, "7m", ())


def split(bars: BarSeries, day: date) -> tuple[BarSeries, BarSeries]:
    """The bars before a trading day, and those from it on."""
    number = (day - date(1970, 1, 1)).days
    return bars.take(bars.trading_day < number), bars.take(bars.trading_day >= number)


@pytest.mark.parametrize("limit", [None, 20, 300])
def test_what_stored_bars_do_not_reach_is_joined_from_finer_ones(made: Made, limit: int | None) -> None:
    """Imported in the middle, recorded by the minute before and after, with overlaps on both sides."""
    instrument, table, minutes = made
    five = resample(minutes, table, "5m")
    middle = split(split(five, date(2024, 1, 17))[0], date(2024, 1, 12))[1]
    marked = BarSeries("x", "5m", middle.start, middle.trading_day, *[column(middle, name) for name in VALUE_COLUMNS])
    put(instrument, marked)
    put(instrument, minutes)
    found = read_klines(instrument, "5m", limit=limit)
    before, after = split(five, date(2024, 1, 12))[0], split(five, date(2024, 1, 17))[1]
    expected = np.concatenate((before.volume, middle.volume + 1, after.volume))
    assert found.bars.volume.tolist() == expected[-(limit or len(expected)) :].tolist()
    assert found.bars.start.tolist() == five.start[-(limit or len(five)) :].tolist()
    sources = [part.interval for part in found.basis.parts]
    assert sources == (["1m", "5m", "1m"] if limit is None else ["1m"] if limit == 20 else sources)
    assert found.basis.parts[-1].last == five.start[-1]


def column(bars: BarSeries, name: str) -> Any:
    """The column, volume with one lot more: such a bar is known for a stored one."""
    return getattr(bars, name) + (name == "volume")


def test_a_bar_at_a_seam_is_taken_from_the_side_that_has_all_of_it(made: Made) -> None:
    """Minutes recorded until 10:07, bars of five minutes imported over the day: the quarter from 10:00 is whole."""
    instrument, table, minutes = made
    stop = datetime(2024, 1, 16, 2, 7, tzinfo=UTC)
    put(instrument, minutes.between(None, int(stop.timestamp()) * 10**9))
    put(instrument, resample(minutes, table, "5m"))
    found = read_klines(instrument, "15m")
    assert same(found.bars, resample(minutes, table, "15m"))
    assert [part.interval for part in found.basis.parts] == ["1m", "5m"]
    assert ns_to_utc(found.basis.parts[1].first) == datetime(2024, 1, 16, 2, tzinfo=UTC)


def test_a_bar_at_the_front_seam_is_whole_too(made: Made) -> None:
    """Minutes recorded from 10:07 on, with bars of five minutes from long before."""
    instrument, table, minutes = made
    begun = datetime(2024, 1, 16, 2, 7, tzinfo=UTC)
    put(instrument, minutes.between(int(begun.timestamp()) * 10**9, None))
    put(instrument, resample(minutes, table, "5m").between(None, int(begun.timestamp()) * 10**9 + 8 * NS_PER_MINUTE))
    found = read_klines(instrument, "15m")
    assert same(found.bars, resample(minutes, table, "15m"))
    assert [part.interval for part in found.basis.parts] == ["5m", "1m"]


def watch(instrument: Instrument, now: datetime) -> None:
    """The instrument is recorded from a feed whose market clock stands at ``now``."""
    InstrumentFeed.objects.update_or_create(instrument=instrument, defaults={"source": "test", "epoch": 1})
    RecorderPosition.objects.update_or_create(source="test", defaults={"stream_id": "1-1", "market_time": now})


def test_a_bar_that_the_market_clock_has_not_ended_is_left_out(made: Made) -> None:
    instrument, table, minutes = made
    stop = datetime(2024, 1, 16, 2, 7, tzinfo=UTC)
    put(instrument, minutes.between(None, int(stop.timestamp()) * 10**9))
    quarter = int(stop.replace(minute=0).timestamp()) * 10**9

    def newest(interval: str) -> int:
        return int(read_klines(instrument, interval, limit=1).bars.start[-1])

    assert newest("15m") == quarter, "no feed: nothing more will come"
    watch(instrument, stop)
    assert newest("15m") == quarter - 15 * NS_PER_MINUTE
    assert newest("1d") == table.grid(date(2024, 1, 15), None)[0]
    watch(instrument, stop.replace(minute=15, second=30))
    assert newest("15m") == quarter, "its minutes had no trade"
    assert newest("1d") == table.grid(date(2024, 1, 15), None)[0]
    watch(instrument, stop.replace(hour=7, minute=1))
    assert newest("1d") == table.grid(date(2024, 1, 16), None)[0]


def test_a_bar_is_there_as_soon_as_its_last_part_is(made: Made) -> None:
    whole = made_minutes("simrb88.SIM", FIRST, LAST)[2]
    stop = datetime(2024, 1, 16, 2, 15, tzinfo=UTC)
    put(made[0], whole.between(None, int(stop.timestamp()) * 10**9))
    watch(made[0], stop)
    assert read_klines(made[0], "15m", limit=1).bars.start[-1] == int(stop.replace(minute=0).timestamp()) * 10**9


def test_minutes_that_are_a_part_of_a_bar_ahead_cost_nothing(made: Made, django_assert_num_queries: Any) -> None:
    """As a recorder leaves it: bars of all intervals, the minutes ahead of them; the hours are not even asked for."""
    instrument, table, minutes = made
    now = int(datetime(2024, 1, 18, 14, 7, tzinfo=UTC).timestamp()) * 10**9
    minutes = minutes.between(None, now)
    put(instrument, minutes)
    for interval in ("5m", "1d"):
        put(instrument, resample(minutes, table, interval).take(slice(0, -1)))
    for interval in ("1m", "5m", "1d"):
        with django_assert_num_queries(3):
            found = read_klines(instrument, interval, limit=2)
        assert [part.interval for part in found.basis.parts] == [interval]


@pytest.mark.parametrize(("interval", "behind"), [("5m", 2), ("15m", 2), ("1d", 2)])
def test_a_whole_bar_ahead_is_joined(made: Made, interval: str, behind: int) -> None:
    instrument = made[0]
    _instrument, table, minutes = made_minutes("simrb88.SIM", FIRST, LAST)
    whole = resample(minutes, table, interval)
    put(instrument, minutes.between(None, int(whole.start[-1])))
    put(instrument, whole.take(slice(0, len(whole) - behind)))
    found = read_klines(instrument, interval)
    assert same(found.bars, whole.take(slice(0, -1)))
    assert [part.bars for part in found.basis.parts] == [len(whole) - 2, 1]


def test_a_mapped_series_and_rows_give_the_same(made: Made, django_assert_num_queries: Any) -> None:
    instrument, _table, minutes = made
    put(instrument, minutes)
    from_rows = [read_klines(instrument, interval, limit=50).bars for interval in ("1m", "5m", "1d")]
    whole = read_klines(instrument, "1m").bars
    assert series_cache.current(instrument, "1m") is not None
    with django_assert_num_queries(2) as queries:
        mapped = read_klines(instrument, "1m", limit=50).bars
    assert not [query for query in queries.captured_queries if '"marketdata_bar"' in query["sql"]]
    assert same(mapped, from_rows[0])
    assert same(whole, minutes.take(slice(None)))
    assert same(read_klines(instrument, "5m", limit=50).bars, from_rows[1])
    assert same(read_klines(instrument, "1d", limit=50).bars, from_rows[2])


def test_who_may_ask_and_what_for(made: Made, alice: User, charlie: User) -> None:
    instrument, _table, minutes = made
    put(instrument, minutes)
    assert len(get_kline_data(alice, "simrb88.SIM", "90m", limit=2)) == 2
    with pytest.raises(RefusedError):
        get_kline_data(charlie, instrument, "5m")
    with pytest.raises(MissingError):
        get_kline_data(alice, "rb2406.SHFE", "5m")
    with pytest.raises(RuleError, match="no bar interval"):
        get_kline_data(alice, instrument, "5")
