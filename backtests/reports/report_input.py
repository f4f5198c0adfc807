"""What a report is made of: a plain value that a stored run or a fresh result can fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from backtests.domain.result import DayTable, FillTable
from backtests.domain.statistics_conventions import CONVENTIONS, Convention
from marketdata.domain.bars import BarSeries

Figures = Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInput:
    """One finished run.

    ``costs`` is ``CostTable.document()``, ``statistics`` has the blocks ``standard`` and ``vnpy``, ``warnings``
    the sentences stored with the run. ``bars`` are those of the run's first instrument (None leaves the price charts
    out), ``further`` those of the others in their order, whose costs stand under ``legs`` in ``costs``; of
    ``fills`` the columns ``bar_index`` and ``slippage`` are not read. ``missing_bars`` counts bars that the
    session table expects and the data lacks, None where nobody counted. ``run`` is the row's number, None for
    a result that is not stored. ``red_up`` is the reader's choice of colours, ``rules`` are
    those that differ from a plain run. ``data_quality`` is the document of ``data_quality_of``, empty for a run that
    has none. ``moments`` are the instants (ns UTC) of fills that no strategy made: there is no ``strategy`` then, and
    no ``volume``.
    """

    strategy: str
    instrument: str
    interval: str
    parameters: Mapping[str, Any]
    costs: Mapping[str, Any]
    capital: float
    volume: float
    bars: BarSeries | None
    fills: FillTable
    days: DayTable
    statistics: Mapping[str, Figures]
    end_equity: float
    result_hash: str
    engine_version: str
    source_hash: str
    data_hash: str = ""
    warnings: tuple[str, ...] = ()
    simulated: bool = False
    missing_bars: int | None = None
    run: int | None = None
    owner: str = ""
    finished_at: datetime | None = None
    seed: int | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    red_up: bool = True
    further: tuple[BarSeries, ...] = ()
    data_quality: Mapping[str, Any] = field(default_factory=dict)
    conventions: Mapping[str, Convention] = field(default_factory=lambda: CONVENTIONS)
    moments: npt.NDArray[np.int64] | None = None

    @property
    def series(self) -> tuple[BarSeries, ...]:
        """The bars of all instruments, none where there are none."""
        return () if self.bars is None or not len(self.bars) else (self.bars, *self.further)


def multipliers_of(costs: Mapping[str, Any]) -> list[float]:
    """Units of goods in one lot of each instrument of a run, out of its cost document."""
    return [float(table["multiplier"]) for table in (costs, *costs.get("legs", ()))]


def ticks_of(costs: Mapping[str, Any]) -> list[float]:
    """The price tick of each instrument of a run, out of its cost document."""
    return [float(table["price_tick"]) for table in (costs, *costs.get("legs", ()))]
