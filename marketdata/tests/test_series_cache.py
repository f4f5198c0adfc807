"""The bar cache gives what the database gives, notices every change, and never stands in the way."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import structlog
from django.db import connection, transaction
from prometheus_client.parser import text_string_to_metric_families

from marketdata import bar_store, series_cache
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.locks import lock_bars
from marketdata.models import Bar, BarCoverage, Instrument
from marketdata.series_files import BYTES_A_BAR, HEADER_BYTES, SeriesFolder
from marketdata.services import BarImportOptions, import_bars, store_simulated_bars
from marketdata.tests.bar_csv import SOUND, write_bars
from quantsite.web.metrics import exposition

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 31)


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, settings: Any) -> Path:
    """A folder of its own for each test, and a process that remembers nothing."""
    settings.BAR_CACHE_DIR = tmp_path / "cache" / "bars"
    series_cache.forget()
    return tmp_path / "cache" / "bars"


@pytest.fixture
def sim(db: None) -> Instrument:
    """A month of made-up bars."""
    return store_simulated_bars(None, first=FIRST, last=LAST, seed=1).instrument


def counts() -> dict[str, int]:
    """Loads by outcome."""
    return series_cache.folder().counts()


def same(one: BarSeries, other: BarSeries) -> bool:
    """Whether two series are equal to the last bit, names included."""
    columns = ("start", "trading_day", *VALUE_COLUMNS)
    return (one.instrument, one.interval) == (other.instrument, other.interval) and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in columns
    )


def mapped_file(column: np.ndarray) -> bool:
    """Whether the numbers lie in a mapped file: the last base of the array is no array."""
    base: Any = column
    while isinstance(base, np.ndarray):
        base = base.base
    return base is not None


def test_the_file_gives_what_the_database_gives(sim: Instrument, cache_dir: Path) -> None:
    stored = Bar.objects.series(sim, "5m")
    for _load in range(3):
        bars, data_hash = series_cache.load(sim, "5m")
        assert same(bars, stored)
        assert data_hash == stored.data_hash()
        assert mapped_file(bars.close)
    assert counts() == {"hit": 2, "miss": 1, "damaged": 0, "unwritable": 0}
    assert [path.name for path in cache_dir.glob("*.bars")] == [f"{stored.data_hash()}.bars"]
    assert BarCoverage.objects.get(instrument=sim).data_hash == stored.data_hash()


def test_a_current_file_is_taken_without_reading_rows(sim: Instrument, django_assert_num_queries: Any) -> None:
    series_cache.load(sim, "5m")
    series_cache.forget()
    with django_assert_num_queries(1) as queries:
        series_cache.load(sim, "5m")
    assert "marketdata_bar " not in queries.captured_queries[0]["sql"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2024, 1, 8), date(2024, 1, 9)),
        (date(2024, 1, 6), date(2024, 1, 7)),
        (None, date(2024, 1, 10)),
        (date(2024, 1, 20), None),
        (datetime(2024, 1, 5, 13, tzinfo=UTC), datetime(2024, 1, 8, 1, 30, tzinfo=UTC)),
        (datetime(2024, 1, 8, 1, 30, tzinfo=UTC), date(2024, 1, 8)),
        (date(2030, 1, 1), None),
        (date(2024, 1, 9), date(2024, 1, 8)),
    ],
)
def test_a_part_is_the_databases_part_and_shares_memory(sim: Instrument, start: Any, end: Any) -> None:
    expected = Bar.objects.series(sim, "5m", start, end)
    whole, _hash = series_cache.load(sim, "5m")
    bars, data_hash = series_cache.load(sim, "5m", start, end)
    assert same(bars, expected)
    assert data_hash == expected.data_hash()
    if len(bars):
        assert np.shares_memory(bars.close, whole.close)
        assert np.shares_memory(bars.trading_day, whole.trading_day)


def test_nobody_writes_into_what_all_share(sim: Instrument) -> None:
    bars, _hash = series_cache.load(sim, "5m")
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 1.0


def test_an_import_is_noticed(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "a.csv", *SOUND[:2])
    rb = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end")).instrument
    before, before_hash = series_cache.load(rb, "5m")
    import_bars(None, write_bars(tmp_path / "b.csv", SOUND[2]), rb.code, "5m", BarImportOptions("end"))
    coverage = BarCoverage.objects.get(instrument=rb)
    assert (coverage.revision, coverage.data_hash) == (2, "")
    after, after_hash = series_cache.load(rb, "5m")
    assert (len(before), len(after)) == (2, 3)
    assert before_hash != after_hash == Bar.objects.series(rb, "5m").data_hash()


def test_a_replacement_is_noticed(tmp_path: Path) -> None:
    rb = import_bars(None, write_bars(tmp_path / "a.csv", *SOUND), "rb2405.SHFE", "5m", BarImportOptions("end"))
    series_cache.load(rb.instrument, "5m")
    other = SOUND[1].replace("4015", "4014")
    import_bars(None, write_bars(tmp_path / "b.csv", other), "rb2405.SHFE", "5m", BarImportOptions("end", replace=True))
    assert series_cache.load(rb.instrument, "5m")[0].close.tolist() == [4005, 4014, 4001]


def test_an_import_that_changes_nothing_keeps_the_file(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "a.csv", *SOUND)
    rb = import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end")).instrument
    series_cache.load(rb, "5m")
    import_bars(None, path, "rb2405.SHFE", "5m", BarImportOptions("end"))
    series_cache.load(rb, "5m")
    assert counts()["hit"] == 1


def test_made_up_bars_are_noticed(sim: Instrument) -> None:
    short, _hash = series_cache.load(sim, "5m")
    store_simulated_bars(None, first=date(2024, 2, 1), last=date(2024, 2, 8), seed=1, start_price=4_000.0)
    longer, longer_hash = series_cache.load(sim, "5m")
    assert len(longer) > len(short)
    assert longer_hash == Bar.objects.series(sim, "5m").data_hash()


def test_a_reader_of_old_rows_does_not_call_them_current(sim: Instrument) -> None:
    """The rows were read, then bars changed, then the reader wants to leave its hash."""
    before = BarCoverage.objects.get(instrument=sim)
    store_simulated_bars(None, first=date(2024, 2, 1), last=date(2024, 2, 8), seed=1, start_price=4_000.0)
    series_cache._remember(before, "0" * 64)
    assert BarCoverage.objects.get(instrument=sim).data_hash == ""


def test_an_instrument_without_bars_and_one_without_coverage(sim: Instrument) -> None:
    empty, empty_hash = series_cache.load(sim, "1d")
    assert (len(empty), empty_hash) == (0, Bar.objects.series(sim, "1d").data_hash())
    BarCoverage.objects.all().delete()
    bars, data_hash = series_cache.load(sim, "5m")
    assert data_hash == bars.data_hash() == Bar.objects.series(sim, "5m").data_hash()
    assert not series_cache.folder().usage().files, "nothing would tell when such a file is old"


def truncate(path: Path) -> None:
    """Cut the last byte off, as a full disk would."""
    os.truncate(path, path.stat().st_size - 1)


def flip(path: Path) -> None:
    """Change one bit in the middle of the closes."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def behead(path: Path) -> None:
    """Another file under this name."""
    path.unlink()
    path.write_bytes(b"PAR1" + bytes(100))


