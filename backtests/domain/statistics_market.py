"""Figures of a run that need its bars or the worth of a point: turnover, exposure, the worst and best of each trade.

A run of several instruments gives the bars and multipliers of its legs in their order, the number of the leg
being the ``leg`` column of its fills and trades.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable, TradeTable
from backtests.domain.statistics_ranges import extremes
from backtests.domain.statistics_returns import finite
from marketdata.domain.bars import BarSeries

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

PARTS_OF_A_LOT = 1_000_000
"""Volumes are added up as whole millionths: what was bought and sold again cancels out exactly, and faster."""


class Excursions(NamedTuple):
    """How far each trade went against its holder (``mae``, 0 or below) and for him (``mfe``, 0 or above).

    In money, before commission; shape ``(trades,)``.
    """

    mae: Floats
    mfe: Floats


def excursions(trades: TradeTable, bars: Sequence[BarSeries], multipliers: Sequence[float]) -> Excursions:
    """Maximum adverse and favourable excursion of each trade.

    Seen are the entry price, high and low of every bar from the entry's to the one before the exit's, and the
    exit price: of the bar that closes a trade nobody knows what came before the close, and at an open nothing
    did. Of the bar of an entry inside the bar (a limit or stop order) all is counted.
    """
    found = Excursions(np.empty(len(trades)), np.empty(len(trades)))
    for leg, (series, multiplier) in enumerate(zip(bars, multipliers, strict=True)):
        chosen = slice(None) if len(bars) == 1 else np.flatnonzero(trades.leg == leg)
        rise, fall = _moves(trades, chosen, series)
        money = trades.direction[chosen] * trades.volume[chosen] * multiplier  # below 0 for a short one
        rise *= money
        fall *= money
        found.mae[chosen] = np.minimum(rise, fall)
        found.mfe[chosen] = np.maximum(rise, fall)
    return found


def _moves(trades: TradeTable, chosen: slice | Longs, series: BarSeries) -> tuple[Floats, Floats]:
    """How far the price rose above and fell below the entry of each chosen trade: ``>= 0`` and ``<= 0``."""
    entry, leave = trades.entry_price[chosen], trades.exit_price[chosen]
    first, stop = trades.entry_index[chosen], trades.exit_index[chosen]
    high, low = extremes(series.high, series.low, first, stop)
    whole = stop > first
    if not bool(whole.all()):
        high, low = np.where(whole, high, leave), np.where(whole, low, leave)
    return np.maximum(np.maximum(high, leave) - entry, 0.0), np.minimum(np.minimum(low, leave) - entry, 0.0)


def turnover(fills: FillTable, multipliers: Sequence[float]) -> float | None:
    """Price x volume x multiplier of all fills, openings and closes, in money."""
    if len(multipliers) == 1:
        return finite(float(np.add.reduce(fills.price * fills.volume)) * multipliers[0])
    return finite(float((fills.price * fills.volume) @ np.asarray(multipliers, dtype=np.float64)[fills.leg]))


def annual_turnover(money: float | None, equity: Floats, annual_days: int) -> float | None:
    """How many times a year the mean equity was traded: ``money / mean(E) * A / n``.

    None without a day or where the mean equity is not positive.
    """
    mean = float(equity.mean()) if len(equity) else 0.0
    return None if money is None or mean <= 0 else finite(money / mean * annual_days / len(equity))


def exposure(fills: FillTable, bars: Sequence[BarSeries]) -> float | None:
    """Share of the bars that ended with an open position, over the bars of all legs. None without a bar."""
    total = sum(map(len, bars))
    if not total:
        return None
    held = sum(_held_bars(fills, leg, len(series), len(bars)) for leg, series in enumerate(bars))
    return finite(held / total)


def _held_bars(fills: FillTable, leg: int, bar_count: int, legs: int) -> int:
    """How many bars of one leg ended with a position: all from its first fill on, less those spent flat.

    What is held after a fill is held until the bar of the next one; of several fills in a bar the last counts.
    """
    chosen = slice(None) if legs == 1 else np.flatnonzero(fills.leg == leg)
    at = fills.bar_index[chosen]
    if not len(at):
        return 0
    traded = np.rint(fills.direction[chosen] * fills.volume[chosen] * PARTS_OF_A_LOT).astype(np.int64)
    flat = np.flatnonzero(traded.cumsum() == 0)
    until = np.append(at, bar_count)
    return int(bar_count - at[0] - np.add.reduce(until[flat + 1] - at[flat]))
