"""Closed trades out of a run's fills, for where the fills are stored and the trades are not."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from backtests.domain.result import FillTable, TradeTable
from trading.domain.offsets import Offset

DUST = 1e-9
"""A volume below this is what rounding left of a lot, not a lot."""


@dataclass(slots=True)
class _Lot:
    """What is left of an opening: the number of its fill, its volume, its commission a unit of volume."""

    fill: int
    volume: float
    commission: float


def trades_of(fills: FillTable, multipliers: Sequence[float]) -> TradeTable:
    """The closed lots of ``fills``, first in first out in each leg and side, in the order of the closes.

    As the engine pairs them: ``net_profit`` is direction x (exit - entry) x volume x multiplier less the shares of
    both commissions. A close of several lots gives one row each. A close of more than was opened (a part of a
    run's fills) is left out for the rest.
    """
    opened: dict[tuple[int, int], deque[_Lot]] = {}
    rows: list[tuple[int, int, float, float]] = []
    columns = (fills.leg, fills.direction, fills.offset, fills.volume, fills.commission)
    for number, (leg, side, offset, volume, paid) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        if offset == Offset.OPEN:
            opened.setdefault((leg, side), deque()).append(_Lot(number, volume, paid / volume))
        else:
            rows += _taken(opened.get((leg, -side), deque()), number, volume, paid / volume)
    return _table(fills, rows, multipliers)


def _taken(lots: deque[_Lot], number: int, volume: float, commission: float) -> list[tuple[int, int, float, float]]:
    """Rows of (opening fill, closing fill, volume, commission) that one close takes from the oldest lots."""
    rows = []
    while lots and volume > DUST:
        lot = lots[0]
        part = min(lot.volume, volume)
        rows.append((lot.fill, number, part, part * (lot.commission + commission)))
        lot.volume -= part
        volume -= part
        if lot.volume <= DUST:
            lots.popleft()
    return rows


def _table(fills: FillTable, rows: list[tuple[int, int, float, float]], multipliers: Sequence[float]) -> TradeTable:
    entry, leave = (np.array([*map(itemgetter(place), rows)], dtype=np.int64) for place in (0, 1))
    volume, paid = (np.array([*map(itemgetter(place), rows)], dtype=np.float64) for place in (2, 3))
    direction, leg = fills.direction[entry], fills.leg[entry]
    worth = np.asarray(multipliers, dtype=np.float64)[leg]
    return TradeTable(
        entry_start=fills.start[entry],
        exit_start=fills.start[leave],
        entry_day=fills.trading_day[entry],
        exit_day=fills.trading_day[leave],
        direction=direction,
        entry_price=fills.price[entry],
        exit_price=fills.price[leave],
        volume=volume,
        net_profit=direction * (fills.price[leave] - fills.price[entry]) * volume * worth - paid,
        entry_index=fills.bar_index[entry],
        exit_index=fills.bar_index[leave],
        leg=leg,
    )
