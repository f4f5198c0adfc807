"""A strategy for tests: it takes long for each of its ticks, computing or asleep."""

import time
from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class DawdlesParameters(StrategyParameters):
    """How long it takes (seconds of the processor where it computes, else of the clock), and whether it computes."""

    seconds: float = 0.5
    computes: bool = True


class Dawdles(BaseStrategy):
    """Late at every tick, and without a wish."""

    name = "dawdles"
    Parameters = DawdlesParameters
    parameters: DawdlesParameters

    def on_tick(self, tick: Tick) -> None:
        """Take its time."""
        if not self.parameters.computes:
            time.sleep(self.parameters.seconds)
            return
        until = time.process_time() + self.parameters.seconds
        while time.process_time() < until:
            pass

    def generate_signals(self) -> list[Signal]:
        """Nothing."""
        return []
