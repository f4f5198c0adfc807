"""Two moving averages: long when the fast one crosses above the slow one, short when it crosses below."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from marketdata.domain.bars import Bar, BarSeries, FloatColumn
from marketdata.domain.indicators import sma
from quantsite.common.texts import say
from strategies.domain.averages import crosses, relation
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Signal


class DoubleMa(BaseStrategy):
    """Simple moving averages of closes over ``fast`` and ``slow`` bars, the running bar included.

    Long at the close where the fast average is above the slow one and was at or below it on the bar before;
    short where it is below and was at or above. Both averages must be defined (``slow`` closes seen) on both
    bars. Averages closer than 1e-9 of the close count as equal. Bars without volume count like any other. A
    cross reverses the other side or opens when flat; otherwise the target stays.
    """

    name = "double_ma"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Lengths in bars; ``fast`` must be the shorter one."""

        fast: int = parameter(10, minimum=1, maximum=10_000, step=1, description="Bars in the fast average")
        slow: int = parameter(30, minimum=2, maximum=10_000, step=1, description="Bars in the slow average")

        def check(self) -> dict[str, str]:
            """The fast average must be shorter than the slow one."""
            if self.fast < self.slow:
                return {}
            given = {"fast": self.fast, "slow": self.slow}
            text = say("fast (%(fast)s) must be below slow (%(slow)s): lower fast or raise slow.", **given)
            return {"fast": text}

    parameters: Parameters

    def warm_up(self) -> int:
        """The slow average on this bar and on the one before."""
        return self.parameters.slow + 1

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """+1 and -1 on the bars of a cross, NaN elsewhere."""
        close = bars.close
        above, below = crosses(sma(close, self.parameters.fast), sma(close, self.parameters.slow), close)
        targets = np.full(len(close), np.nan)
        targets[above], targets[below] = 1.0, -1.0
        return targets

    def initialize(self) -> None:
        """Empty windows, nothing known."""
        self._fast_length, self._slow_length = self.parameters.fast, self.parameters.slow
        self._fast = deque[float](maxlen=self._fast_length)
        self._slow = deque[float](maxlen=self._slow_length)
        self._fast_sum = 0.0
        self._slow_sum = 0.0
        self._relation = 0
        self._cross = 0

    def on_market_data(self, bar: Bar) -> None:
        """Move both windows on by one close and note whether the averages crossed."""
        close, fast, slow = bar.close, self._fast, self._slow
        if len(slow) < self._slow_length:
            self._fill_up(close)
            return
        # Running sums: what rounding leaves in them over millions of bars stays far inside the tie's width.
        self._fast_sum += close - fast[0]
        self._slow_sum += close - slow[0]
        fast.append(close)
        slow.append(close)
        now = relation(self._fast_sum / self._fast_length, self._slow_sum / self._slow_length, close)
        self._cross = now if now != self._relation else 0
        self._relation = now

    def _fill_up(self, close: float) -> None:
        """Take one of the first ``slow`` closes; the last of them gives the first relation, and no cross yet."""
        fast, slow = self._fast, self._slow
        self._fast_sum += close - fast[0] if len(fast) == self._fast_length else close
        self._slow_sum += close
        fast.append(close)
        slow.append(close)
        if len(slow) == self._slow_length:
            self._relation = relation(self._fast_sum / self._fast_length, self._slow_sum / self._slow_length, close)

    def generate_signals(self) -> list[Signal]:
        """One signal on the bar of a cross, else none."""
        if not self._cross:
            return []
        values = (("fast", self._fast_sum / self._fast_length), ("slow", self._slow_sum / self._slow_length))
        return [Signal(self._cross, "cross above" if self._cross > 0 else "cross below", values)]
