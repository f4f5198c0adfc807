"""Bollinger bands: with the close that breaks out of them, or against it; out when it crosses the middle line."""

from dataclasses import dataclass

import numpy as np

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicators import bollinger
from strategies.domain.averages import crosses
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy

BREAKOUT, REVERSION = "breakout", "reversion"


class Bollinger(BaseStrategy):
    """Middle line: simple average of closes over ``length`` bars, the running bar included; bands: ``width``
    population standard deviations of the same closes above and below it.

    A close *crosses above* a line where it lies above the line of its bar and the close before lay at or below
    the line of its own; *below* the other way round. Mode ``breakout``: long where the close crosses above the
    upper band, short where it crosses below the lower one. Mode ``reversion``: long where it crosses below the
    lower band, short where it crosses above the upper one. In both: flat where it crosses the middle line in
    either direction, unless it crosses a band on the same bar. The first ``length - 1`` bars have no lines.
    Values closer than 1e-9 of the close count as equal.
    """

    name = "bollinger"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Length in bars, width in standard deviations."""

        length: int = parameter(20, minimum=2, maximum=2_000, step=1, description="Bars in the average")
        width: float = parameter(2.0, minimum=0.1, maximum=10.0, step=0.1, description="Standard deviations to a band")
        mode: str = parameter(BREAKOUT, choices=(BREAKOUT, REVERSION), description="With the break or against it")

    parameters: Parameters

    def warm_up(self) -> int:
        """The lines of this bar and of the one before."""
        return self.parameters.length + 1

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """+1 and -1 on the bars that cross a band, 0 on those that cross the middle line only, NaN elsewhere."""
        close = bars.close
        lower, middle, upper = bollinger(close, self.parameters.length, self.parameters.width)
        breaks_up, _ = crosses(close, upper, close)
        _, breaks_down = crosses(close, lower, close)
        with_break = 1.0 if self.parameters.mode == BREAKOUT else -1.0
        targets = np.full(len(close), np.nan)
        for crossed in crosses(close, middle, close):
            targets[crossed] = 0.0
        targets[breaks_up], targets[breaks_down] = with_break, -with_break
        return targets
