"""Momentum across instruments: long those that rose most, short those that rose least, ranked anew each day."""

from collections import deque
from dataclasses import dataclass

from marketdata.domain.bars import Bar
from strategies.domain.averages import TIE
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Signal


class MomentumPortfolio(BaseStrategy):
    """Counts the bars at whose time every leg has one. The momentum of a leg is its close divided by its close
    ``length`` such bars earlier, less 1.

    On the first such bar of each trading day (the one before lay on another day) the legs are ranked by momentum: the
    ``hold`` highest are held one unit long, the ``hold`` lowest one unit short, the others not at all; of fewer than
    twice ``hold`` legs half of them, rounded down, on each side. Momenta closer than 1e-9 count as equal: then the leg
    named first is the higher one. Nothing is decided before there are ``length`` earlier bars. Every ranking gives the
    targets of all legs again, so that an opening refused for want of funds is tried again a day later. (Winners less
    losers, after N. Jegadeesh and S. Titman, "Returns to buying winners and selling losers", 1993.)
    """

    name = "momentum_portfolio"
    legs = 0

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """How far back, and how many on each side."""

        length: int = parameter(480, minimum=1, maximum=100_000, step=1, description="Common bars of the momentum")
        hold: int = parameter(1, minimum=1, maximum=25, step=1, description="Legs held on each side")

    parameters: Parameters

    def warm_up(self) -> int:
        """The bars of the momentum, this one included."""
        return self.parameters.length + 1

    def initialize(self) -> None:
        """No closes, no day."""
        self._closes = deque[tuple[float, ...]](maxlen=self.parameters.length + 1)
        self._day = 0
        self._signals: list[Signal] = []

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        """Take in the closes, and rank on the first common bar of a day."""
        self._signals = []
        together = [bar for bar in bars if bar is not None]
        if len(together) < len(bars):
            return
        before, self._day = self._day, together[0].trading_day
        self._closes.append(tuple(bar.close for bar in together))
        if self._day != before and len(self._closes) > self.parameters.length:
            self._rank()

    def generate_signals(self) -> list[Signal]:
        """The targets of all legs where they were ranked, else none."""
        return self._signals

    def _rank(self) -> None:
        then, now = self._closes[0], self._closes[-1]
        momenta = [close / early - 1.0 for close, early in zip(now, then, strict=True)]
        # A grid as fine as a tie: what is equal ranks in the order of the legs.
        order = sorted(range(len(momenta)), key=lambda leg: (-round(momenta[leg] / TIE), leg))
        side = min(self.parameters.hold, len(order) // 2)
        high, low = set(order[:side]), set(order[len(order) - side :])
        self._signals = [
            Signal(float((leg in high) - (leg in low)), "rank", (("momentum", momenta[leg]),), leg)
            for leg in range(len(momenta))
        ]
