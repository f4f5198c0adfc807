"""RSI: long when the index comes back up out of the oversold range, short when it comes back down."""

from dataclasses import dataclass

import numpy as np

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicators import rsi, wilder_memory
from quantsite.common.texts import say
from strategies.domain.averages import crosses
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy

SCALE = 100.0
"""The index runs from 0 to 100: values closer than 1e-9 of that count as equal."""


class Rsi(BaseStrategy):
    """Wilder's relative strength index of closes over ``length`` bars, the running bar included.

    Long at the close where the index is above ``low`` and was at or below it on the bar before; short where it is
    below ``high`` and was at or above it. The first ``length`` bars have no index. Where the average movement up
    and down together is below 1e-9 of the close, the index is 50. Values closer than 1e-7 count as equal. A signal
    reverses the other side or opens when flat; otherwise the target stays.
    """

    name = "rsi"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Length in bars, limits of the index; ``low`` must lie below ``high``."""

        length: int = parameter(14, minimum=2, maximum=500, step=1, description="Bars in the index")
        low: float = parameter(30.0, minimum=1.0, maximum=99.0, step=1.0, description="Oversold at or below")
        high: float = parameter(70.0, minimum=1.0, maximum=99.0, step=1.0, description="Overbought at or above")

        def check(self) -> dict[str, str]:
            """The ranges must not touch."""
            if self.low < self.high:
                return {}
            given = {"low": self.low, "high": self.high}
            return {"low": say("low (%(low)s) must be below high (%(high)s): lower low or raise high.", **given)}

    parameters: Parameters

    def warm_up(self) -> int:
        """Look-back on this bar and the one before, then until Wilder's averages have forgotten where they began.

        ``length + 1 + m``, ``m`` the least number of bars after which ``(1 - 1 / length) ** m`` is at most 1e-15.
        """
        return self.parameters.length + 1 + wilder_memory(self.parameters.length)

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """+1 where the index leaves the oversold range, -1 where it leaves the overbought one, NaN elsewhere."""
        index = rsi(bars.close, self.parameters.length)
        leaves_low, _ = crosses(index, self.parameters.low, SCALE)
        _, leaves_high = crosses(index, self.parameters.high, SCALE)
        targets = np.full(len(bars), np.nan)
        targets[leaves_low], targets[leaves_high] = 1.0, -1.0
        return targets
