"""A grid of resting limit orders: buys below an anchor, sells above it, each answered one spacing further back."""

from dataclasses import dataclass

from quantsite.common.numbers import round_to_tick
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, Reply, Wake


class Grid(BaseStrategy):
    """At the close of the first bar ``levels`` buy limits are placed below the anchor and ``levels`` sell limits
    above it, one unit each, ``spacing`` ticks apart, the nearest one spacing away. A buy that fills places a sell
    one spacing above it, a sell a buy one spacing below; once that is filled the first order is placed anew, and
    so on to the end of the run. Orders close what lies on the other side first, so the position is never more
    than ``levels`` units.

    The anchor is the close of the first bar, or the parameter where it is above 0, on the tick grid. A buy whose
    price would not be above 0 is left out. An order rests from the next bar on; a bar that has reached several
    prices fills each of them, but what a fill places is matched against later bars only.
    """

    name = "grid"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        """Orders on each side, ticks between them, and the price in the middle."""

        levels: int = parameter(10, minimum=1, maximum=500, step=1, description="Orders on each side")
        spacing: int = parameter(10, minimum=1, maximum=10_000, step=1, description="Ticks between two orders")
        anchor: float = parameter(0.0, minimum=0.0, description="Price in the middle; 0: the close of the first bar")

    parameters: Parameters

    def on_wake(self, wake: Wake) -> None:
        """Called once, at the start: every later order is a reply that the exchange's book places by itself."""
        tick = self.desk.tick()
        anchor = round_to_tick(self.parameters.anchor or wake.bar.close, tick)
        distance = self.parameters.spacing * tick
        reply = Reply(distance, repeat=True)
        for level in range(1, self.parameters.levels + 1):
            below, above = (round_to_tick(anchor + side * level * distance, tick) for side in (-1, 1))
            if below > 0.0:
                self.desk.limit(1.0, below, reply=reply)
            self.desk.limit(-1.0, above, reply=reply)
