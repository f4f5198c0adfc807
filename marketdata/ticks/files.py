"""One Parquet file with the ticks of one instrument and trading day: written whole or not at all, read back as it was.

What a column is like decides how it is packed: numbers that ascend as differences, sums byte by byte, prices by a
dictionary. A quiet day takes 8 bytes a tick, a busy one 12, where CTP's CSV has 150 to 250 (docs/live/files.md).
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from marketdata.column_files import numbers
from marketdata.domain.tick_series import COLUMNS, LONGS, TickSeries

LEVELS = tuple(
    f"{side}_{what}_{level}" for side in ("bid", "ask") for what in ("price", "volume") for level in range(2, 6)
)
"""The columns of depth; a file without depth has none of them."""

INSTANTS = ("time", "received")
ASCENDING = ("seq", "time", "received", "volume")
SUMS = ("turnover", "average", "open_interest")
PLAIN = {*ASCENDING, *SUMS}
LEVEL = 9
"""Of zstd: a fifth smaller than its default, and twice as long to write, which is 30 ms a day and contract."""

DAMAGED = (OSError, pa.ArrowException, KeyError, ValueError)
"""What reading a cut, altered or foreign file may raise."""

PART = ".part"
"""Ending of a file that is still being written, or was when its writer died."""
DEAD_SECONDS = 3_600


def write_beside(ticks: TickSeries, path: Path) -> Path:
    """Write the file under another name beside ``path`` and let the disk confirm it; gives that name.

    Raises ``OSError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    with part.open("wb") as file:
        pyarrow.parquet.write_table(
            _table(ticks),
            file,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=[name for name in (*COLUMNS, *LEVELS) if name not in PLAIN],
            column_encoding={
                **dict.fromkeys(ASCENDING, "DELTA_BINARY_PACKED"),
                **dict.fromkeys(SUMS, "BYTE_STREAM_SPLIT"),
            },
        )
        file.flush()
        os.fsync(file.fileno())
    return part


def put_in_place(part: Path, path: Path) -> None:
    """Give the file its name, for good: the folder is on the disk too when this returns. Raises ``OSError``."""
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_ticks(path: Path, instrument: str) -> TickSeries:
    """The ticks of a file. Raises one of :data:`DAMAGED`."""
    table = pyarrow.parquet.read_table(path, memory_map=False, partitioning=None)
    columns: dict[str, Any] = {name: _column(table, name) for name in COLUMNS}
    depth = None
    if LEVELS[0] in table.column_names:
        depth = np.column_stack([_column(table, name) for name in LEVELS])
    return TickSeries(instrument, depth=depth, **columns)


def remove_parts(folder: Path) -> int:
    """Remove what writers that died an hour ago or more have left below ``folder``; gives how many files that were."""
    removed = 0
    for part in list(folder.rglob(f".*{PART}")):
        try:
            if time.time() - part.stat().st_mtime > DEAD_SECONDS:
                part.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # its writer lives, and has just given it its name
    return removed


def _table(ticks: TickSeries) -> pa.Table:
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        column = getattr(ticks, name)
        if name == "trading_day":
            columns[name] = pa.array(column.astype("datetime64[D]"))
        elif name in INSTANTS:
            columns[name] = pa.array(column, mask=column == 0).cast(pa.timestamp("ns", "UTC"))
        else:
            columns[name] = numbers(column)
    if ticks.depth is not None:
        columns |= {name: numbers(ticks.depth[:, level]) for level, name in enumerate(LEVELS)}
    return pa.table(columns)


def _column(table: pa.Table, name: str) -> Any:
    column = table[name]
    if name in INSTANTS:
        column = column.cast(pa.int64())
    if name == "trading_day":
        return column.cast(pa.int32()).to_numpy()
    return column.fill_null(0 if name in LONGS else float("nan")).to_numpy()