@pytest.mark.parametrize("damage", [truncate, flip, behead, lambda path: os.truncate(path, 0)])
def test_a_damaged_file_is_rebuilt_with_a_line_in_the_log(sim: Instrument, damage: Any) -> None:
    good, data_hash = series_cache.load(sim, "5m")
    good_closes = good.close.tolist()
    del good
    series_cache.forget()
    damage(series_cache.folder().file_of(data_hash))
    with structlog.testing.capture_logs() as lines:
        again, again_hash = series_cache.load(sim, "5m")
    assert (again.close.tolist(), again_hash) == (good_closes, data_hash)
    assert [line["event"] for line in lines] == ["bar cache file is rebuilt"]
    assert counts()["damaged"] == 1
    series_cache.forget()
    series_cache.load(sim, "5m")
    assert counts()["hit"] == 1


def test_a_lost_file_is_written_again(sim: Instrument) -> None:
    _bars, data_hash = series_cache.load(sim, "5m")
    series_cache.forget()
    series_cache.folder().remove(data_hash)
    assert series_cache.load(sim, "5m")[1] == data_hash
    assert counts()["miss"] == 2
    assert series_cache.folder().file_of(data_hash).exists()


def test_without_a_disk_the_database_serves_and_the_log_says_so_once(
    sim: Instrument, tmp_path: Path, settings: Any
) -> None:
    """A file stands where the folder should be: root, too, cannot make it, as on a read-only disk."""
    (tmp_path / "occupied").write_text("", encoding="utf-8")
    settings.BAR_CACHE_DIR = tmp_path / "occupied" / "bars"
    stored = Bar.objects.series(sim, "5m")
    with structlog.testing.capture_logs() as lines:
        loads = [series_cache.load(sim, "5m") for _load in range(3)]
    assert all(same(bars, stored) and data_hash == stored.data_hash() for bars, data_hash in loads)
    said = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert said == ["bar cache unusable: the database serves"]
    assert not series_cache.folder().writable()


def test_the_cache_can_be_turned_off(sim: Instrument, settings: Any) -> None:
    settings.BAR_CACHE_MB = 0
    bars, data_hash = series_cache.load(sim, "5m")
    assert data_hash == bars.data_hash()
    assert series_cache.folder().usage().files == 0


def series_of(close: float) -> BarSeries:
    """A thousand bars that differ by their close."""
    column = np.full(1_000, close)
    days = np.arange(1_000, dtype=np.int32)
    return BarSeries("x.SIM", "1d", days.astype(np.int64), days, *[column] * 7)


