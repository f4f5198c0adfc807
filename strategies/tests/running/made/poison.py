"""A strategy for tests: at one tick it wants, says or keeps what no row can hold."""

import os
import time
from dataclasses import dataclass

from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal

SIGNALS = {
    "lots": Signal(1e10, "many"),
    "null": Signal(1.0, "a\x00b"),
    "reason": Signal(1.0, 7),  # type: ignore[arg-type]
}


@dataclass(frozen=True, slots=True)
class PoisonParameters(StrategyParameters):
    """The tick at which it does so, and what."""

    at: int = 8
    how: str = "lots"


class Poison(BaseStrategy):
    """Sound, but for one tick."""

    name = "poison"
    Parameters = PoisonParameters
    parameters: PoisonParameters

    def initialize(self) -> None:
        """Nothing seen."""
        self.seen = 0
        self.kept: object = None

    def on_tick(self, tick: Tick) -> None:
        """Count, until it is time."""
        self.seen += 1
        if self.seen != self.parameters.at:
            return
        match self.parameters.how:
            case "state":
                self.kept = object()
            case "price":
                self.desk.limit(1, 1e16)
            case "raise":
                raise ValueError("null \x00 and half a pair \ud800")
            case "fork":
                if not os.fork():
                    time.sleep(3_600)
                while True:
                    pass
            case "junk":
                for number in range(3, 12):
                    _write(number)

    def generate_signals(self) -> list[Signal]:
        """What its name says."""
        if self.seen != self.parameters.at or self.parameters.how not in SIGNALS:
            return []
        return [SIGNALS[self.parameters.how]]


def _write(number: int) -> None:
    try:
        os.write(number, (3).to_bytes(4, "big") + b"abc")
    except OSError:
        return
