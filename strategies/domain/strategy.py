"""What a strategy author writes: a class with parameters that turns market data into positions or orders.

One class, up to three forms; a host picks the fastest that the class implements, and the results agree:

1. *Targets*: :meth:`BaseStrategy.target_positions` computes all decisions over whole columns.
2. *Events*: :meth:`BaseStrategy.on_wake` places resting orders and is entered only when something happens that
   the strategy asked for; updates of its orders reach :meth:`BaseStrategy.on_order_update`.
3. *Plain*: :meth:`BaseStrategy.on_market_data` and :meth:`BaseStrategy.generate_signals` bar by bar.

The same class runs in a backtest, on paper and live. Its methods are plain functions: they are called one at a
time, never wait, and see nothing later than the bar they are given.
"""

from abc import ABC
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import Bar, BarSeries, FloatColumn
from marketdata.domain.ticks import Tick
from strategies.domain.parameters import StrategyParameters
from trading.domain.offsets import Direction, Offset

BoolColumn = npt.NDArray[np.bool_]


class Signal(NamedTuple):
    """A wish to hold ``target`` times the run's volume: +1 long, -1 short, 0 flat, 2 twice as much long.

    ``reason`` is a word for the record, ``values`` the named figures that the decision was made on; ``leg`` is
    the number of the instrument, for strategies on several.
    """

    target: float
    reason: str = ""
    values: tuple[tuple[str, float], ...] = ()
    leg: int = 0


class UpdateKind(StrEnum):
    """What became of an order."""

    FILLED = "filled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class OrderUpdate(NamedTuple):
    """What became of an order; ``at`` is the bar's start in ns UTC, ``position`` the signed volume held after it.

    ``order`` is the number that :class:`Desk` gave it, 0 for what a signal or the host itself led to (a forced
    reduction, a roll).
    """

    kind: UpdateKind
    at: int
    direction: Direction
    offset: Offset
    price: float
    volume: float
    position: float
    order: int = 0
    leg: int = 0


class WakeKind(StrEnum):
    """Why an event strategy is called."""

    START = "start"
    """The first bar of the run has closed."""
    DAY = "day"
    """The first bar of a new trading day has closed (not on the first day: that is the start)."""
    FLAG = "flag"
    """:meth:`BaseStrategy.flags` is true on the bar that has closed."""
    TIMER = "timer"
    """The first bar whose start is at or after a time given to :meth:`Desk.wake_at` has closed."""
    LEVEL = "level"
    """A bar reached a price given to :meth:`Desk.wake_on` and has closed."""


class Wake(NamedTuple):
    """One call of an event strategy: the reason, the closed bar, and the level that was reached (else NaN)."""

    kind: WakeKind
    bar: Bar
    level: float = float("nan")


class Reply(NamedTuple):
    """What a filled order places by itself: an order the other way, ``distance`` (price) beyond the order's price.

    The reply to a filled buy at 100 with distance 10 is a sell at 110, to a filled sell a buy at 90; it has the
    order's whole volume, is placed when the order is filled completely and rests from the next bar on. With
    ``repeat`` the first order is placed anew once the reply is filled, and so on for good: one rung of a grid.
    """

    distance: float
    repeat: bool = False


class Desk(Protocol):
    """What a host lets a strategy see and do. Volumes are signed (above 0 buys) and in units of the run's volume.

    An order placed while bar ``i`` is the last closed one is first matched against bar ``i + 1``. Orders net:
    what lies on the other side is closed first, oldest lots first, the rest opens.
    """

    def position(self, leg: int = 0) -> float:
        """Held now, signed, in units of the run's volume."""
        ...

    def history(self, count: int, leg: int = 0) -> BarSeries:
        """The last ``count`` closed bars (fewer at the beginning), the newest last."""
        ...

    def tick(self, leg: int = 0) -> float:
        """The price tick."""
        ...

    def market(self, volume: float, leg: int = 0) -> int:
        """An order that fills at the next open. Returns its number."""
        ...

    def limit(
        self, volume: float, price: float, *, reply: Reply | None = None, to_target: bool = False, leg: int = 0
    ) -> int:
        """A resting limit order. With ``to_target`` ``volume`` is the position to reach when it fills."""
        ...

    def stop(
        self,
        volume: float,
        price: float,
        *,
        side: Direction | None = None,
        reply: Reply | None = None,
        to_target: bool = False,
        leg: int = 0,
    ) -> int:
        """A resting stop order. With ``to_target`` ``volume`` is the position to reach, ``side`` says which way."""
        ...

    def cancel(self, order: int) -> bool:
        """Take an order back; False where it does not rest any more."""
        ...

    def cancel_all(self, leg: int | None = None) -> int:
        """Take all resting orders back (of one leg, or of all); returns how many."""
        ...

    def wake_at(self, time: int) -> None:
        """Call :meth:`BaseStrategy.on_wake` when the first bar that starts at or after ``time`` (ns UTC) has closed."""
        ...

    def wake_on(self, price: float, leg: int = 0) -> None:
        """Call :meth:`BaseStrategy.on_wake` once, when a later bar's range reaches ``price`` and has closed."""
        ...


