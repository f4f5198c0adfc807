"""How a hosted strategy is driven: the three forms, bar by bar, in the order of the backtest's own drivers."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from marketdata.domain.bars import Bar
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.forms import ANY_LEGS, fits, overrides, takes_ticks
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.live_desk import LiveDesk
from strategies.domain.strategy import BaseStrategy, Signal, Wake, WakeKind
from strategies.domain.windowed import Windowed

Bars = tuple[Bar | None, ...]


class Driver(Protocol):
    """Hands the bars that closed together to a strategy and gives its decisions; the legs have them already."""

    started: bool
    """Whether an event strategy was woken for its start."""

    def take(self, bars: Bars) -> list[Signal]:
        """The decisions after these bars; never called where no leg has one."""
        ...

    def window(self) -> int:
        """So many bars back a restored driver must be given again."""
        ...

    def refill(self, bars: Iterator[Bar]) -> None:
        """Take in bars of leg 0 without a decision."""
        ...


def driver_of(strategy: BaseStrategy, legs: Sequence[LegState], desk: LiveDesk) -> Driver:
    """The driver of the form that suits a live host: events, then the plain form, then columns over a window."""
    cls = type(strategy)
    if overrides(cls, "on_wake"):
        return EventDriver(strategy, legs, desk)
    if overrides(cls, "on_bars"):
        return PlainDriver(strategy.on_bars, strategy.generate_signals)
    if overrides(cls, "on_market_data"):
        return PlainDriver(_single(strategy.on_market_data), _last_of(strategy.generate_signals))
    if overrides(cls, "target_positions"):
        return TargetDriver(strategy)
    text = say("%(name)s cannot be driven by bars.", name=cls.name or cls.__name__)
    raise RuleError("no_form", text, fields={"strategy": text})


def check_hosting(cls: type[BaseStrategy], legs: int, *, on_ticks: bool) -> None:
    """Raises ``RuleError`` ``wrong_legs`` or ``no_form`` where a strategy cannot be hosted so."""
    name = cls.name or cls.__name__
    if not fits(cls.legs, legs):
        if cls.legs == ANY_LEGS:
            text = say("%(name)s trades two instruments or more at a time, not %(count)d.", name=name, count=legs)
        else:
            given = {"name": name, "wanted": cls.legs, "count": legs}
            text = say("%(name)s trades %(wanted)d instruments at a time, not %(count)d.", **given)
        raise RuleError("wrong_legs", text, fields={"legs": text})
    if on_ticks and not takes_ticks(cls):
        text = say("%(name)s decides on bars only: on ticks it needs on_tick, on_market_data or targets.", name=name)
        raise RuleError("no_form", text, fields={"interval": text})


def finite_target(target: float) -> float:
    """The target of a signal. Raises ``RuleError`` ``invalid_signal`` unless it is a number."""
    if not math.isfinite(target):
        raise RuleError("invalid_signal", say("A signal's target must be a number, not %(target)r.", target=target))
    return target


def _single(take: Callable[[Bar], None]) -> Callable[[Bars], None]:
    def alone(bars: Bars) -> None:
        if bars[0] is not None:
            take(bars[0])

    return alone


def _last_of(signals: Callable[[], list[Signal]]) -> Callable[[], list[Signal]]:
    return lambda: signals()[-1:]


class PlainDriver:
    """Form 3: the strategy sees every bar and is asked for its signals after it."""

    def __init__(self, take: Callable[[Bars], None], signals: Callable[[], list[Signal]]) -> None:
        self.started = True
        self._take, self._signals = take, signals

    def take(self, bars: Bars) -> list[Signal]:
        """On several legs all signals, on one the last."""
        self._take(bars)
        return self._signals()

    def window(self) -> int:
        """The strategy keeps what it needs itself."""
        return 0

    def refill(self, bars: Iterator[Bar]) -> None:
        """Nothing to refill."""


class TargetDriver:
    """Form 1 over a window of the last bars."""

    def __init__(self, strategy: BaseStrategy) -> None:
        self.started = True
        self._length = strategy.warm_up()
        self._windowed = Windowed(strategy)

    def take(self, bars: Bars) -> list[Signal]:
        """The decision at the bar's close."""
        if bars[0] is None:
            return []
        self._windowed.on_market_data(bars[0])
        return self._windowed.generate_signals()

    def window(self) -> int:
        """The strategy's warm-up."""
        return self._length

    def refill(self, bars: Iterator[Bar]) -> None:
        """Fill the window."""
        for bar in bars:
            self._windowed.on_market_data(bar)


class EventDriver:
    """Form 2: the strategy is woken for what it asked for, in the fixed order start, day, flag, timer, level."""

    def __init__(self, strategy: BaseStrategy, legs: Sequence[LegState], desk: LiveDesk) -> None:
        self.started = False
        self._strategy, self._legs, self._desk = strategy, legs, desk
        self._wakes = type(strategy).wakes
        flagged = WakeKind.FLAG in self._wakes
        self._length = strategy.warm_up() if flagged else 0
        self._windowed = Windowed(strategy) if flagged else None

    def take(self, bars: Bars) -> list[Signal]:
        """Wake the strategy as often as there are reasons; it acts at its desk."""
        if self._windowed is not None and bars[0] is not None:
            self._windowed.on_market_data(bars[0])
        for wake in self._reasons(bars):
            self._strategy.on_wake(wake)
        return []

    def window(self) -> int:
        """The warm-up of a strategy with flags."""
        return self._length

    def refill(self, bars: Iterator[Bar]) -> None:
        """Fill the window that flags are computed on."""
        for bar in bars:
            if self._windowed is not None:
                self._windowed.on_market_data(bar)

    def _reasons(self, bars: Bars) -> Iterator[Wake]:
        """Found one after the other: what the strategy does when it is woken may take a later reason away."""
        bar = bars[0]
        if bar is not None:
            if not self.started:
                self.started = True
                if WakeKind.START in self._wakes:
                    yield Wake(WakeKind.START, bar)
            elif WakeKind.DAY in self._wakes and self._is_new_day(bar):
                yield Wake(WakeKind.DAY, bar)
            if self._windowed is not None and self._windowed.flag():
                yield Wake(WakeKind.FLAG, bar)
            if self._desk.due(bar.start):
                yield Wake(WakeKind.TIMER, bar)
        if self._desk.levels:
            yield from self._levels(bars)

    def _is_new_day(self, bar: Bar) -> bool:
        before = self._legs[0].bars.day_before()
        return before is not None and before != bar.trading_day

    def _levels(self, bars: Bars) -> Iterator[Wake]:
        for leg, bar in enumerate(bars):
            if bar is not None:
                before = self._legs[leg].bars.close_before()
                for level in self._desk.reached(leg, bar, bar.open if before is None else before):
                    yield Wake(WakeKind.LEVEL, bar, level)
