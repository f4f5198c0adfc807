"""Turtle: breakouts of a price channel, in units that the market's range sizes, added to while it goes on."""

import math
from collections import deque
from dataclasses import dataclass

from marketdata.domain.bars import Bar
from marketdata.domain.indicators import STILL, wilder_memory
from quantsite.common.texts import say
from strategies.domain.averages import relation
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, UpdateKind
from trading.domain.offsets import Offset


class Turtle(BaseStrategy):
    """N is Wilder's average true range over ``atr`` bars, channels are highest highs and lowest lows of the bars
    before the running one. At each close, unless the order of an earlier decision still waits:

    - Flat: long one unit where the close is above the highest high of ``entry`` bars, short one where it is below
      the lowest low. N and the size of a unit are those of this close until flat again.
    - Long: out where the close is below the lowest low of ``exit_bars`` bars, or at or below the last opening
      price less ``stop`` N. Else one unit more, up to ``units``, where the close is at or above the last opening
      price plus ``add`` N. Short: the mirror image.

    A unit is the run's volume times the whole part of ``atr_ticks`` / (N in ticks), at least 1 and at most 10:
    the calmer the market, the larger. Decisions wait for ``entry`` earlier bars and the first N. Prices closer
    than 1e-9 of the close count as equal. An opening that is refused leaves the position as it is. (R. Dennis and
    W. Eckhardt's rule as published by C. Faith; orders at the next open instead of within the bar.)
    """

    name = "turtle"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Lengths in bars, distances in N; the way out must be shorter than the way in."""

        entry: int = parameter(20, minimum=2, maximum=2_000, step=1, description="Bars in the channel to enter")
        exit_bars: int = parameter(10, minimum=1, maximum=2_000, step=1, description="Bars in the channel to leave")
        atr: int = parameter(20, minimum=1, maximum=500, step=1, description="Bars in the average true range N")
        add: float = parameter(0.5, minimum=0.1, maximum=10.0, step=0.1, description="N between two units")
        stop: float = parameter(
            2.0, minimum=0.1, maximum=20.0, step=0.1, description="N from the last unit to its stop"
        )
        units: int = parameter(4, minimum=1, maximum=10, step=1, description="Units at most")
        atr_ticks: float = parameter(
            20.0, minimum=0.0, maximum=100_000.0, step=1.0, description="N in ticks at which a unit is the run's volume"
        )

        def check(self) -> dict[str, str]:
            """The channel to leave must be the shorter one."""
            if self.exit_bars < self.entry:
                return {}
            given = {"exit_bars": self.exit_bars, "entry": self.entry}
            return {"exit_bars": say("exit_bars (%(exit_bars)s) must be below entry (%(entry)s).", **given)}

    parameters: Parameters

    def warm_up(self) -> int:
        """Bars after which N has forgotten where it began (weight at most 1e-15), no fewer than the channel needs."""
        return max(self.parameters.entry, self.parameters.atr + wilder_memory(self.parameters.atr)) + 1

    def initialize(self) -> None:
        """Nothing seen, nothing held."""
        self._highs = deque[float](maxlen=self.parameters.entry)
        self._lows = deque[float](maxlen=self.parameters.entry)
        self._ranges = 0
        self._n = 0.0
        self._close = math.nan
        self._target = 0.0
        self._unit = 0.0
        self._unit_n = 0.0
        self._opened = math.nan
        self._signals: list[Signal] = []

    def on_market_data(self, bar: Bar) -> None:
        """Decide on the bar's close, then let the bar into the channels."""
        self._measure(bar)
        self._signals = []
        ready = len(self._highs) == self.parameters.entry and self._ranges >= self.parameters.atr
        if ready and abs(self.desk.position() - self._target) < STILL:
            self._decide(bar.close)
        self._highs.append(bar.high)
        self._lows.append(bar.low)

    def generate_signals(self) -> list[Signal]:
        """The new target, empty while it stays."""
        return self._signals

    def on_order_update(self, update: OrderUpdate) -> None:
        """Remember where the last unit was opened; what was refused or forced is not waited for."""
        if update.kind is UpdateKind.FILLED and update.offset == Offset.OPEN:
            self._opened = update.price
        if update.kind is not UpdateKind.FILLED or update.offset == Offset.FORCE_CLOSE:
            self._target = self.desk.position()

    def _measure(self, bar: Bar) -> None:
        """Move N on by the bar's true range."""
        before, self._close = self._close, bar.close
        if math.isnan(before):
            return
        span = max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))
        length = self.parameters.atr
        self._ranges += 1
        weight = min(self._ranges, length)  # the first N is the plain mean of as many ranges
        self._n += (span - self._n) / weight

    def _decide(self, close: float) -> None:
        if self._target == 0.0:
            self._enter(close)
            return
        side = 1 if self._target > 0 else -1
        if self._is_over(close, side):
            self._aim(0.0, "out")
        elif relation(side * (close - self._opened), self.parameters.add * self._unit_n, close) >= 0:
            held = round(abs(self._target) / self._unit)
            if held < self.parameters.units:
                self._aim(self._target + side * self._unit, "add")

    def _enter(self, close: float) -> None:
        side = (close > max(self._highs)) - (close < min(self._lows))
        if side:
            self._unit_n, self._unit = self._n, self._size(close)
            self._aim(side * self._unit, "breakout")

    def _is_over(self, close: float, side: int) -> bool:
        count = self.parameters.exit_bars
        edges = self._lows if side > 0 else self._highs
        recent = list(edges)[-count:]
        left = close < min(recent) if side > 0 else close > max(recent)
        return left or relation(side * (self._opened - close), self.parameters.stop * self._unit_n, close) >= 0

    def _size(self, close: float) -> float:
        """Times the run's volume: whole, from 1 to 10."""
        if self._n < STILL * abs(close):
            return 1.0
        return float(min(max(math.floor(self.parameters.atr_ticks * self.desk.tick() / self._n + STILL), 1), 10))

    def _aim(self, target: float, reason: str) -> None:
        self._target = target
        self._signals = [Signal(target, reason, (("N", self._unit_n), ("close", self._close)))]