class BaseStrategy(ABC):
    """One strategy on one instrument, or on ``legs`` of them together. A subclass names itself, declares
    ``Parameters`` and implements at least one of the forms.

    In the plain form the runner calls :meth:`on_market_data` for every bar, then :meth:`generate_signals`; the
    last signal given is the target that holds until the next one. With several legs it calls :meth:`on_bars`
    instead, once for each time at which at least one leg has a bar.
    """

    name: ClassVar[str] = ""
    legs: ClassVar[int] = 1
    """The instruments that it trades at once; 0 is any number from two on, as many as ``on_bars`` is given."""
    wakes: ClassVar[frozenset[WakeKind]] = frozenset({WakeKind.START})
    """Of an event strategy: the kinds that it wants to be called for."""
    Parameters: ClassVar[type[StrategyParameters]] = StrategyParameters

    desk: Desk
    """Set by the host before :meth:`initialize`."""
    random: np.random.Generator
    """Set by the host before :meth:`initialize`, seeded with the run's seed: the only source of chance allowed."""

    def __init__(self, parameters: StrategyParameters) -> None:
        """Raises ``TypeError`` where the parameters are not this strategy's own."""
        if not isinstance(parameters, self.Parameters):
            raise TypeError(f"{type(self).__name__} takes {self.Parameters.__qualname__}, not {parameters!r}")
        self.parameters = parameters

    def initialize(self) -> None:  # noqa: B027 - a strategy without state needs none
        """Forget everything: called before the first bar of every run."""

    def warm_up(self) -> int:
        """The number of bars (the last one included) after which older ones change no decision by 1e-9.

        Form 1 strategies must state it: the plain form and the live feed hand over a window of this length.
        """
        raise NotImplementedError(f"{type(self).__name__} does not state its warm_up")

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """Form 1: the decision at the close of each bar, shape ``(n,)``; NaN where there is none.

        A number is what a :class:`Signal` with this target would be in the plain form: it holds until the next
        one, and repeating it does no harm. It depends on no fill, and on no bar after its own.
        """
        raise NotImplementedError

    def on_wake(self, wake: Wake) -> None:
        """Form 2: something asked for has happened; look at ``self.desk`` and place or cancel orders there."""
        raise NotImplementedError

    def flags(self, bars: BarSeries) -> BoolColumn:
        """Form 2: the bars at whose close :meth:`on_wake` is called with ``WakeKind.FLAG``, shape ``(n,)``.

        Computed over whole columns, like :meth:`target_positions`; with flags a ``warm_up`` must be stated.
        """
        raise NotImplementedError

    def on_market_data(self, bar: Bar) -> None:
        """Form 3: take in one closed bar."""
        raise NotImplementedError

    def on_tick(self, tick: Tick) -> None:
        """In place of :meth:`on_market_data` where the host has ticks: take in one snapshot of the market.

        Called after the tick was matched against the strategy's orders, and for sound ticks only (none that is stale,
        goes back or lies outside the sessions). A class that defines it is not driven by its other forms on ticks; one
        that does not sees each tick that traded as a bar of a single price.
        """
        raise NotImplementedError

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        """Form 3 on several legs: take in the bars that closed together; ``None`` where a leg has none."""
        raise NotImplementedError

    def generate_signals(self) -> list[Signal]:
        """The decisions after the bar just taken in; empty to keep the last target. Asking twice gives the same."""
        return []

    def on_order_update(self, update: OrderUpdate) -> None:  # noqa: B027 - most strategies do not care
        """Hear of a fill, a refusal or a cancel: forms 2 and 3, after the bar's matching and before its decision."""
