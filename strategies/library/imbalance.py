"""Order-book imbalance: with the side of the best quotes that is the heavier one, tick by tick."""

import math
from collections import deque
from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from quantsite.common.texts import say
from strategies.domain.averages import relation
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Signal


class Imbalance(BaseStrategy):
    """The lean of a tick is (bid size - ask size) / (bid size + ask size) of the best quotes, between -1 and 1; a tick
    without both quotes has none and leaves everything as it is. The mean is that of the last ``length`` leans of the
    trading day, this one included; before there are so many nothing is decided.

    Long where the mean comes to ``enter`` or above, short where it comes to -``enter`` or below, both only while the
    quotes lie at most ``spread`` price ticks apart; flat where its size comes to ``leave`` or below. Between the two
    sizes the position stays. "Comes to" looks at the tick before, so that each crossing is one decision; the first
    mean of a day counts as one. Means closer than 1e-9 count as equal. (The imbalance of the best quotes as a sign of
    the next change of the price: R. Cont, A. Kukanov and S. Stoikov, "The price impact of order book events", 2014.)
    """

    name = "imbalance"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Leans in the mean, the sizes of it that lead in and out, and how wide the quotes may be."""

        length: int = parameter(20, minimum=1, maximum=10_000, step=1, description="Ticks in the mean")
        enter: float = parameter(0.6, minimum=0.05, maximum=1.0, step=0.05, description="Mean at which to enter")
        leave: float = parameter(0.1, minimum=0.0, maximum=0.95, step=0.05, description="Mean at which to leave")
        spread: int = parameter(1, minimum=1, maximum=1_000, step=1, description="Price ticks between the quotes")

        def check(self) -> dict[str, str]:
            """The way out must lie inside of the way in."""
            if self.leave < self.enter:
                return {}
            given = {"leave": self.leave, "enter": self.enter}
            return {"leave": say("leave (%(leave)s) must be below enter (%(enter)s).", **given)}

    parameters: Parameters

    def warm_up(self) -> int:
        """The leans of the mean, and the tick before."""
        return self.parameters.length + 1

    def initialize(self) -> None:
        """No leans, no day."""
        self._leans = deque[float](maxlen=self.parameters.length)
        self._day = 0
        self._zone: int | None = None
        self._signals: list[Signal] = []

    def on_tick(self, tick: Tick) -> None:
        """Take in the lean and decide."""
        self._signals = []
        if tick.trading_day != self._day:
            self._day, self._zone = tick.trading_day, None
            self._leans.clear()
        if math.isnan(tick.bid_price) or math.isnan(tick.ask_price) or tick.bid_volume + tick.ask_volume <= 0:
            return
        self._leans.append((tick.bid_volume - tick.ask_volume) / (tick.bid_volume + tick.ask_volume))
        if len(self._leans) == self.parameters.length:
            self._decide(tick)

    def generate_signals(self) -> list[Signal]:
        """Where the mean has crossed, else none."""
        return self._signals

    def _decide(self, tick: Tick) -> None:
        mean = math.fsum(self._leans) / len(self._leans)
        before, self._zone = self._zone, self._zone_of(mean, tick.ask_price - tick.bid_price)
        if self._zone is not None and self._zone != before:
            reason = "lean" if self._zone else "level"
            self._signals = [Signal(float(self._zone), reason, (("mean", mean),))]

    def _zone_of(self, mean: float, width: float) -> int | None:
        """1 and -1 where one enters, 0 where one leaves, None between."""
        if relation(abs(mean), self.parameters.leave, 1.0) <= 0:
            return 0
        wide = relation(width, self.parameters.spread * self.desk.tick(), width) > 0
        if wide or relation(abs(mean), self.parameters.enter, 1.0) < 0:
            return None
        return 1 if mean > 0 else -1
