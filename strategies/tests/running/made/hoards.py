"""A strategy for tests: it keeps more and more, all of which has to be stored."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class HoardsParameters(StrategyParameters):
    """The tick at which it begins."""

    at: int = 8


class Hoards(BaseStrategy):
    """Long from the first tick on; from one on it keeps a megabyte more with each."""

    name = "hoards"
    Parameters = HoardsParameters
    parameters: HoardsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0
        self.kept = ""

    def on_tick(self, tick: Tick) -> None:
        """Count, and keep."""
        self.seen += 1
        if self.seen >= self.parameters.at:
            self.kept += "x" * (1 << 20)

    def generate_signals(self) -> list[Signal]:
        """Long."""
        return [Signal(1.0, "long")] if self.seen == 1 else []
