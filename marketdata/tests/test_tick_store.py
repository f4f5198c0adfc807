"""Ticks in and out of the database in columns: nothing is lost, nothing is there twice, ends are as told."""

from datetime import UTC, date, datetime
from math import nan
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from marketdata.domain.tick_series import DEPTH_WIDTH, FLOATS, TickSeries
from marketdata.domain.ticks import Tick
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from marketdata.tests.made_ticks import DAY, NINE, tick, ticks
from marketdata.ticks.archive import archive_day
from marketdata.ticks.models import Tick as TickRow
from marketdata.ticks.store import insert_messages, insert_ticks

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

SECOND = date(2024, 1, 2)
LEVELS = tuple(float(number) for number in range(DEPTH_WIDTH))


@pytest.fixture
def rb(db: None) -> Instrument:
    """A contract of steel bars."""
    return ensure_instrument("rb2405.SHFE", SECOND)


@pytest.fixture
def hc(db: None) -> Instrument:
    """A contract of hot rolled coils."""
    return ensure_instrument("hc2405.SHFE", SECOND)


def rows(instrument: Instrument) -> list[str]:
    """The ticks read back, as texts that compare with NaN in them."""
    return [repr(row) for row in TickRow.objects.series(instrument).rows()]


def test_what_was_written_comes_back(rb: Instrument) -> None:
    series = TickSeries.of(rb.code, ticks(rb.code, 1, 50))
    assert insert_ticks({rb: series}) == 50
    assert TickRow.objects.series(rb).checksum() == series.checksum()
    assert TickRow.objects.series(rb).instrument == rb.code


def test_many_instruments_with_and_without_levels_go_together(rb: Instrument, hc: Instrument) -> None:
    mixed = [
        tick(rb.code, 1),
        tick(hc.code, 1, depth=LEVELS, received=0),
        tick(rb.code, 2, depth=LEVELS, last=nan),
        tick(hc.code, 2, flags=7, volume=2**60),
    ]
    assert insert_messages(mixed, {rb.code: rb.pk, hc.code: hc.pk}) == 4
    assert rows(rb) == [repr(mixed[0]), repr(mixed[2])]
    assert rows(hc) == [repr(mixed[1]), repr(mixed[3])]
    stored = TickRow.objects.get(instrument=rb, seq=2)
    assert (stored.last, stored.ask_price, stored.close) == (None, 4001.0, None), "what is unknown is null"


def test_a_tick_that_is_stored_is_left_alone(rb: Instrument) -> None:
    keys = {rb.code: rb.pk}
    first = ticks(rb.code, 1, 10)
    insert_messages(first, keys)
    assert insert_messages(ticks(rb.code, 5, 14, last=1.0), keys) == 4
    assert insert_messages([tick(rb.code, 20), tick(rb.code, 20)], keys) == 1, "the same one twice in a batch"
    assert insert_messages(first, keys) == 0
    assert rows(rb)[:10] == [repr(one) for one in first]
    assert TickRow.objects.series(rb).seq.tolist() == [*range(1, 15), 20]


def test_days_and_instants_bound_what_is_read(rb: Instrument) -> None:
    days = [tick(rb.code, seq, day=day) for day in (DAY + 1, DAY + 2, DAY + 33) for seq in (1, 2, 3)]
    insert_messages(days, {rb.code: rb.pk})
    read = TickRow.objects.series(rb, SECOND, date(2024, 1, 3))
    assert read.trading_day.tolist() == [DAY + 1] * 3 + [DAY + 2] * 3
    second = datetime.fromtimestamp((NINE + 1_000_000_000) / 1e9, UTC)
    third = datetime.fromtimestamp((NINE + 1_500_000_000) / 1e9, UTC)
    assert TickRow.objects.series(rb, second, third).seq.tolist() == [2], "the end is not included"
    assert len(TickRow.objects.series(rb, date(2024, 1, 4), date(2024, 1, 31))) == 0


@pytest.mark.parametrize("limit", [0, 1, 4, 100])
def test_a_limit_takes_the_first_or_the_newest(rb: Instrument, limit: int) -> None:
    insert_messages([tick(rb.code, seq, day=DAY + day) for day in (2, 1) for seq in (2, 1, 3)], {rb.code: rb.pk})
    everything = [(DAY + day, seq) for day in (1, 2) for seq in (1, 2, 3)]

    def keys(read: TickSeries) -> list[tuple[int, int]]:
        return list(zip(read.trading_day.tolist(), read.seq.tolist(), strict=True))

    assert keys(TickRow.objects.series(rb, limit=limit)) == everything[:limit]
    assert keys(TickRow.objects.newest(rb, limit)) == everything[max(0, 6 - limit) :]


@pytest.mark.parametrize("limit", [0, 1, 5, 6, 9, 100])
def test_limits_count_rows_and_files_together(rb: Instrument, limit: int, settings: Any, tmp_path: Path) -> None:
    """The second of three days is in a file; a tick that came late for it is a row again."""
    settings.TICK_DIR = tmp_path
    keys = {rb.code: rb.pk}
    everything = [tick(rb.code, seq, day=DAY + day) for day in (1, 2, 3) for seq in (1, 2, 3)]
    insert_messages([one for one in everything if one != everything[4]], keys)
    archive_day(rb, date(2024, 1, 2))
    assert TickRow.objects.filter(trading_day=date(2024, 1, 2)).count() == 0
    insert_messages(everything[3:6], keys)
    expected = [repr(one) for one in everything]
    assert [repr(one) for one in TickRow.objects.series(rb, limit=limit).rows()] == expected[:limit]
    assert [repr(one) for one in TickRow.objects.newest(rb, limit).rows()] == expected[max(0, 9 - limit) :]
    moment = datetime.fromtimestamp(everything[4].time / 1e9, UTC)
    assert [repr(one) for one in TickRow.objects.series(rb, moment, limit=limit).rows()] == expected[4:][:limit]


ZEROS_ALIKE = st.floats(min_value=-1e12, max_value=1e12, allow_subnormal=False).map(lambda value: value + 0.0)
"""SQLite keeps no sign of zero, and the checksum makes no difference."""
FIGURE = st.one_of(st.just(nan), ZEROS_ALIKE)
LONG = st.integers(min_value=0, max_value=2**62)


@tries(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.lists(FIGURE, min_size=len(FLOATS), max_size=len(FLOATS)), LONG, LONG, st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_any_tick_comes_back_as_it_was(rb: Instrument, made: list[tuple[Any, int, int, bool]]) -> None:
    """Every pattern of nulls in one batch, to the last bit."""
    batch = [
        Tick(
            instrument=rb.code,
            trading_day=DAY + 1 + number % 3,
            seq=number,
            time=NINE + number * 1_000,
            received=number % 2 * NINE,
            volume=volume,
            bid_volume=other,
            flags=number % 8,
            depth=LEVELS if deep else None,
            **dict(zip(FLOATS, figures, strict=True)),
        )
        for number, (figures, volume, other, deep) in enumerate(made)
    ]
    with transaction.atomic():
        assert insert_messages(batch, {rb.code: rb.pk}) == len(batch)
        assert rows(rb) == [repr(one) for one in sorted(batch, key=lambda one: (one.trading_day, one.seq))]
        transaction.set_rollback(True)
