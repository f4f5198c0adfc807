"""The bars of the race and the terms they are traded on: the same for every engine, on every machine, for ever.

A random walk on the tick grid. Its chance is a counter put through splitmix64 (Steele, Lea and Flood, "Fast
splittable pseudorandom number generators", 2014) and not a library's generator, whose stream may change with
its version.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import BarSeries

INSTRUMENT = "walk88.SIM"
TERMS = {"multiplier": 10.0, "rate": 1e-4, "tick": 1.0, "slippage_ticks": 1.0, "margin_rate": 0.1, "capital": 1e8}
"""Yuan, units a lot, fractions of the value, ticks. The capital is large: no engine may run short of it."""

SEED = 4
"""Of the first twelve seeds the one whose walk crosses a grid around its start most often in a million bars."""

START_PRICE = 10_000
STEPS = 4
"""Moves of one tick within a bar, each up or down; between two bars the price moves by -1, 0 or 1 tick."""

_NIGHT = np.arange(21 * 60, 23 * 60) - 24 * 60
_DAY = np.concatenate([np.arange(9 * 60, 10 * 60 + 15), np.arange(10 * 60 + 30, 690), np.arange(13 * 60 + 30, 900)])
_MINUTE = 60_000_000_000
_SHANGHAI = 8 * 60 * _MINUTE
_FIRST_DAY = "2010-01-04"

Words = npt.NDArray[np.uint64]
Whole = npt.NDArray[np.int64]


def tick_walk(bars: int) -> BarSeries:
    """The first ``bars`` one-minute bars: 345 a trading day (night 21:00 to 23:00, day as rb), every weekday a day."""
    words = _splitmix(np.arange(bars, dtype=np.uint64) + (np.uint64(SEED) << np.uint64(32)))
    path = START_PRICE + np.cumsum(_moves(words).ravel()).reshape(bars, 1 + STEPS).astype(np.float64)
    start, trading_day = _times(bars)
    volume = (1 + (words >> np.uint64(40)) % np.uint64(2_000)).astype(np.float64)
    close = path[:, -1]
    return BarSeries(
        INSTRUMENT, "1m", start, trading_day, path[:, 0], path.max(axis=1), path.min(axis=1), close, volume,
        volume * close * TERMS["multiplier"], np.full(bars, 100_000.0),
    )  # fmt: skip


def export(bars: BarSeries, path: Path) -> None:
    """Write bars and terms for programs that share nothing with this project but numpy."""
    names = ("start", "trading_day", "open", "high", "low", "close", "volume")
    stored: dict[str, Any] = {name: getattr(bars, name) for name in names} | TERMS
    np.savez(path, **stored)


def _splitmix(counter: Words) -> Words:
    """One well-mixed word for each number; the arithmetic is modulo 2**64."""
    mixed = counter + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _moves(words: Words) -> Whole:
    """In ticks, shape ``(bars, 1 + STEPS)``: the gap to the bar before, then the steps within the bar."""
    gap = ((words >> np.uint64(8)) % np.uint64(3)).astype(np.int64) - 1
    steps = [2 * ((words >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) - 1 for bit in range(STEPS)]
    return np.stack([gap, *steps], axis=1)


def _times(bars: int) -> tuple[Whole, npt.NDArray[np.int32]]:
    """Starts (ns UTC) and trading days; a day's night session lies on the weekday before."""
    minutes = np.concatenate([_NIGHT, _DAY])
    days = np.busday_offset(np.datetime64(_FIRST_DAY), np.arange(-1, bars // len(minutes) + 1)).astype(np.int64)
    night, day = days[:-1] + 1, days[1:]  # the night's minutes count back from the midnight after it
    midnight = np.where(minutes < 0, night[:, None], day[:, None]) * 24 * 60
    start = ((midnight + minutes) * _MINUTE - _SHANGHAI).ravel()[:bars]
    return start, np.repeat(day, len(minutes))[:bars].astype(np.int32)
