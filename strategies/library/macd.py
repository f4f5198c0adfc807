"""MACD: long when its line crosses above its signal line, short when it crosses below."""

from dataclasses import dataclass

import numpy as np

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicators import ema_memory, macd
from quantsite.common.texts import say
from strategies.domain.averages import crosses
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy


class Macd(BaseStrategy):
    """MACD line: exponential average of closes over ``fast`` bars less that over ``slow`` bars, the running bar
    included; signal line: exponential average of the MACD line over ``signal`` bars (weights 2 / (length + 1)).

    Long at the close where the MACD line is above its signal line and was at or below it on the bar before; short
    where it is below and was at or above. The first ``slow + signal - 2`` bars have no signal line. Lines closer
    than 1e-9 of the close count as equal. A cross reverses the other side or opens when flat; otherwise the
    target stays.
    """

    name = "macd"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Lengths in bars; ``fast`` must be shorter than ``slow``."""

        fast: int = parameter(12, minimum=2, maximum=500, step=1, description="Bars in the fast average")
        slow: int = parameter(26, minimum=3, maximum=500, step=1, description="Bars in the slow average")
        signal: int = parameter(
            9, minimum=2, maximum=500, step=1, description="Bars in the average of their difference"
        )

        def check(self) -> dict[str, str]:
            """The fast average must be shorter than the slow one."""
            if self.fast < self.slow:
                return {}
            given = {"fast": self.fast, "slow": self.slow}
            return {"fast": say("fast (%(fast)s) must be below slow (%(slow)s): lower fast or raise slow.", **given)}

    parameters: Parameters

    def warm_up(self) -> int:
        """Look-back, then so many bars that both averages have forgotten where they began, one after the other.

        ``slow + signal + m(slow) + m(signal)``, ``m(length)`` the least number of bars after which the weight
        ``(1 - 2 / (length + 1)) ** m`` is at most 1e-15.
        """
        slow, signal = self.parameters.slow, self.parameters.signal
        return slow + signal + ema_memory(slow) + ema_memory(signal)

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """+1 and -1 on the bars of a cross, NaN elsewhere."""
        lengths = self.parameters
        line, signal = macd(bars.close, lengths.fast, lengths.slow, lengths.signal)
        above, below = crosses(line, signal, bars.close)
        targets = np.full(len(bars), np.nan)
        targets[above], targets[below] = 1.0, -1.0
        return targets
