"""Writes down what a strategy decides while a host drives it, whatever its form, without changing any of it.

The methods of one *instance* are wrapped; its class, by which a host chooses the form, stays as it is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import Bar, BarSeries, FloatColumn, LongColumn
from marketdata.domain.ticks import Tick
from strategies.domain.forms import overrides
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, Wake

ORDERS = frozenset({"market", "limit", "stop", "cancel", "cancel_all", "wake_at", "wake_on"})
"""The methods of a desk that decide something; the others only look."""


class Decision(NamedTuple):
    """What was decided at the close of the bar that starts at ``start`` (ns UTC), as it would be written in code."""

    start: int
    text: str


@dataclass(slots=True)
class Column:
    """What a column method gave for each bar: shapes ``(n,)``."""

    start: LongColumn
    values: FloatColumn


@dataclass(slots=True)
class Log:
    """All decisions of a run: in their order, and as columns by the name of the method that gave them."""

    decisions: list[Decision] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)


def watch(strategy: BaseStrategy) -> Log:
    """Wrap the methods of ``strategy`` that decide; what they decide from now on is in the log given back."""
    log = Log()
    clock = _Clock()
    for name, wrap in _WRAPPERS.items():
        if overrides(type(strategy), name):
            setattr(strategy, name, wrap(getattr(strategy, name), strategy, log, clock))
    return log


@dataclass(slots=True)
class _Clock:
    """The start of the bar that the strategy has seen last."""

    start: int = -(2**63)


Method = Callable[..., Any]


def _column(name: str) -> Callable[[Method, BaseStrategy, Log, _Clock], Method]:
    def wrap(method: Method, _strategy: BaseStrategy, log: Log, _clock: _Clock) -> Method:
        def wrapped(bars: BarSeries) -> npt.NDArray[Any]:
            values: npt.NDArray[Any] = method(bars)
            known = log.columns.get(name)
            if known is None or len(known.start) <= len(bars):
                log.columns[name] = Column(bars.start.copy(), np.array(values, dtype=np.float64))
            return values

        return wrapped

    return wrap


def _tick(method: Method, strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped(tick: Tick) -> None:
        clock.start = tick.time
        _stand_in(strategy, log, clock)
        method(tick)

    return wrapped


def _bar(method: Method, strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped(bar: Bar) -> None:
        clock.start = bar.start
        _stand_in(strategy, log, clock)
        method(bar)

    return wrapped


def _bars(method: Method, strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped(bars: tuple[Bar | None, ...]) -> None:
        clock.start = max(bar.start for bar in bars if bar is not None)
        _stand_in(strategy, log, clock)
        method(bars)

    return wrapped


def _signals(method: Method, _strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped() -> list[Signal]:
        signals: list[Signal] = method()
        for signal in signals:
            decision = Decision(clock.start, f"target {_number(signal.target)}, leg {signal.leg}")
            if decision not in log.decisions[-len(signals) :]:  # a host may ask twice
                log.decisions.append(decision)
        return signals

    return wrapped


def _wake(method: Method, strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped(wake: Wake) -> None:
        clock.start = wake.bar.start
        _stand_in(strategy, log, clock)
        method(wake)

    return wrapped


def _update(method: Method, strategy: BaseStrategy, log: Log, clock: _Clock) -> Method:
    def wrapped(update: OrderUpdate) -> None:
        clock.start = update.at
        _stand_in(strategy, log, clock)
        method(update)

    return wrapped


def _stand_in(strategy: BaseStrategy, log: Log, clock: _Clock) -> None:
    """From now on the strategy's desk notes the orders that go over it."""
    desk = getattr(strategy, "desk", None)
    if desk is not None and not isinstance(desk, _Desk):
        strategy.desk = _Desk(desk, log, clock)


class _Desk:
    """The host's desk, with a note of every order."""

    def __init__(self, desk: Any, log: Log, clock: _Clock) -> None:
        self._desk, self._log, self._clock = desk, log, clock

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._desk, name)
        if name not in ORDERS:
            return method

        def noted(*args: Any, **options: Any) -> Any:
            given = [_text(value) for value in args]
            given += [f"{key}={_text(value)}" for key, value in sorted(options.items())]
            self._log.decisions.append(Decision(self._clock.start, f"{name}({', '.join(given)})"))
            return method(*args, **options)

        return noted


def _text(value: Any) -> str:
    return _number(value) if isinstance(value, float) else repr(value)


def _number(value: float) -> str:
    """To nine digits behind the first, so that the last bits of a sum decide nothing."""
    return f"{value:.9g}" if math.isfinite(value) else str(value)


_WRAPPERS: dict[str, Callable[[Method, BaseStrategy, Log, _Clock], Method]] = {
    "target_positions": _column("target_positions"),
    "flags": _column("flags"),
    "on_market_data": _bar,
    "on_bars": _bars,
    "on_tick": _tick,
    "generate_signals": _signals,
    "on_wake": _wake,
    "on_order_update": _update,
}
