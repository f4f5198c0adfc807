"""Rows in PostgreSQL's binary COPY form, built by numpy: for tables whose rows come by the thousand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BoolColumn = npt.NDArray[np.bool_]

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

_NULL = -1
"""The length of a null, which has no bytes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of the rows: numpy's type of the value as it goes over the wire (big-endian), and the values.

    ``values`` is a column or one value for all rows; ``null`` says in which rows it is null, None: in none.
    """

    kind: str
    values: Any
    null: BoolColumn | None = None


def binary_rows(count: int, fields: Sequence[Field]) -> bytes:
    """``count`` rows without header and trailer, in their order.

    All rows are laid out at full width; then the bytes of the nulls are left out, so that rows may have any
    pattern of nulls.
    """
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for number, field in enumerate(fields):
        layout += [(f"length{number}", ">i4"), (f"value{number}", field.kind)]
    rows = np.zeros(count, dtype=layout)
    rows["fields"] = len(fields)
    kept: npt.NDArray[np.bool_] | None = None
    for number, field in enumerate(fields):
        width, at = rows.dtype[f"value{number}"].itemsize, rows.dtype.fields[f"value{number}"][1]  # type: ignore[index]
        rows[f"value{number}"] = field.values
        rows[f"length{number}"] = width
        if field.null is not None and field.null.any():
            rows[f"length{number}"][field.null] = _NULL
            kept = np.ones((count, rows.dtype.itemsize), dtype=np.bool_) if kept is None else kept
            kept[field.null, at : at + width] = False
    if kept is None:
        return rows.tobytes()
    return rows.view(np.uint8).reshape(count, -1)[kept].tobytes()
