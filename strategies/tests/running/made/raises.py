"""A strategy for tests: it raises an error at each tick from one on."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class RaisesParameters(StrategyParameters):
    """The tick at which it begins."""

    at: int = 8


class Raises(BaseStrategy):
    """Long from the first tick on, until it raises an error at each tick from one on."""

    name = "raises"
    Parameters = RaisesParameters
    parameters: RaisesParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0
        self.kept: list[bytearray] = []

    def on_tick(self, tick: Tick) -> None:
        """Count, until it is too much."""
        self.seen += 1
        if self.seen >= self.parameters.at:
            raise ValueError(f"tick {self.seen} is one too many")

    def generate_signals(self) -> list[Signal]:
        """Long."""
        return [Signal(1.0, "long")] if self.seen == 1 else []
