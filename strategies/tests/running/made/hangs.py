"""A strategy for tests: it never comes back from one of its ticks."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class HangsParameters(StrategyParameters):
    """The tick at which it begins."""

    at: int = 8


class Hangs(BaseStrategy):
    """Long from the first tick on, until it never comes back from one of its ticks."""

    name = "hangs"
    Parameters = HangsParameters
    parameters: HangsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0
        self.kept: list[bytearray] = []

    def on_tick(self, tick: Tick) -> None:
        """Count, until it is too much."""
        self.seen += 1
        if self.seen == self.parameters.at:
            while True:
                pass

    def generate_signals(self) -> list[Signal]:
        """Long."""
        return [Signal(1.0, "long")] if self.seen == 1 else []
