"""What a comparison is made of: a plain value that stored runs or fresh results can fill."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtests.domain.comparison import Correlation, FactRow, FigureRow, correlations, different_facts, figure_rows
from backtests.domain.result import DayTable
from backtests.reports.report_input import Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One finished run; ``facts`` were given to it, ``warnings`` are the sentences stored with it."""

    run: int
    strategy: str
    instrument: str
    interval: str
    parameters: Mapping[str, Any]
    capital: float
    days: DayTable
    statistics: Mapping[str, Figures]
    facts: Mapping[str, Any]
    result_hash: str
    warnings: tuple[str, ...] = ()
    simulated: bool = False
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """At least two runs in the order asked for; the first is what the others are measured against."""

    runs: tuple[ComparedRun, ...]

    def facts(self) -> list[FactRow]:
        """What was given to the runs, where it differs."""
        return different_facts([run.facts for run in self.runs])

    def figures(self) -> list[FigureRow]:
        """Every statistic of every run."""
        return figure_rows([run.statistics for run in self.runs])

    def correlations(self) -> list[list[Correlation]]:
        """Of the daily returns of each run with each."""
        return correlations([(run.days.trading_day, run.days.equity, run.capital) for run in self.runs])

    def is_same_period(self) -> bool:
        """Whether every run has the same trading days."""
        first = self.runs[0].days.trading_day
        return all(np.array_equal(run.days.trading_day, first) for run in self.runs)
