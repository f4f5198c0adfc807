"""Tables of columns as CSV, Parquet and JSON: what bars and ticks have in common on their way out."""

import gzip
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from quantsite.common.errors import RuleError
from quantsite.web.renderers import dumps

EXPONENT_FROM = 1e10
"""From here on the CSV writer would write floats with an exponent."""
WHOLE_BELOW = 2.0**53


def instants(moments: npt.NDArray[Any], unit: str) -> list[str]:
    """Moments (``datetime64``) as ISO texts of that resolution, without a zone."""
    texts: list[str] = np.datetime_as_string(moments, unit=unit).tolist()  # type: ignore[call-overload]
    return texts


def numbers(column: npt.NDArray[Any]) -> pa.Array:
    """A column with its NaN as nulls."""
    return pa.array(column, mask=np.isnan(column)) if column.dtype.kind == "f" else pa.array(column)


def csv_bytes(table: pa.Table) -> bytes:
    """The table as CSV: numbers in their shortest form and never with an exponent, nulls as empty cells."""
    plain = pa.table({name: _without_exponents(table[name]) for name in table.column_names})
    file = io.BytesIO()
    pyarrow.csv.write_csv(plain, file, pyarrow.csv.WriteOptions(quoting_style="none"))
    header, _newline, rows = file.getvalue().partition(b"\n")
    return header.replace(b'"', b"") + b"\n" + rows


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as Parquet, compressed with zstd."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def json_page(about: Mapping[str, Any], columns: Mapping[str, Any], older: str | None, *, by_column: bool) -> bytes:
    """``about`` with ``results`` (an object a row) or ``columns`` (an array a column), and ``next``; NaN is null."""
    if by_column:
        return dumps({**about, "columns": dict(columns), "next": older})
    lists = (column.tolist() if isinstance(column, np.ndarray) else column for column in columns.values())
    results = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    return dumps({**about, "results": results, "next": older})


def write_table(table: pa.Table, path: Path) -> int:
    """Write a file whose name says how: ``.parquet``, else CSV; either may end in ``.gz``. Gives its size in bytes.

    A half-written file never stands under the name. Raises :class:`RuleError` ``unwritable_file``.
    """
    plain = path.name.removesuffix(".gz")
    data = parquet_bytes(table) if plain.endswith(".parquet") else csv_bytes(table)
    if plain != path.name:
        data = gzip.compress(data, mtime=0)
    write_whole(data, path)
    return len(data)


def write_whole(data: bytes, path: Path) -> None:
    """Write a file that never stands half-written under its name. Raises :class:`RuleError` ``unwritable_file``."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RuleError("unwritable_file", f"{path} cannot be written: {error.strerror}.") from error


def _without_exponents(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_float64(column.type):
        return column
    values = column.to_numpy(zero_copy_only=False)
    sizes = np.abs(values[~np.isnan(values)])
    if not (sizes >= EXPONENT_FROM).any():
        return column
    if (sizes < WHOLE_BELOW).all() and (sizes == np.floor(sizes)).all():
        return pa.chunked_array([pa.array(values, mask=np.isnan(values)).cast(pa.int64())])
    texts = [None if value is None else np.format_float_positional(value, trim="-") for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, type=pa.string())])
