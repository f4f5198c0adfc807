"""Column methods of a strategy run bar by bar: over a window of the last bars, as long as its warm-up."""

import numpy as np

from marketdata.domain.bars import VALUE_COLUMNS, Bar, BarSeries, FloatColumn
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.strategy import BaseStrategy, BoolColumn, Signal

_LEAST_ROOM = 256
"""Bars of room at least: a short window then moves to the front of its ring once in some hundred bars."""


def target_column(strategy: BaseStrategy, bars: BarSeries) -> FloatColumn:
    """``strategy.target_positions(bars)`` as float64 of shape ``(n,)``.

    Raises ``RuleError`` ``invalid_targets`` where the strategy gives another shape.
    """
    column = np.ascontiguousarray(strategy.target_positions(bars), dtype=np.float64)
    _check_shape("target_positions", column.shape, bars)
    return column


def flag_column(strategy: BaseStrategy, bars: BarSeries) -> BoolColumn:
    """``strategy.flags(bars)`` as bool of shape ``(n,)``. Raises ``RuleError`` as :func:`target_column` does."""
    column = np.ascontiguousarray(strategy.flags(bars), dtype=np.bool_)
    _check_shape("flags", column.shape, bars)
    return column


class Window:
    """The last ``length`` bars as columns. Raises ``ValueError`` for a length below 1.

    The columns lie in memory of at least twice the length: a bar is written behind the one before, the window is
    a slice, and only when the room is used up do the last bars move to the front.
    """

    def __init__(self, length: int, instrument: str = "", interval: str = "") -> None:
        if length < 1:
            raise ValueError(f"a window holds at least one bar, not {length}")
        self._length = length
        self._room = max(2 * length, _LEAST_ROOM)
        self._start = np.zeros(self._room, dtype=np.int64)
        self._day = np.zeros(self._room, dtype=np.int32)
        self._values = np.zeros((len(VALUE_COLUMNS), self._room))
        self._ring = BarSeries(instrument, interval, self._start, self._day, *self._values)
        self._stop = 0

    def __len__(self) -> int:
        return min(self._stop, self._length)

    def clear(self) -> None:
        """Forget every bar."""
        self._stop = 0

    def append(self, bar: Bar) -> None:
        """Take in the newest bar; the oldest leaves a full window."""
        if self._stop == self._room:
            self._move_to_front()
        at = self._stop
        self._start[at] = bar.start
        self._day[at] = bar.trading_day
        self._values[:, at] = bar[2:]
        self._stop = at + 1

    def bars(self) -> BarSeries:
        """The window, oldest first; its columns show this window's memory and are valid until the next bar."""
        return self._ring.take(slice(max(self._stop - self._length, 0), self._stop))

    def _move_to_front(self) -> None:
        # The newest bar comes right after: one less than the window need stay. Source and place never overlap.
        keep = self._length - 1
        if keep:
            for column in (self._start, self._day, self._values):
                column[..., :keep] = column[..., -keep:]
        self._stop = keep


class Windowed:
    """A form 1 or flagged form 2 strategy, driven bar by bar: each decision sees the last ``warm_up()`` bars.

    The decisions are those of the whole columns from bar ``warm_up()`` on, and before it too where a rule needs
    no longer past than there is. Raises ``NotImplementedError`` where the strategy states no warm-up and
    ``ValueError`` where it states less than one bar.
    """

    def __init__(self, strategy: BaseStrategy, instrument: str = "", interval: str = "") -> None:
        self.strategy = strategy
        self._window = Window(strategy.warm_up(), instrument, interval)
        self._signals: list[Signal] | None = []

    def initialize(self) -> None:
        """Forget everything: called before the first bar of every run."""
        self.strategy.initialize()
        self._window.clear()
        self._signals = []

    def on_market_data(self, bar: Bar) -> None:
        """Take in one closed bar; nothing is computed before somebody asks."""
        self._window.append(bar)
        self._signals = None

    def generate_signals(self) -> list[Signal]:
        """The decision at the close of the bar just taken in; empty where there is none. Asking twice is free.

        Raises ``RuleError`` ``invalid_targets`` where the strategy gives other than one number a bar.
        """
        if self._signals is None:
            target = target_column(self.strategy, self._window.bars())[-1]
            self._signals = [] if np.isnan(target) else [Signal(float(target))]
        return self._signals

    def flag(self) -> bool:
        """Whether the strategy flags the bar just taken in; False before the first. Raises as the signals do."""
        return bool(len(self._window) and flag_column(self.strategy, self._window.bars())[-1])


def _check_shape(method: str, shape: tuple[int, ...], bars: BarSeries) -> None:
    if shape != (len(bars),):
        given = {"method": method, "bars": len(bars), "shape": shape}
        text = say("%(method)s must give one value for each of the %(bars)d bars, not shape %(shape)s.", **given)
        raise RuleError("invalid_targets", text)
