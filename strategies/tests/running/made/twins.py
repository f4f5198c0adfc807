"""A strategy for tests: long the first leg and short the second, from the first bar of both on."""

from collections.abc import Sequence

from marketdata.domain.bars import Bar
from strategies.domain.strategy import BaseStrategy, Signal


class Twins(BaseStrategy):
    """A unit of each leg, on either side."""

    name = "twins"
    legs = 2

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0

    def on_bars(self, bars: Sequence[Bar | None]) -> None:
        """Count those that closed on both legs."""
        self.seen += None not in bars

    def generate_signals(self) -> list[Signal]:
        """Both legs, once."""
        return [Signal(1.0, "long", leg=0), Signal(-1.0, "short", leg=1)] if self.seen == 1 else []
