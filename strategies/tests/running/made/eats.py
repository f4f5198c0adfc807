"""A strategy for tests: it takes all the memory that there is."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class EatsParameters(StrategyParameters):
    """The tick at which it begins."""

    at: int = 8


class Eats(BaseStrategy):
    """Long from the first tick on, until it takes all the memory that there is."""

    name = "eats"
    Parameters = EatsParameters
    parameters: EatsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0
        self.kept: list[bytearray] = []

    def on_tick(self, tick: Tick) -> None:
        """Count, until it is too much."""
        self.seen += 1
        while self.seen >= self.parameters.at:
            self.kept.append(bytearray(1 << 20))

    def generate_signals(self) -> list[Signal]:
        """Long."""
        return [Signal(1.0, "long")] if self.seen == 1 else []
