"""Bars in and out of the database in columns: nothing is lost, ends are as told, the key holds."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata import bar_store
from marketdata.bar_rows import Boundary
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.instruments import ensure_instrument, session_table
from marketdata.locks import lock_bars
from marketdata.models import Bar, Instrument
from marketdata.services import BarImportOptions, import_bars
from quantsite.common.times import utc_to_ns

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FIRST, LAST = date(2023, 12, 25), date(2024, 1, 12)


@pytest.fixture
def rb(db: None) -> Instrument:
    """A contract of steel bars."""
    return ensure_instrument("rb2405.SHFE", FIRST)


def made(rb: Instrument, minutes: int = 30) -> BarSeries:
    """Bars on every place of the session grid from FIRST to LAST, some figures unknown."""
    start, day = session_table(rb.product).grid_between(FIRST, LAST, minutes)
    count = np.arange(len(start), dtype=np.float64)
    turnover = np.where(count % 3 == 0, np.nan, count * 1e6)
    interest = np.where(count % 5 == 0, np.nan, count)
    low = 4000 + count
    return BarSeries(rb.code, f"{minutes}m", start, day, low + 1, low + 2, low, low + 1, count, turnover, interest)


def store(bars: BarSeries, rb: Instrument) -> None:
    """Write new bars as a service does."""
    with transaction.atomic():
        bar_store.insert(bars, lock_bars(rb, bars.interval))


def test_what_was_written_comes_back(rb: Instrument) -> None:
    bars = made(rb)
    store(bars, rb)
    read = Bar.objects.series(rb, "30m")
    assert read.data_hash() == bars.data_hash()
    assert (read.instrument, read.interval) == ("rb2405.SHFE", "30m")
    assert len(Bar.objects.series(rb, "5m")) == 0


def test_bars_written_out_of_order_come_back_in_order(rb: Instrument) -> None:
    bars = made(rb)
    store(bars.take(slice(100, None)), rb)
    store(bars.take(slice(0, 100)), rb)
    assert Bar.objects.series(rb, "30m").data_hash() == bars.data_hash()


def test_dates_are_trading_days_and_both_count(rb: Instrument) -> None:
    bars = made(rb)
    store(bars, rb)
    read = Bar.objects.series(rb, "30m", date(2024, 1, 8), date(2024, 1, 9))
    days = sorted(set(read.trading_day.astype("datetime64[D]").astype(str).tolist()))
    assert days == ["2024-01-08", "2024-01-09"]
    assert read.start[0] == np.datetime64("2024-01-05T13:00:00", "ns").astype(np.int64), "Friday 21:00 in Shanghai"
    assert len(Bar.objects.series(rb, "30m", date(2024, 1, 6), date(2024, 1, 7))) == 0


def test_instants_are_starts_and_the_end_does_not_count(rb: Instrument) -> None:
    bars = made(rb)
    store(bars, rb)
    first, last = datetime(2024, 1, 5, 13, tzinfo=UTC), datetime(2024, 1, 8, 1, 30, tzinfo=UTC)
    read = Bar.objects.series(rb, "30m", first, last)
    expected = bars.between(int(first.timestamp()) * 10**9, int(last.timestamp()) * 10**9)
    assert read.data_hash() == expected.data_hash()
    assert len(read) == 5


@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_the_newest_bars_ascend_too(rb: Instrument, limit: int) -> None:
    bars = made(rb)
    store(bars, rb)
    end = date(2024, 1, 9)
    inside = bars.take(bars.trading_day <= (end - date(1970, 1, 1)).days)
    expected = inside.take(slice(max(0, len(inside) - limit), None))
    assert Bar.objects.newest(rb, "30m", limit, end=end).data_hash() == expected.data_hash()


def test_two_instruments_and_intervals_do_not_mix(rb: Instrument) -> None:
    other = ensure_instrument("rb2410.SHFE", FIRST)
    store(made(rb), rb)
    store(made(other), other)
    store(made(rb, 15), rb)
    assert len(Bar.objects.series(rb, "30m")) == len(made(rb))
    assert len(Bar.objects.series(rb, "15m")) == len(made(rb, 15))


def test_one_key_one_bar(rb: Instrument) -> None:
    bars = made(rb)
    store(bars, rb)
    with pytest.raises(IntegrityError), transaction.atomic():
        bar_store.insert(bars.take(slice(0, 1)), lock_bars(rb, "30m"))


def test_compare_tells_new_same_and_different(rb: Instrument) -> None:
    bars = made(rb)
    store(bars.take(slice(0, 50)), rb)
    changed = bars.take(np.arange(40, 60))
    changed.close[:2] += 0.5
    changed.turnover[2] = 1.0
    with transaction.atomic():
        found = bar_store.compare(changed, lock_bars(rb, "30m"))
    assert found.different.tolist() == [0, 1, 2]
    assert found.unchanged.tolist() == list(range(3, 10))
    assert found.new.tolist() == list(range(10, 20))
    assert found.stored.close.tolist() == bars.close[40:43].tolist()


def many_years(rb: Instrument) -> BarSeries:
    """Two bars a month from before the first year's partition to after the last one's, with odd numbers in them."""
    months = np.arange("1998-11", "2037-03", dtype="datetime64[M]").astype("datetime64[D]")
    day = np.sort(np.concatenate([months, months + 16])).astype(np.int32)
    start = day.astype(np.int64) * 86_400 * 10**9 - 3 * 3_600 * 10**9  # the evening before
    numbers = np.random.default_rng(5).standard_normal((len(VALUE_COLUMNS), len(day))) * 1e9
    numbers[:4, ::7] = [[-0.0], [1e-300], [5e-324], [0.1]]
    numbers[4] = np.floor(np.abs(numbers[4]))
    numbers[5, ::3], numbers[6, ::5] = np.nan, np.nan
    return BarSeries(rb.code, "1d", start, day, *numbers)


def by_objects(rb: Instrument, start: Boundary, end: Boundary) -> BarSeries:
    """What Django's own rows give for the same range."""
    rows = Bar.objects.filter(instrument=rb, interval="1d").order_by("start")
    if start is not None:
        rows = rows.filter(start__gte=start) if isinstance(start, datetime) else rows.filter(trading_day__gte=start)
    if end is not None:
        rows = rows.filter(start__lt=end) if isinstance(end, datetime) else rows.filter(trading_day__lte=end)
    values = [[getattr(row, name) for row in rows] for name in VALUE_COLUMNS]
    columns = [np.array([np.nan if one is None else one for one in column], dtype=np.float64) for column in values]
    moments = np.array([utc_to_ns(row.start) for row in rows], dtype=np.int64)
    days = np.array([to_day_number(row.trading_day) for row in rows], dtype=np.int32)
    return BarSeries(rb.code, "1d", moments, days, *columns)


