"""Prices on the tick grid.

A price is a float64 as CTP sends it; a multiple of a tick such as 0.2 is seldom exact in binary, so
membership is tested with a tolerance relative to the tick.
"""

import numpy as np
import numpy.typing as npt

GRID_TOLERANCE = 1e-6
"""How far, in ticks, a price may lie from the grid; feeds print at most four decimals."""


def to_ticks(price: float, tick: float) -> int:
    """The whole number of ticks nearest to ``price`` (a half goes to the even one)."""
    return round(price / tick)


def round_to_tick(price: float, tick: float) -> float:
    """``price`` moved to the nearest multiple of ``tick``, without binary dust (1.1 not 1.1000000000000001)."""
    return round(to_ticks(price, tick) * tick, 10)


def on_grid(price: float, tick: float) -> bool:
    """True where ``price`` is a multiple of ``tick`` within :data:`GRID_TOLERANCE` ticks."""
    ticks = price / tick
    return abs(ticks - round(ticks)) <= GRID_TOLERANCE * max(1.0, abs(ticks) * 1e-6)


def on_grid_array(prices: npt.NDArray[np.float64], tick: float) -> npt.NDArray[np.bool_]:
    """The rule of :func:`on_grid` for a column of prices, shape ``(n,)``."""
    ticks = prices / tick
    tolerance = GRID_TOLERANCE * np.maximum(1.0, np.abs(ticks) * 1e-6)
    return np.abs(ticks - np.rint(ticks)) <= tolerance
