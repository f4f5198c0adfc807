"""A strategy for tests: long from the first tick on, and another target from a later one on."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class HoldsParameters(StrategyParameters):
    """The tick from which on another target is wanted; 0: never."""

    at: int = 0
    then: float = 0.0


class Holds(BaseStrategy):
    """Long, until told otherwise."""

    name = "holds"
    Parameters = HoldsParameters
    parameters: HoldsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0

    def on_tick(self, tick: Tick) -> None:
        """Count."""
        self.seen += 1

    def generate_signals(self) -> list[Signal]:
        """One unit; later the other target."""
        if self.seen == 1:
            return [Signal(1.0, "long")]
        return [Signal(self.parameters.then, "other")] if self.seen == self.parameters.at else []
