"""Bars and fills as the columns that the price chart draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable
from backtests.reports.format import tick_places
from backtests.reports.series import MAX_POINTS, merge_bars, positions, wall_clock_labels, wall_clock_ms
from marketdata.domain.bars import BarSeries
from quantsite.common.times import NS_PER_MINUTE
from trading.domain.offsets import Direction, Offset

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FILL_KINDS = ("buy_open", "sell_open", "buy_close", "sell_close")
CROWDED = 250
"""With more fills of a kind than this their marks touch each other: they go small, pale, behind the price."""

MAX_MARKS = 1_000
"""With more fills than this no mark could be told from the next: their number is shown instead."""

STRETCHES = 160
"""Into so many equal parts the price is cut where fills are counted."""


@dataclass(frozen=True, slots=True)
class FillDensity:
    """How many fills each stretch of ``width`` points of the price had; columns of shape ``(stretches,)``.

    ``x`` is the middle of a stretch on the axis of the bars, ``time`` the wall clock of its start in ms.
    """

    width: float
    x: Floats
    time: Floats
    buys: Floats
    sells: Floats

    def columns(self) -> dict[str, Floats]:
        """The columns by name; ``sells_down`` is drawn below zero."""
        return {"x": self.x, "time": self.time, "buys": self.buys, "sells": self.sells, "sells_down": -self.sells}


@dataclass(frozen=True, slots=True)
class FillMarks:
    """The fills of one kind: ``x`` on the axis of the bars, wall clock in ms; ``total`` is how many."""

    x: Floats
    time: Floats
    price: Floats
    volume: Floats
    total: int

    def columns(self) -> dict[str, Floats]:
        """The columns by name."""
        return {"x": self.x, "time": self.time, "price": self.price, "volume": self.volume}


@dataclass(frozen=True, slots=True)
class SignalMarks:
    """Decisions: ``x`` on the axis of the bars, wall clock in ms, the price at the decision and what was decided."""

    x: Floats
    time: Floats
    price: Floats
    text: list[str]

    @classmethod
    def of(cls, bars: BarSeries, start: Sequence[int], price: Sequence[float], text: Sequence[str]) -> Self:
        """Decisions at ``start`` (ns UTC, of the bar or the tick) in ``bars`` of which each is one point."""
        at = np.asarray(start, dtype=np.int64)
        return cls(positions(at, bars.start, 1), wall_clock_ms(at), np.asarray(price, dtype=np.float64), list(text))

    def columns(self) -> dict[str, Any]:
        """The columns by name."""
        return {"x": self.x, "time": self.time, "price": self.price, "text": self.text}


@dataclass(frozen=True, slots=True)
class PriceData:
    """Groups of ``size`` bars, one point each, and the fills by kind in the order of ``FILL_KINDS``.

    ``labels`` name the start of each point for the axis, the date above the time. Where there are more fills than
    ``MAX_MARKS`` their ``density`` is there and ``fills`` is empty.
    """

    size: int
    time: Floats
    labels: list[str]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    fills: tuple[FillMarks, ...]
    fill_count: int
    density: FillDensity | None
    price_format: str

    @classmethod
    def of(cls, bars: BarSeries, fills: FillTable, price_tick: float, leg: int = 0, limit: int = MAX_POINTS) -> Self:
        """The chart's columns of one ``leg``, with at most ``limit`` points; prices show the decimals of their tick.

        Fills before the first bar or after the last one are left out, so that ``bars`` may be a part of a run.
        """
        merged = merge_bars(bars, limit)
        places = tick_places(price_tick)
        within = np.flatnonzero(_within(bars, fills) & (fills.leg == leg))
        crowded = len(within) > MAX_MARKS
        time = wall_clock_ms(merged.start)
        return cls(
            size=merged.size,
            time=time,
            labels=[label.replace(" ", "\n") for label in wall_clock_labels(merged.start)],
            open=merged.open,
            high=merged.high,
            low=merged.low,
            close=merged.close,
            fills=() if crowded else tuple(_marks(kind, bars, fills, within, merged.size) for kind in FILL_KINDS),
            fill_count=len(within),
            density=_density(bars, fills, within, merged.size, time) if crowded else None,
            price_format="0,0" + ("." + "0" * places if places else ""),
        )

    def columns(self, chosen: Mask | None = None) -> dict[str, Floats]:
        """The columns by name, of all points or of the ``chosen`` ones; ``x`` counts the points from 0."""
        every = {
            "x": np.arange(len(self.close), dtype=np.float64),
            "time": self.time,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
        }
        return every if chosen is None else {name: column[chosen] for name, column in every.items()}


def _within(bars: BarSeries, fills: FillTable) -> Mask:
    """Which fills happened in these bars."""
    if not len(bars):
        return np.zeros(len(fills), dtype=np.bool_)
    # Fills of a run on ticks carry their own instants, up to a minute after their bar's start.
    return np.asarray((fills.start >= bars.start[0]) & (fills.start < bars.start[-1] + NS_PER_MINUTE), dtype=np.bool_)


def _marks(kind: str, bars: BarSeries, fills: FillTable, within: Longs, size: int) -> FillMarks:
    side = Direction.BUY if kind.startswith("buy") else Direction.SELL
    opening = (fills.offset[within] == Offset.OPEN) == kind.endswith("open")
    found = within[(fills.direction[within] == side) & opening]
    start = fills.start[found]
    return FillMarks(
        x=positions(start, bars.start, size),
        time=wall_clock_ms(start),
        price=fills.price[found],
        volume=fills.volume[found],
        total=len(found),
    )


def _density(bars: BarSeries, fills: FillTable, within: Longs, size: int, time: Floats) -> FillDensity:
    """The fills counted by stretch; there are no more stretches than points."""
    stretches = min(STRETCHES, len(time))
    width = len(time) / stretches
    stretch = np.clip((positions(fills.start[within], bars.start, size) + 0.5) // width, 0, stretches - 1).astype(int)
    bought = fills.direction[within] > 0
    place = np.arange(stretches)
    return FillDensity(
        width=width,
        x=np.asarray((place + 0.5) * width - 0.5, dtype=np.float64),
        time=time[np.ceil(place * width).astype(int)],
        buys=np.bincount(stretch[bought], minlength=stretches).astype(np.float64),
        sells=np.bincount(stretch[~bought], minlength=stretches).astype(np.float64),
    )
