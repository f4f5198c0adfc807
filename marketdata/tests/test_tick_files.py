"""One file of ticks: what is written is read back, bit by bit, and takes a twentieth of CTP's CSV."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.tick_series import COLUMNS, DEPTH_WIDTH, FLOATS, LONGS, TickSeries
from marketdata.importers.tick_check import file_ticks
from marketdata.importers.tick_file import read_tick_table
from marketdata.tests.domain.test_bars_of_real_ticks import FILES, Recorded, contract_of
from marketdata.ticks.files import DAMAGED, PART, put_in_place, read_ticks, remove_parts, write_beside

CODE = "rb2405.SHFE"
LONG = st.integers(0, 2**62)
NUMBER = st.floats(allow_infinity=False) | st.just(float("nan"))


def written(ticks: TickSeries, folder: Path) -> TickSeries:
    """The ticks after a way through a file."""
    path = folder / "a.parquet"
    put_in_place(write_beside(ticks, path), path)
    return read_ticks(path, ticks.instrument)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), count=st.integers(0, 30), deep=st.booleans())
def test_any_numbers_come_back(
    data: st.DataObject, count: int, deep: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def column(name: str) -> object:
        kind = NUMBER if name in FLOATS else st.integers(0, 40_000) if name == "trading_day" else LONG
        return data.draw(st.lists(kind, min_size=count, max_size=count))

    columns = {name: np.array(column(name)) for name in COLUMNS}
    depth = np.full((count, DEPTH_WIDTH), 1.5) if deep else None
    if depth is not None and count:
        depth[0, 3] = np.nan
    ticks = TickSeries(CODE, depth=depth, **columns)
    back = written(ticks, tmp_path_factory.mktemp("file"))
    assert back.checksum() == ticks.checksum()
    assert all(getattr(back, name).dtype == np.int64 for name in LONGS)


@pytest.mark.real_data
@pytest.mark.parametrize("recorded", FILES[1:], ids=lambda recorded: recorded.file)
def test_a_recorded_day_takes_at_most_twelve_bytes_a_tick(
    recorded: Recorded, shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "ticks" / f"{recorded.file}.csv.gz"
    contract = contract_of(recorded)
    (found,) = file_ticks(read_tick_table(path), {contract.symbol: contract})
    part = write_beside(found.series, tmp_path / "a.parquet")
    sizes = (len(gzip.decompress(path.read_bytes())), path.stat().st_size, part.stat().st_size)
    plain, packed, file = (size / len(found.series) for size in sizes)
    told = f"CSV {plain:.1f}, gzip {packed:.1f}, file {file:.1f}"
    print(f"{recorded.file}: {len(found.series)} ticks, bytes a tick: {told}")  # noqa: T201
    assert file < 12 < packed < plain


def test_damaged_files_are_known_by_their_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    put_in_place(write_beside(TickSeries.empty(CODE), path), path)
    for data in (b"", path.read_bytes()[:-20], b"PAR1 of another kind PAR1"):
        path.write_bytes(data)
        with pytest.raises(DAMAGED):
            read_ticks(path, CODE)


def test_only_what_writers_left_long_ago_is_removed(tmp_path: Path) -> None:
    old, young = tmp_path / "SHFE" / f".a.1{PART}", tmp_path / f".b.2{PART}"
    old.parent.mkdir()
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert remove_parts(tmp_path) == 1
    assert (old.exists(), young.exists()) == (False, True)
