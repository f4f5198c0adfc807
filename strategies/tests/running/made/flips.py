"""A strategy for tests: long and short by turns, every few ticks."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class FlipsParameters(StrategyParameters):
    """How many ticks lie between two turns."""

    every: int = 5


class Flips(BaseStrategy):
    """Long, then short, and so on."""

    name = "flips"
    Parameters = FlipsParameters
    parameters: FlipsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0

    def on_tick(self, tick: Tick) -> None:
        """Count."""
        self.seen += 1

    def generate_signals(self) -> list[Signal]:
        """The other side, at the turns."""
        if self.seen % self.parameters.every:
            return []
        return [Signal(1.0 if self.seen // self.parameters.every % 2 else -1.0, "turn")]
