"""How two averages of prices compare when floating point must not decide a tie, one by one and over columns."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import FloatColumn

TIE = 1e-9
"""Fraction of the price below which two averages count as equal."""

BoolColumn = npt.NDArray[np.bool_]
IndexColumn = npt.NDArray[np.int64]
SignColumn = npt.NDArray[np.int8]

_LEAST = 5e-324
"""The smallest number above 0."""

_BLOCK = 32_768
"""Bars compared at a time: what lies between then stays in the processor's cache."""


def relation(first: float, second: float, price: float) -> int:
    """+1 where ``first`` lies above ``second``, -1 where below, 0 where they differ by less than 1e-9 of ``price``."""
    difference = first - second
    if abs(difference) < TIE * abs(price):
        return 0
    if difference > 0.0:
        return 1
    return -1 if difference < 0.0 else 0


def relations(first: FloatColumn, second: FloatColumn | float, price: FloatColumn | float) -> SignColumn:
    """:func:`relation` of each row, shape ``(n,)``; 0 where one is NaN."""
    above, below = _sides(first - second, price)
    return np.subtract(above, below, dtype=np.int8)


def crosses(
    first: FloatColumn, second: FloatColumn | float, price: FloatColumn | float
) -> tuple[IndexColumn, IndexColumn]:
    """Indices of the rows on which ``first`` crosses above ``second``, and of those on which it crosses below.

    Above: it lies above and lay at or below on the row before; below: the other way round. Both must be defined
    (no NaN) on both rows. ``second`` and ``price`` may be one number for all rows.
    """
    found = [_crosses_in(*part) for part in _parts(first, second, price)]
    up, down = zip(*found, strict=True) if found else ((), ())
    none = np.empty(0, dtype=np.int64)
    return np.concatenate((none, *up)), np.concatenate((none, *down))


def _parts(
    first: FloatColumn, second: FloatColumn | float, price: FloatColumn | float
) -> Iterator[tuple[int, FloatColumn, FloatColumn | float]]:
    """Start, differences and prices of each block and of the row before it."""
    for start in range(0, len(first) - 1, _BLOCK):
        rows = slice(start, start + _BLOCK + 1)
        other, around = (given if isinstance(given, int | float) else given[rows] for given in (second, price))
        yield start, first[rows] - other, around


def _crosses_in(start: int, difference: FloatColumn, price: FloatColumn | float) -> tuple[IndexColumn, IndexColumn]:
    up, down = (np.flatnonzero(side[1:] > side[:-1]) for side in _sides(difference, price))
    up, down = (rows[~np.isnan(difference[rows])] for rows in (up, down))
    return up + (start + 1), down + (start + 1)


def _sides(difference: FloatColumn, price: FloatColumn | float) -> tuple[BoolColumn, BoolColumn]:
    """Where the difference is above and where below a tie; at a price of 0 the smallest number is no tie."""
    tie = np.maximum(TIE * np.abs(price), _LEAST)
    return difference >= tie, difference <= -tie