def test_what_was_not_read_for_longest_makes_room(tmp_path: Path) -> None:
    each = HEADER_BYTES + 1_000 * BYTES_A_BAR
    folder = SeriesFolder(tmp_path, 3 * each)
    for number, name in enumerate(("a", "b", "c")):
        assert folder.write(series_of(number), name)
        os.utime(folder.file_of(name), (1_000 + number, 1_000))
    folder.read("a", "x.SIM", "1d")  # used just now
    assert folder.write(series_of(3), "d")
    assert sorted(path.stem for path in tmp_path.glob("*.bars")) == ["a", "c", "d"]
    assert folder.usage().bytes == 3 * each
    assert folder.read("d", "y.SIM", "1d").close.tolist() == [3.0] * 1_000


def test_a_series_that_never_fits_removes_nothing(tmp_path: Path) -> None:
    each = HEADER_BYTES + 1_000 * BYTES_A_BAR
    assert SeriesFolder(tmp_path, each).write(series_of(1), "a")
    assert not SeriesFolder(tmp_path, each - 1).write(series_of(2), "b")
    assert [path.name for path in tmp_path.glob("*.bars")] == ["a.bars"]


def test_drafts_of_the_dead_are_cleared_away_those_of_the_living_are_not(tmp_path: Path) -> None:
    old, young = tmp_path / "a.1.aaaa.draft", tmp_path / "a.2.bbbb.draft"
    for draft in (old, young):
        draft.write_bytes(b"")
    os.utime(old, (1_000, 1_000))
    SeriesFolder(tmp_path, 10**9).write(series_of(1), "b")
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_agree(sim: Instrument) -> None:
    expected = Bar.objects.series(sim, "5m").data_hash()
    barrier = Barrier(6)

    def work(_number: int) -> list[str]:
        barrier.wait()
        try:
            found = [series_cache.load(sim, "5m") for _load in range(5)]
            return [*(data_hash for _bars, data_hash in found), *(bars.data_hash() for bars, _hash in found)]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        hashes = {data_hash for found in pool.map(work, range(6)) for data_hash in found}
    assert hashes == {expected}
    assert sum(counts().values()) == 30, "no load is counted twice or lost"
    assert series_cache.folder().usage().files == 1
    assert not list(series_cache.folder().path.glob("*.draft"))


@pytest.mark.django_db(transaction=True)
def test_readers_beside_a_writer_never_see_a_wrong_hash(sim: Instrument) -> None:
    """Days are added one by one while others load: every load must hash to what it says."""
    days = [date(2024, 2, day) for day in (1, 2, 5, 6, 7, 8)]
    barrier = Barrier(4)

    def write() -> list[bool]:
        barrier.wait()
        try:
            for day in days:
                store_simulated_bars(None, first=day, last=day, seed=1, start_price=4_000.0)
            return []
        finally:
            connection.close()

    def read(_number: int) -> list[bool]:
        barrier.wait()
        try:
            loads = [series_cache.load(sim, "5m") for _load in range(15)]
            return [bars.data_hash() == data_hash for bars, data_hash in loads]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        writer = pool.submit(write)
        right = [fits for found in pool.map(read, range(3)) for fits in found]
        writer.result()
    assert right
    assert all(right)
    assert series_cache.load(sim, "5m")[1] == Bar.objects.series(sim, "5m").data_hash()
    assert BarCoverage.objects.get(instrument=sim, interval="5m").revision == 1 + len(days)


def test_two_processes_count_and_write_together(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from marketdata.series_files import SeriesFolder\n"
        "folder = SeriesFolder(Path(sys.argv[1]), 10**9)\n"
        "for _ in range(500): folder.count('hit')\n"
    )
    SeriesFolder(tmp_path, 10**9).count("miss")
    children = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _child in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert SeriesFolder(tmp_path, 10**9).counts() == {"hit": 1_000, "miss": 1, "damaged": 0, "unwritable": 0}


def test_the_metrics_tell_of_it(sim: Instrument) -> None:
    for _load in range(3):
        series_cache.load(sim, "5m")
    families = {family.name: family for family in text_string_to_metric_families(exposition()[0].decode())}
    loads = {sample.labels["outcome"]: sample.value for sample in families["quantsite_bar_cache_loads"].samples}
    assert loads == {"hit": 2, "miss": 1, "damaged": 0, "unwritable": 0}
    assert families["quantsite_bar_cache_usable"].samples[0].value == 1
    assert families["quantsite_bar_cache_bytes"].samples[0].value > HEADER_BYTES


def test_rolled_back_bars_leave_no_trace(sim: Instrument) -> None:
    _bars, before = series_cache.load(sim, "5m")
    with transaction.atomic():
        more = Bar.objects.series(sim, "5m").take(slice(-1, None))
        later = BarSeries(sim.code, "5m", more.start + 10**12, more.trading_day + 1, *more_values(more))
        bar_store.insert(later, lock_bars(sim, "5m"))
        assert series_cache.load(sim, "5m")[1] != before
        transaction.set_rollback(True)
    assert series_cache.load(sim, "5m")[1] == before


def more_values(bars: BarSeries) -> list[np.ndarray]:
    """The value columns."""
    return [getattr(bars, name) for name in VALUE_COLUMNS]
