"""A strategy for tests: one limit order, below the market, at one of the first ticks."""

from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal


@dataclass(frozen=True, slots=True)
class BidsParameters(StrategyParameters):
    """At which tick it orders, and so many steps of the price below the last one."""

    at: int = 5
    below: int = 6


class Bids(BaseStrategy):
    """Waits for the market to come to it."""

    name = "bids"
    Parameters = BidsParameters
    parameters: BidsParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0

    def on_tick(self, tick: Tick) -> None:
        """Order once."""
        self.seen += 1
        if self.seen == self.parameters.at:
            self.desk.limit(1, tick.last - self.parameters.below * self.desk.tick())

    def generate_signals(self) -> list[Signal]:
        """It wants no position."""
        return []
