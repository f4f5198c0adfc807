"""A strategy for tests: stops on both sides of the market that turn it round, moved by the clock and by prices."""

from dataclasses import dataclass

from quantsite.common.times import NS_PER_MINUTE
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Wake, WakeKind
from trading.domain.offsets import Direction


@dataclass(frozen=True, slots=True)
class RestsParameters(StrategyParameters):
    """Ticks from the close to the stops and to the levels, and minutes until they are moved."""

    stop: int = 2
    level: int = 4
    minutes: int = 4


class Rests(BaseStrategy):
    """Long above, short below; a limit order beside the stops takes a second lot back."""

    name = "rests"
    wakes = frozenset({WakeKind.START, WakeKind.DAY, WakeKind.TIMER, WakeKind.LEVEL})
    Parameters = RestsParameters
    parameters: RestsParameters

    def initialize(self) -> None:
        """Not woken yet."""
        self.woken, self.at, self.until = 0, -1, 0
        self.levels: list[float] = []

    def on_wake(self, wake: Wake) -> None:
        """Everything anew around the close, once a bar; what woke before and was moved since wakes for nothing."""
        start, close = wake.bar.start, wake.bar.close
        moved = (wake.kind is WakeKind.TIMER and start < self.until) or (
            wake.kind is WakeKind.LEVEL and wake.level not in self.levels
        )
        if moved or start == self.at:
            return
        tick, given = self.desk.tick(), self.parameters
        self.woken, self.at, self.until = self.woken + 1, start, start + given.minutes * NS_PER_MINUTE
        self.levels = [close + side * given.level * tick for side in (-1, 1)]
        self.desk.cancel_all()
        self.desk.stop(1.0, close + given.stop * tick, side=Direction.BUY, to_target=True)
        self.desk.stop(-1.0, close - given.stop * tick, side=Direction.SELL, to_target=True)
        self.desk.limit(1.0 if self.woken % 2 else -1.0, close - (given.stop if self.woken % 2 else -given.stop) * tick)
        self.desk.wake_at(self.until)
        for level in self.levels:
            self.desk.wake_on(level)
