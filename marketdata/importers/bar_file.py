"""Files of bars, CSV (plain or gzip) and Parquet, as columns; what a row means is judged elsewhere.

Times are wall clock of Asia/Shanghai; a Parquet column with a time zone is converted to it.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, FloatColumn, LongColumn
from marketdata.importers.refusals import Refusals
from quantsite.common.errors import RuleError

REQUIRED = ("datetime", *PRICE_COLUMNS, "volume")
OPTIONAL = ("turnover", "open_interest")
ELSEWHERE = ("settlement",)
"""Columns of daily bars as the API hands them out that belong to another table: import_settlements reads those."""
KNOWN = (*REQUIRED, *OPTIONAL, "trading_day", *ELSEWHERE)

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands in a column of times where the cell is none."""

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class BarFile:
    """The columns of one file, all of shape ``(n,)``.

    ``lines`` are 1-based (CSV: the header is line 1), ``wall`` is ns since 1970 on the Shanghai clock,
    ``values`` holds NaN for empty cells of optional columns, ``trading_day`` (days since the epoch) is there where
    the file says it. Rows in ``refusals`` hold meaningless numbers.
    """

    name: str
    sha256: str
    lines: LongColumn
    wall: LongColumn
    values: dict[str, FloatColumn]
    trading_day: LongColumn | None
    refusals: Refusals
    table: pa.Table
    broken: dict[int, str]
    """Text of the rows whose number of cells differs from the header's, by line; they have no place in the columns."""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def rows_read(self) -> int:
        """Rows in the file, sound or not."""
        return len(self.lines) + len(self.broken)

    def cells(self, line: int) -> Sequence[str]:
        """A row as it stood in the file."""
        if line in self.broken:
            return _split(self.broken[line])
        row = int(np.searchsorted(self.lines, line))
        return ["" if (cell := column[row].as_py()) is None else str(cell) for column in self.table.columns]


def read_bar_file(path: Path) -> BarFile:
    """Read a file of bars whole.

    Raises :class:`RuleError`: ``unreadable_file`` where it is not there or is damaged, ``invalid_header`` where
    columns are missing or unknown. Cells that are no number or no time are refusals of the result.
    """
    raw = read_table(path, "bars")
    table, lines, refusals = raw.table, raw.lines, Refusals(path.name)
    check_header(path.name, table.column_names, REQUIRED, KNOWN)
    for line, text in raw.broken.items():
        refusals.add(line, raw.broken_reason(text))
    wall = _times(table["datetime"], lines, refusals)
    values = {name: _numbers(name, table, lines, refusals) for name in VALUE_COLUMNS}
    days = _trading_days(table, lines, refusals)
    return BarFile(path.name, raw.sha256, lines, wall, values, days, refusals, table, raw.broken)


@dataclass(frozen=True)
class RawTable:
    """A file's cells before anybody asks what they mean: text from CSV, typed columns from Parquet.

    ``lines`` are 1-based (CSV: the header is line 1), shape ``(n,)``; ``broken`` holds the text of the rows whose
    number of cells differs from the header's, by line.
    """

    sha256: str
    table: pa.Table
    lines: LongColumn
    broken: dict[int, str]

    def broken_reason(self, text: str) -> str:
        """What is wrong with such a row."""
        return f"has {len(_split(text))} cells, the header has {self.table.num_columns}"


def read_bytes(path: Path) -> tuple[bytes, str]:
    """The content of a file, taken out of gzip, and the SHA-256 (hex) of the file itself.

    Raises :class:`RuleError` ``unreadable_file``.
    """
    try:
        raw = path.read_bytes()
        data = gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RuleError("unreadable_file", f"{path} cannot be read: {reason}.") from error
    return data, hashlib.sha256(raw).hexdigest()


def read_table(path: Path, what: str) -> RawTable:
    """Read CSV (plain or gzip) or Parquet; ``what`` the rows are, for the error.

    Raises :class:`RuleError` ``unreadable_file`` where the file is not there or is no such table.
    """
    data, sha256 = read_bytes(path)
    try:
        table, lines, broken = _parquet(data) if data.startswith(PARQUET_MAGIC) else _csv(data)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise RuleError("unreadable_file", f"{path} is no file of {what}: {_first_line(error)}.") from error
    return RawTable(sha256, table, lines, broken)


