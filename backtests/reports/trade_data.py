"""The closed trades of a report, made of its fills, as the columns that the chart of excursions draws."""

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
    def of(cls, bars: BarSeries, fills: FillTable, multiplier: float) -> Self | None:
        """The newest trades. None without one, and for a run of several instruments: ``bars`` are those of one."""
        if not len(bars) or bool(fills.leg.any()):
            return None
        trades = trades_of(replace(fills, bar_index=np.searchsorted(bars.start, fills.start)), [multiplier])
        if not len(trades) or int(trades.exit_index.max()) >= len(bars):
            return None  # the stored bars are no longer the run's
        found = excursions(trades, [bars], [multiplier])
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
