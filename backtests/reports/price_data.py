"""Bars and fills as the columns that the price chart draws."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable
from backtests.reports.format import tick_places
from backtests.reports.series import MAX_POINTS, merge_bars, positions, wall_clock_labels, wall_clock_ms
from marketdata.domain.bars import BarSeries
from trading.domain.offsets import Direction, Offset

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FILL_KINDS = ("buy_open", "sell_open", "buy_close", "sell_close")
MAX_FILLS = 20_000
"""More marks of one kind than this are not drawn; the newest stay."""


@dataclass(frozen=True, slots=True)
class FillMarks:
    """The fills of one kind: ``x`` on the axis of the bars, wall clock in ms; ``total`` counts those not drawn too."""

    x: Floats
    time: Floats
    price: Floats
    volume: Floats
    total: int

    def columns(self) -> dict[str, Floats]:
        """The columns by name."""
        return {"x": self.x, "time": self.time, "price": self.price, "volume": self.volume}


@dataclass(frozen=True, slots=True)
class PriceData:
    """Groups of ``size`` bars, one point each, and the fills by kind in the order of ``FILL_KINDS``.

    ``labels`` name the start of each point for the axis, the date above the time.
    """

    size: int
    time: Floats
    labels: list[str]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    fills: tuple[FillMarks, ...]
    price_format: str

    @classmethod
    def of(cls, bars: BarSeries, fills: FillTable, price_tick: float, limit: int = MAX_POINTS) -> Self:
        """The chart's columns, with at most ``limit`` points; prices show the decimals of their tick.

        Fills before the first bar or after the last one are left out, so that ``bars`` may be a part of a run.
        """
        merged = merge_bars(bars, limit)
        places = tick_places(price_tick)
        return cls(
            size=merged.size,
            time=wall_clock_ms(merged.start),
            labels=[label.replace(" ", "\n") for label in wall_clock_labels(merged.start)],
            open=merged.open,
            high=merged.high,
            low=merged.low,
            close=merged.close,
            fills=tuple(_marks(kind, bars, fills, merged.size) for kind in FILL_KINDS),
            price_format="0,0" + ("." + "0" * places if places else ""),
        )

    @property
    def fill_count(self) -> int:
        """The fills within the bars, those not drawn too."""
        return sum(marks.total for marks in self.fills)

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
    return np.asarray((fills.start >= bars.start[0]) & (fills.start <= bars.start[-1]), dtype=np.bool_)


def _marks(kind: str, bars: BarSeries, fills: FillTable, size: int) -> FillMarks:
    side = Direction.BUY if kind.startswith("buy") else Direction.SELL
    opening = (fills.offset == Offset.OPEN) == kind.endswith("open")
    found = np.flatnonzero((fills.direction == side) & opening & _within(bars, fills))
    drawn = found[-MAX_FILLS:]
    start = fills.start[drawn]
    return FillMarks(
        x=positions(start, bars.start, size),
        time=wall_clock_ms(start),
        price=fills.price[drawn],
        volume=fills.volume[drawn],
        total=len(found),
    )
