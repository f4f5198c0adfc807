"""What a strategy author writes: a class with parameters that turns market data into target positions.

The same class runs in a backtest, on paper and live. Its methods are plain functions: they are called one
at a time, never wait, and see nothing later than the bar they are given.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar, NamedTuple

from marketdata.domain.bars import Bar
from strategies.domain.parameters import StrategyParameters
from trading.domain.offsets import Direction, Offset


class Signal(NamedTuple):
    """A wish to hold ``target`` times the run's volume: +1 long, -1 short, 0 flat, 2 twice as much long.

    ``reason`` is a word for the record, ``values`` the named figures that the decision was made on.
    """

    target: float
    reason: str = ""
    values: tuple[tuple[str, float], ...] = ()


class UpdateKind(StrEnum):
    """What became of an order."""

    FILLED = "filled"
    REJECTED = "rejected"


class OrderUpdate(NamedTuple):
    """What became of an order that a signal led to; ``at`` is ns UTC, ``position`` the signed volume held after it."""

    kind: UpdateKind
    at: int
    direction: Direction
    offset: Offset
    price: float
    volume: float
    position: float


class BaseStrategy(ABC):
    """One strategy on one instrument. A subclass names itself, declares ``Parameters`` and decides.

    For every bar the runner calls :meth:`on_market_data`, then :meth:`generate_signals`; the last signal
    given is the target that holds until the next one.
    """

    name: ClassVar[str] = ""
    Parameters: ClassVar[type[StrategyParameters]] = StrategyParameters

    def __init__(self, parameters: StrategyParameters) -> None:
        """Raises ``TypeError`` where the parameters are not this strategy's own."""
        if not isinstance(parameters, self.Parameters):
            raise TypeError(f"{type(self).__name__} takes {self.Parameters.__qualname__}, not {parameters!r}")
        self.parameters = parameters

    def initialize(self) -> None:  # noqa: B027 - a strategy without state needs none
        """Forget everything: called before the first bar of every run."""

    @abstractmethod
    def on_market_data(self, bar: Bar) -> None:
        """Take in one closed bar."""

    @abstractmethod
    def generate_signals(self) -> list[Signal]:
        """The decisions after the bar just taken in; empty to keep the last target. Asking twice gives the same."""

    def on_order_update(self, update: OrderUpdate) -> None:  # noqa: B027 - most strategies do not care
        """Hear of a fill or a refusal."""
