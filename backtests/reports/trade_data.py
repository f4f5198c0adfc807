"""The closed trades of a report, made of its fills, as the columns that the chart of excursions draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from backtests.domain.result import FillTable
from backtests.domain.statistics_market import excursions
from backtests.domain.statistics_pairing import trades_of
from backtests.reports.series import wall_clock_ms
from marketdata.domain.bars import BarSeries

Floats = npt.NDArray[np.float64]

MAX_TRADES = 4_000
"""More points than this hide each other and make the page heavy; the newest are drawn."""


@dataclass(frozen=True, slots=True)
class TradeMarks:
    """One row a closed trade: ``mae`` as the money lost at worst (0 or above), ``mfe`` gained at best, net ``profit``.

    ``entry`` and ``leave`` are the wall clock in ms of the bars; ``total`` counts the trades not drawn too.
    """

    mae: Floats
    mfe: Floats
    profit: Floats
    entry: Floats
    leave: Floats
    total: int

    @classmethod
    def of(cls, bars: Sequence[BarSeries], fills: FillTable, multipliers: Sequence[float]) -> Self | None:
        """The newest trades, with bars and multiplier of each leg.

        None without a trade, and where the bars are not those that the fills were made on.
        """
        trades = trades_of(replace(fills, bar_index=_places(bars, fills)), multipliers)
        if not len(trades) or bool((trades.entry_index < 0).any() or (trades.exit_index < 0).any()):
            return None
        found = excursions(trades, bars, multipliers)
        newest = slice(-MAX_TRADES, None)
        return cls(
            mae=0.0 - found.mae[newest],
            mfe=found.mfe[newest],
            profit=trades.net_profit[newest],
            entry=wall_clock_ms(trades.entry_start[newest]),
            leave=wall_clock_ms(trades.exit_start[newest]),
            total=len(trades),
        )

    def __len__(self) -> int:
        return len(self.mae)

    def columns(self, *, won: bool) -> dict[str, Floats]:
        """The columns of the trades that won, or of the others."""
        chosen = (self.profit > 0) == won
        every = {"mae": self.mae, "mfe": self.mfe, "profit": self.profit, "entry": self.entry, "time": self.leave}
        return {name: column[chosen] for name, column in every.items()}


def _places(bars: Sequence[BarSeries], fills: FillTable) -> npt.NDArray[np.int64]:
    """The number of the bar of each fill within the bars of its leg; -1 where those have no such bar."""
    places = np.full(len(fills), -1, dtype=np.int64)
    for leg, series in enumerate(bars):
        chosen = np.flatnonzero(fills.leg == leg)
        place = np.searchsorted(series.start, fills.start[chosen])
        known = place < len(series)
        known[known] = series.start[place[known]] == fills.start[chosen[known]]
        places[chosen[known]] = place[known]
    return places
