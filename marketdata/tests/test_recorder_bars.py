"""Bars of the stream in the table of bars: what gives way to what, and that the coverage tells the truth."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from math import nan
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketdata import series_cache
from marketdata.bar_store import refresh
from marketdata.domain.ticks import BarMessage
from marketdata.instruments import ensure_instrument
from marketdata.live_models import BarNote
from marketdata.models import Bar, BarCoverage, Instrument
from marketdata.recording.bars import BarCounts, store_bars
from marketdata.services import BarImportOptions, import_bars
from marketdata.tests.bar_csv import write_bars
from marketdata.tests.made_ticks import DAY, NINE
from quantsite.common.times import NS_PER_MINUTE, ns_to_utc

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

CODES = ("rb2405.SHFE", "hc2405.SHFE", "TA405.CZCE")


@pytest.fixture
def keys(db: None) -> dict[str, int]:
    """Three contracts, by code."""
    return {code: ensure_instrument(code, date(2024, 1, 2)).pk for code in CODES}


def bar(code: str, minute: int = 0, *, interval: str = "1m", close: float = 4000.0, **given: object) -> BarMessage:
    """The bar of one of the minutes after nine."""
    figures: dict[str, object] = {"turnover": 8e5, "open_interest": 1e6, **given}
    return BarMessage(
        code,
        interval,
        NINE + minute * NS_PER_MINUTE,
        DAY + 1,
        4000.0,
        4002.0,
        3999.0,
        close,
        20,
        **figures,  # type: ignore[arg-type]
    )


def closes(code: str, interval: str = "1m") -> list[float]:
    """The closes as they are stored."""
    closes: list[float] = Bar.objects.series(Instrument.objects.get(code=code), interval).close.tolist()
    return closes


def check_coverage() -> None:
    """Every row of coverage says what counting says."""
    for row in BarCoverage.objects.all():
        told = {name: getattr(row, name) for name in ("bars", "first_start", "last_start", "first_day", "last_day")}
        refresh(row)
        assert told == {name: getattr(row, name) for name in told}


def test_the_minute_of_many_instruments_is_stored_and_covered(keys: dict[str, int]) -> None:
    bars = [bar(code, minute, turnover=nan) for minute in (1, 0) for code in CODES]
    assert store_bars([*bars, bar(CODES[0], 5, final=False)], keys) == BarCounts(new=6)
    assert [closes(code) for code in CODES] == [[4000.0, 4000.0]] * 3
    assert BarCoverage.objects.count() == 3
    check_coverage()
    assert store_bars(bars, keys) == BarCounts(unchanged=6)


def test_a_complete_bar_takes_the_place_of_one_that_differs(keys: dict[str, int]) -> None:
    store_bars([bar(code) for code in CODES], keys)
    series, before = series_cache.load(Instrument.objects.get(code=CODES[0]), "1m")
    assert store_bars([bar(CODES[0], close=4001.0), bar(CODES[1])], keys) == BarCounts(replaced=1, unchanged=1)
    assert (closes(CODES[0]), closes(CODES[1])) == ([4001.0], [4000.0])
    revisions = dict(BarCoverage.objects.values_list("instrument__code", "revision"))
    assert revisions == {CODES[0]: 2, CODES[1]: 1, CODES[2]: 1}, "only what changed is read anew"
    again, after = series_cache.load(Instrument.objects.get(code=CODES[0]), "1m")
    assert (again.close.tolist(), after == before, series.close.tolist()) == ([4001.0], False, [4000.0])
    check_coverage()


def test_a_partial_bar_gives_way_and_leaves_a_note_meanwhile(keys: dict[str, int]) -> None:
    store_bars([bar(CODES[0], 0)], keys)
    partial = [bar(CODES[0], minute, close=3999.0, partial=True) for minute in (0, 1)]
    assert store_bars(partial, keys) == BarCounts(new=1, left_out=1)
    assert closes(CODES[0]) == [4000.0, 3999.0]
    note = BarNote.objects.get()
    assert (note.instrument.code, note.interval, note.start, note.kind) == (
        CODES[0],
        "1m",
        ns_to_utc(NINE + NS_PER_MINUTE),
        "partial",
    )
    assert store_bars(partial, keys) == BarCounts(left_out=2)
    assert store_bars([bar(CODES[0], 1)], keys) == BarCounts(replaced=1)
    assert (closes(CODES[0]), BarNote.objects.count()) == ([4000.0, 4000.0], 0)
    check_coverage()


def test_the_complete_bar_wins_in_one_batch_too(keys: dict[str, int]) -> None:
    store_bars([bar(CODES[0], close=3998.0), bar(CODES[0], close=3999.0, partial=True)], keys)
    assert (closes(CODES[0]), BarNote.objects.count()) == ([3998.0], 0)


def test_the_number_of_statements_does_not_grow_with_the_instruments(keys: dict[str, int]) -> None:
    def statements(codes: tuple[str, ...], minute: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            store_bars([bar(code, minute) for code in codes], keys)
        return len([one for one in seen.captured_queries if "SAVEPOINT" not in one["sql"]])

    store_bars([bar(code) for code in CODES], keys)
    assert statements(CODES, 1) == statements(CODES[:1], 2)


PLACES = st.tuples(st.sampled_from(CODES[:2]), st.integers(0, 3), st.sampled_from(["1m", "5m"]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(PLACES, st.booleans(), st.integers(0, 2)), max_size=6), max_size=5))
def test_whatever_comes_the_table_is_as_the_rule_says(keys: dict[str, int], batches: list) -> None:
    BarCoverage.objects.all().delete()
    Bar.objects.all().delete()
    BarNote.objects.all().delete()
    expected: dict[tuple[str, int, str], tuple[float, bool]] = {}
    for batch in batches:
        store_bars([bar(code, m, interval=name, close=4000.0 + c, partial=p) for (code, m, name), p, c in batch], keys)
        # In one batch a complete bar wins over every partial one, and the last over the earlier ones.
        for place, partial, step in sorted(batch, key=lambda one: not one[1]):
            known = expected.get(place)
            if not partial or known is None or (known[1] and place not in before(batches, batch)):
                expected[place] = (4000.0 + step, partial)
    found = {
        (row.instrument.code, (row.start - ns_to_utc(NINE)).seconds // 60, row.interval): row.close
        for row in Bar.objects.select_related("instrument")
    }
    assert found == {place: close for place, (close, _partial) in expected.items()}
    assert BarNote.objects.count() == sum(partial for _close, partial in expected.values())
    check_coverage()


def before(batches: list, batch: list) -> set[tuple[str, int, str]]:
    """The places of the batches before this one."""
    at = next(number for number, one in enumerate(batches) if one is batch)
    return {place for one in batches[:at] for place, _partial, _step in one}


@pytest.mark.django_db(transaction=True)
def test_imports_and_the_stream_at_once_add_up(tmp_path: Path) -> None:
    keys = {code: ensure_instrument(code, date(2024, 1, 2)).pk for code in CODES}
    barrier = Barrier(4)

    def imported(first: int) -> None:
        rows = [f"2024-01-02 09:{minute:02d}:00,4000,4002,3999,4000,20,800000,1000000" for minute in range(first, 50)]
        header = "datetime,open,high,low,close,volume,turnover,open_interest"
        path = write_bars(tmp_path / f"{first}.csv", *rows, header=header)
        barrier.wait()
        import_bars(None, path, CODES[0], "1m", BarImportOptions("start"))

    def streamed(first: int) -> None:
        barrier.wait()
        for minute in range(first, 60, 2):
            store_bars([bar(code, minute) for code in CODES], keys)

    def closed(work: object, first: int) -> None:
        try:
            work(first)  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(closed, *job) for job in ((imported, 0), (imported, 20), (streamed, 0), (streamed, 1))]
        for job in jobs:
            job.result()
    assert [len(closes(code)) for code in CODES] == [60, 60, 60]
    check_coverage()