RANGES: list[tuple[Boundary, Boundary]] = [
    (None, None),
    (date(2004, 5, 1), None),
    (None, date(2019, 12, 31)),
    (date(2004, 1, 1), date(2004, 12, 31)),
    (date(2004, 12, 31), date(2005, 1, 1)),
    (date(1998, 1, 1), date(1999, 12, 31)),
    (date(2036, 1, 1), None),
    (datetime(2010, 12, 31, 21, tzinfo=UTC), datetime(2013, 12, 31, 21, tzinfo=UTC)),
    (datetime(2034, 6, 1, tzinfo=UTC), date(2036, 6, 1)),
    (date(2020, 1, 2), date(2020, 1, 3)),
    (date(2021, 1, 1), date(2019, 1, 1)),
]


@pytest.mark.parametrize(("start", "end"), RANGES)
def test_columns_are_the_rows_to_the_last_bit(rb: Instrument, start: Boundary, end: Boundary) -> None:
    bars = many_years(rb)
    store(bars.take(slice(400, None)), rb)
    store(bars.take(slice(0, 400)), rb)
    read, expected = Bar.objects.series(rb, "1d", start, end), by_objects(rb, start, end)
    for name in ("start", "trading_day", *VALUE_COLUMNS):
        assert getattr(read, name).tobytes() == getattr(expected, name).tobytes(), name
    newest = Bar.objects.newest(rb, "1d", 30, start, end)
    assert newest.data_hash() == expected.take(slice(-30, None)).data_hash()


PRICE = st.integers(min_value=1, max_value=10**6)
ROW = st.tuples(
    st.lists(PRICE, min_size=4, max_size=4),
    st.integers(min_value=0, max_value=2**53),
    st.one_of(st.none(), st.floats(min_value=0, max_value=1e15, allow_subnormal=False)),
    st.one_of(st.none(), st.integers(min_value=0, max_value=10**9)),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=40), first=st.integers(min_value=0, max_value=300))
def test_any_sound_file_comes_back_as_it_was(rb: Instrument, tmp_path: Path, rows: list, first: int) -> None:
    """CSV text -> rows -> columns of the database -> the same numbers, to the last bit."""
    start, _day = session_table(rb.product).grid_between(FIRST, LAST, 5)
    chosen = start[first : first + len(rows)]
    moments = (chosen // 10**9 + 8 * 3600).astype("datetime64[s]").astype(str)
    lines = ["datetime,open,high,low,close,volume,turnover,open_interest"]
    expected = []
    for moment, (prices, volume, turnover, interest) in zip(moments, rows, strict=True):
        cells = [prices[0], max(prices), min(prices), prices[3], volume, turnover, interest]
        lines.append(f"{moment}," + ",".join("" if cell is None else repr(cell) for cell in cells))
        expected.append([np.nan if cell is None else float(cell) for cell in cells])
    path = tmp_path / "any.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with transaction.atomic():
        outcome = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("start"))
        read = Bar.objects.series(rb, "5m")
        transaction.set_rollback(True)
    assert outcome.stored == len(rows)
    assert read.start.tolist() == chosen.tolist()
    got = np.array([bar[2:] for bar in read.rows()])
    np.testing.assert_array_equal(got, np.array(expected))
