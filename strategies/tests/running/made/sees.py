"""A strategy for tests: long, and it tells the close of each bar that it sees."""

from marketdata.domain.bars import Bar
from strategies.domain.strategy import BaseStrategy, Signal


class Sees(BaseStrategy):
    """Long; the values of its signals are what it saw."""

    name = "sees"

    def initialize(self) -> None:
        """Nothing seen."""
        self.close = 0.0

    def on_market_data(self, bar: Bar) -> None:
        """Remember the close."""
        self.close = bar.close

    def generate_signals(self) -> list[Signal]:
        """Long, whatever it saw."""
        return [Signal(1.0, "seen", (("close", self.close),))]
