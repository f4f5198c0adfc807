"""A spread of two instruments: against it where it lies far from its mean, out where it is back."""

import math
from collections import deque
from dataclasses import dataclass

from marketdata.domain.bars import Bar
from strategies.domain.averages import TIE, relation
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, UpdateKind


class Spread(BaseStrategy):
    """The spread is the close of the first leg less ``ratio`` times the close of the second, taken whenever both
    have a bar; z is its distance from the mean of its last ``length`` values, this one included, in population
    standard deviations of the same values.

    Where z is at or above ``entry``: one unit short of the first leg and ``lots`` units long of the second; at or
    below -``entry``: the other way round. Held short it is closed where z is at or below 0, held long where z is
    at or above 0. No decision before ``length`` values nor where they do not differ (deviation below 1e-9 of the
    first close). Values of z closer than 1e-9 count as equal. Where an opening is refused on one leg, both legs
    are closed, and none is entered before z has been nearer than ``entry`` again.
    """

    name = "spread"
    legs = 2

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Length in bars, distance in standard deviations, and how the legs weigh."""

        length: int = parameter(100, minimum=2, maximum=2_000, step=1, description="Values in the mean")
        entry: float = parameter(2.0, minimum=0.1, maximum=10.0, step=0.1, description="z at which to enter")
        ratio: float = parameter(1.0, minimum=0.0001, maximum=10_000.0, description="Weight of the second price")
        lots: int = parameter(1, minimum=1, maximum=1_000, step=1, description="Units of leg two for one of leg one")

    parameters: Parameters

    def warm_up(self) -> int:
        """The values of the mean."""
        return self.parameters.length

    def initialize(self) -> None:
        """No values, no side."""
        self._values = deque[float](maxlen=self.parameters.length)
        self._side = 0
        self._refused = False
        self._barred = False
        self._signals: list[Signal] = []

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        """Take in the spread and decide."""
        self._signals = []
        if self._refused:
            self._refused, self._barred = False, True
            self._take(0, math.nan)
        first, second = bars
        if first is None or second is None:
            return
        self._values.append(first.close - self.parameters.ratio * second.close)
        if len(self._values) == self.parameters.length and not self._signals:
            self._decide(first.close)

    def generate_signals(self) -> list[Signal]:
        """Both legs on a change of side, else none."""
        return self._signals

    def on_order_update(self, update: OrderUpdate) -> None:
        """One leg without the other is no spread."""
        if update.kind is UpdateKind.REJECTED:
            self._refused = True

    def _decide(self, price: float) -> None:
        values = self._values
        mean = math.fsum(values) / len(values)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        if deviation < TIE * abs(price):
            return
        z = (values[-1] - mean) / deviation
        self._barred = self._barred and relation(abs(z), self.parameters.entry, 1.0) >= 0
        side = 0 if self._barred else self._side_at(z)
        if side != self._side:
            self._take(side, z)

    def _side_at(self, z: float) -> int:
        if relation(z, self.parameters.entry, 1.0) >= 0:
            return -1
        if relation(z, -self.parameters.entry, 1.0) <= 0:
            return 1
        back = self._side and relation(self._side * z, 0.0, 1.0) >= 0
        return 0 if back else self._side

    def _take(self, side: int, z: float) -> None:
        self._side = side
        values = (("z", z),)
        reason = "enter" if side else "leave"
        self._signals = [
            Signal(float(side), reason, values, leg=0),
            Signal(float(-side * self.parameters.lots), reason, values, leg=1),
        ]
