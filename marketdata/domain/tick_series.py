"""Ticks of one instrument as numpy columns, for everything that goes over many of them."""

import hashlib
import struct
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from marketdata.domain.ticks import Tick

FloatColumn = npt.NDArray[np.float64]
LongColumn = npt.NDArray[np.int64]
DayColumn = npt.NDArray[np.int32]
Levels = npt.NDArray[np.float64]

DEPTH_WIDTH = 16
LONGS = ("seq", "time", "received", "volume", "bid_volume", "ask_volume", "flags")
FLOATS = (
    "last",
    "turnover",
    "open_interest",
    "bid_price",
    "ask_price",
    "open",
    "high",
    "low",
    "close",
    "average",
    "settlement",
    "pre_settlement",
    "pre_close",
    "pre_open_interest",
    "upper_limit",
    "lower_limit",
)
COLUMNS = ("trading_day", *LONGS, *FLOATS)
"""Every column but ``depth``, in the one order that files and the checksum keep."""


@dataclass(frozen=True, slots=True, eq=False)
class TickSeries:
    """Ticks in the order of (trading day, seq); columns have shape ``(n,)``, units as in :class:`Tick`.

    ``depth`` has shape ``(n, 16)``, NaN where no level was published, and is None where none was at all. Raises
    ``ValueError`` where lengths differ.
    """

    instrument: str
    trading_day: DayColumn
    seq: LongColumn
    time: LongColumn
    received: LongColumn
    volume: LongColumn
    bid_volume: LongColumn
    ask_volume: LongColumn
    flags: LongColumn
    last: FloatColumn
    turnover: FloatColumn
    open_interest: FloatColumn
    bid_price: FloatColumn
    ask_price: FloatColumn
    open: FloatColumn
    high: FloatColumn
    low: FloatColumn
    close: FloatColumn
    average: FloatColumn
    settlement: FloatColumn
    pre_settlement: FloatColumn
    pre_close: FloatColumn
    pre_open_interest: FloatColumn
    upper_limit: FloatColumn
    lower_limit: FloatColumn
    depth: Levels | None = None

    def __post_init__(self) -> None:
        count = len(self.seq)
        for name in COLUMNS:
            kind = np.int32 if name == "trading_day" else np.int64 if name in LONGS else np.float64
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=kind))
            if getattr(self, name).shape != (count,):
                raise ValueError(f"column {name} has shape {getattr(self, name).shape}, seq has {count} rows")
        if self.depth is not None and self.depth.shape != (count, DEPTH_WIDTH):
            raise ValueError(f"depth has shape {self.depth.shape}, not ({count}, {DEPTH_WIDTH})")

    @classmethod
    def empty(cls, instrument: str) -> Self:
        """A series without ticks."""
        columns: dict[str, Any] = {name: np.empty(0) for name in COLUMNS}
        return cls(instrument, **columns)

    @classmethod
    def of(cls, instrument: str, ticks: list[Tick]) -> Self:
        """The columns of ticks, which must be of ``instrument`` and in order."""
        columns = {name: np.array([getattr(tick, name) for tick in ticks]) for name in COLUMNS}
        depth = None
        if any(tick.depth is not None for tick in ticks):
            nothing = (np.nan,) * DEPTH_WIDTH
            depth = np.array([tick.depth or nothing for tick in ticks], dtype=np.float64)
        return cls(instrument, depth=depth, **columns)

    def __len__(self) -> int:
        return len(self.seq)

    def take(self, chosen: slice | npt.NDArray[np.bool_] | LongColumn) -> Self:
        """The chosen ticks as a series of their own."""
        columns = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return type(self)(self.instrument, depth=None if self.depth is None else self.depth[chosen], **columns)

    def rows(self) -> list[Tick]:
        """The ticks one by one, as plain Python numbers."""
        names = [field.name for field in fields(self) if field.name not in ("instrument", "depth")]
        columns = [getattr(self, name).tolist() for name in names]
        depth = [None] * len(self) if self.depth is None else [_levels(row) for row in self.depth]
        return [
            Tick(instrument=self.instrument, depth=levels, **dict(zip(names, row, strict=True)))
            for levels, *row in zip(depth, *columns, strict=True)
        ]

    def checksum(self) -> str:
        """SHA-256 (hex) over the number of ticks and every column, every NaN the same; the name is not in it."""
        digest = hashlib.sha256(struct.pack("<q", len(self)))
        for name in COLUMNS:
            column = getattr(self, name)
            if name in FLOATS:
                column = np.where(np.isnan(column), np.nan, column) + 0.0
            digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        if self.depth is not None:
            digest.update(np.where(np.isnan(self.depth), np.nan, self.depth).astype("<f8").tobytes())
        return digest.hexdigest()


def _levels(row: npt.NDArray[np.float64]) -> tuple[float, ...] | None:
    return None if np.isnan(row).all() else tuple(row.tolist())
