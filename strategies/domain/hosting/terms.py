"""What a host is told of the legs that its strategy trades, and of the instance."""

from dataclasses import dataclass

TICKS = "tick"
"""The interval of an instance that decides on every tick."""


@dataclass(frozen=True, slots=True)
class LegTerms:
    """The contract that a leg trades at the moment: ``price_tick`` in yuan, ``multiplier`` units of goods in a lot."""

    code: str
    price_tick: float
    multiplier: float


@dataclass(frozen=True, slots=True)
class HostSetup:
    """``unit`` is how many lots a target of 1 means, ``interval`` that of the bars or :data:`TICKS`."""

    unit: int
    interval: str
    seed: int = 0

    def __post_init__(self) -> None:
        if self.unit < 1:
            raise ValueError(f"a unit is at least one lot, not {self.unit}")
