"""Dual Thrust: each day two lines around the open; whichever the price reaches gives the side."""

import math
from dataclasses import dataclass

import numpy as np

from marketdata.domain.bars import BarSeries
from quantsite.common.numbers import round_to_tick
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Wake, WakeKind
from trading.domain.offsets import Direction

_SAME = 1e-6
"""Fraction of a tick by which a line may miss the grid and still lie on it."""


class DualThrust(BaseStrategy):
    """Over the last ``days`` complete trading days: HH the highest high, LL the lowest low, HC the highest and LC
    the lowest of their last closes; range = the larger of HH - LC and HC - LL. Upper line: open of the trading
    day + ``k1`` x range, rounded up to a tick; lower line: open - ``k2`` x range, rounded down.

    When the first bar of a trading day has closed, what rests of the day before (until then) is cancelled and two
    stop orders are placed: at the upper line to be long one unit, at the lower line to be short one. Either
    reverses the other side; each acts at most once a day, and what is held stays over night. A line beyond which
    the price lies already acts at the next open. No orders on a day with fewer than ``days`` trading days before
    it, nor where the range is 0. (M. Chalek's rule, as commonly told.)
    """

    name = "dual_thrust"
    wakes = frozenset({WakeKind.START, WakeKind.DAY})

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Days of the range, and its share on each side of the open."""

        days: int = parameter(4, minimum=1, maximum=100, step=1, description="Trading days in the range")
        k1: float = parameter(
            0.5, minimum=0.01, maximum=10.0, step=0.1, description="Share of the range above the open"
        )
        k2: float = parameter(
            0.5, minimum=0.01, maximum=10.0, step=0.1, description="Share of the range below the open"
        )

    parameters: Parameters

    def initialize(self) -> None:
        """Guess anew how many bars the days have."""
        self._asked = 64 * (self.parameters.days + 1)

    def on_wake(self, wake: Wake) -> None:
        """Replace yesterday's orders by today's."""
        self.desk.cancel_all()
        lines = self._lines(self._history(wake.bar.trading_day), wake.bar.trading_day)
        if lines is not None:
            lower, upper = lines
            self.desk.stop(1.0, upper, side=Direction.BUY, to_target=True)
            self.desk.stop(-1.0, lower, side=Direction.SELL, to_target=True)

    def _history(self, today: int) -> BarSeries:
        """Bars back to before the days of the range, or all there are: the first day shown may be cut short."""
        while True:
            history = self.desk.history(self._asked)
            before = np.unique(history.trading_day[history.trading_day < today])
            if len(before) > self.parameters.days or len(history) < self._asked:
                return history
            self._asked *= 2

    def _lines(self, history: BarSeries, today: int) -> tuple[float, float] | None:
        """Lower and upper line, ``None`` on a day without."""
        _, first = np.unique(history.trading_day, return_index=True)
        begin = len(first) - 1 - self.parameters.days
        if begin < 0 or history.trading_day[-1] != today:
            return None
        opening = first[-1]
        past = history.take(slice(int(first[begin]), int(opening)))
        closes = history.close[first[begin + 1 :] - 1]
        span = max(past.high.max() - closes.min(), closes.max() - past.low.min())
        if span <= 0.0:
            return None
        opened, tick = float(history.open[opening]), self.desk.tick()
        upper = math.ceil((opened + self.parameters.k1 * span) / tick - _SAME) * tick
        lower = math.floor((opened - self.parameters.k2 * span) / tick + _SAME) * tick
        return round_to_tick(lower, tick), round_to_tick(upper, tick)