def _split(text: str) -> list[str]:
    return next(csv.reader([text]), [])


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _csv(data: bytes) -> tuple[pa.Table, LongColumn, dict[int, str]]:
    """Every cell as text, the line of every row, and the rows with a wrong number of cells; no blank lines."""
    broken: dict[int, str] = {}

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        broken[row.number] = row.text
        return "skip"

    header = data.split(b"\n", 1)[0].decode("utf-8-sig").strip()
    names = [name.strip().strip('"') for name in header.split(",")]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        # One thread: only then does the reader tell the number of a broken row.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(ignore_empty_lines=False, invalid_row_handler=keep),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    everything = np.arange(2, 2 + table.num_rows + len(broken), dtype=np.int64)
    lines = np.setdiff1d(everything, np.fromiter(broken, dtype=np.int64), assume_unique=True)
    filled = np.zeros(table.num_rows, dtype=np.bool_)
    for column in table.columns:
        filled |= pc.not_equal(column, "").to_numpy()
    return (table, lines, broken) if filled.all() else (table.filter(pa.array(filled)), lines[filled], broken)


def _parquet(data: bytes) -> tuple[pa.Table, LongColumn, dict[int, str]]:
    table = pyarrow.parquet.read_table(pa.BufferReader(data))
    return table, np.arange(1, 1 + table.num_rows, dtype=np.int64), {}


def check_header(name: str, columns: Sequence[str], required: Sequence[str], known: Sequence[str]) -> None:
    """Raises :class:`RuleError` ``invalid_header`` for columns that are missing, unknown, or there twice."""
    unknown = [column for column in columns if column not in known]
    missing = [column for column in required if column not in columns]
    twice = sorted({column for column in columns if list(columns).count(column) > 1})
    if not (unknown or missing or twice):
        return
    parts = [f"the column {column!r} stands there twice" for column in twice]
    parts += [f"the column {column!r} is missing" for column in missing]
    for column in unknown:
        close = get_close_matches(column.lower(), known, n=1)
        parts.append(f"the column {column!r} is unknown" + (f" (did you mean {close[0]!r}?)" if close else ""))
    raise RuleError("invalid_header", f"{name}: {'; '.join(parts)}. Known columns: {', '.join(known)}.")


def _times(column: pa.ChunkedArray, lines: LongColumn, refusals: Refusals) -> LongColumn:
    """Nanoseconds on the Shanghai clock, :data:`NO_TIME` for refused cells."""
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column.cast(pa.timestamp("ns", "Asia/Shanghai")))
    reason = "write YYYY-MM-DD HH:MM:SS in Asia/Shanghai, without a zone"
    return _instants("datetime", column, lines, refusals, reason)


def _trading_days(table: pa.Table, lines: LongColumn, refusals: Refusals) -> LongColumn | None:
    if "trading_day" not in table.column_names:
        return None
    found = _instants("trading_day", table["trading_day"], lines, refusals, "write YYYY-MM-DD")
    return found // (86_400 * 10**9)


def _instants(name: str, column: pa.ChunkedArray, lines: LongColumn, refusals: Refusals, hint: str) -> LongColumn:
    try:
        found = column.cast(pa.timestamp("ns"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = pa.chunked_array([_one_by_one(column, pa.timestamp("ns"))])
    bad = found.is_null().to_numpy()
    reason = f"is no {'date' if name == 'trading_day' else 'date and time'}: {hint}"
    refusals.add_all(np.flatnonzero(bad), lines, lambda row: f"{name} {column[row].as_py()!r} {reason}")
    return np.asarray(pc.fill_null(found.cast(pa.int64()), NO_TIME).to_numpy(), dtype=np.int64)


def _numbers(name: str, table: pa.Table, lines: LongColumn, refusals: Refusals) -> FloatColumn:
    """A column of finite numbers; an optional one may be absent or have empty cells (NaN)."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = table[name]
    empty = column.is_null().to_numpy()
    if pa.types.is_string(column.type):
        empty |= np.asarray(pc.equal(column, "").fill_null(True).to_numpy(), dtype=np.bool_)
    if empty.any():
        column = pc.if_else(pa.array(empty), pa.scalar(None, column.type), column)
    try:
        found = column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = pa.chunked_array([_one_by_one(column, pa.float64())])
    numbers: npt.NDArray[Any] = pc.fill_null(found, float("nan")).to_numpy()
    bad = ~np.isfinite(numbers) & (~empty if name in OPTIONAL else True)
    refusals.add_all(np.flatnonzero(bad), lines, lambda row: _no_number(name, table[name][row].as_py()))
    return np.asarray(numbers, dtype=np.float64)


def _no_number(name: str, cell: Any) -> str:
    return f"{name} is empty" if cell in (None, "") else f"{name} {cell!r} is no finite number"


def _one_by_one(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """The column cast cell by cell, null where a cell does not fit: only for columns in which one does not."""
    cells = [None if text is None else _cast(text, kind) for text in column.to_pylist()]
    return pa.array(cells, type=kind)


def _cast(cell: Any, kind: pa.DataType) -> Any:
    try:
        value = pa.scalar(cell).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return value.value if pa.types.is_timestamp(kind) else value.as_py() if isfinite(value.as_py() or 0) else None
