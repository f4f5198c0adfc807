"""Strategies that know more than they could, and some whose warm-up is wrong: what a check must find."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from marketdata.domain.bars import Bar, BarSeries, FloatColumn
from strategies.domain.parameters import StrategyParameters, parameter
from strategies.domain.strategy import BaseStrategy, BoolColumn, OrderUpdate, Signal, Wake, WakeKind

NOTHING = StrategyParameters()


class Target(BaseStrategy):
    """Long where :meth:`look` is above 0, short where below."""

    def warm_up(self) -> int:
        return 1

    def look(self, close: FloatColumn) -> FloatColumn:
        raise NotImplementedError

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        return np.sign(self.look(bars.close))


class LastChange(Target):
    """Honest: follows the last change of the close."""

    name = "last_change"

    def warm_up(self) -> int:
        return 2

    def look(self, close: FloatColumn) -> FloatColumn:
        change: FloatColumn = np.diff(close, prepend=close[:1])
        return change


class NextClose(Target):
    """Cheats: knows the close of the next bar; on the last bar it holds still."""

    name = "next_close"

    def look(self, close: FloatColumn) -> FloatColumn:
        change: FloatColumn = np.diff(close, append=close[-1:])
        return change


class FullMean(Target):
    """Cheats: compares with the mean of the whole sample."""

    name = "full_mean"

    def look(self, close: FloatColumn) -> FloatColumn:
        distance: FloatColumn = close - close.mean()
        return distance


class CentredAverage(Target):
    """Cheats: an average of which half lies ahead."""

    name = "centred_average"

    def look(self, close: FloatColumn) -> FloatColumn:
        padded = np.pad(close, 5, mode="edge")
        return close - np.convolve(padded, np.ones(11) / 11, mode="valid")


class DayHigh(BaseStrategy):
    """Cheats: short where the close is within two ticks of the high of its whole day."""

    name = "day_high"

    def warm_up(self) -> int:
        return 1

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        _, day = np.unique(bars.trading_day, return_inverse=True)
        high = np.full(day.max() + 1, -np.inf)
        np.maximum.at(high, day, bars.high)
        return np.where(bars.close >= high[day] - 2.0, -1.0, 0.0)


class FlagAhead(BaseStrategy):
    """Cheats in the event form: is woken by a rise of the bar to come, and buys or sells at the market."""

    name = "flag_ahead"
    wakes = frozenset({WakeKind.FLAG})

    def warm_up(self) -> int:
        return 1

    def flags(self, bars: BarSeries) -> BoolColumn:
        flags: BoolColumn = np.diff(bars.close, append=bars.close[-1:]) > 6.0
        return flags

    def on_wake(self, wake: Wake) -> None:
        self.desk.market(-1.0 if self.desk.position() > 0 else 1.0)


class Resting(BaseStrategy):
    """Honest, in the event form: a limit order below the first close of each day, taken back on the next."""

    name = "resting"
    wakes = frozenset({WakeKind.START, WakeKind.DAY})

    def on_wake(self, wake: Wake) -> None:
        self.desk.cancel_all()
        self.desk.limit(1.0 if self.desk.position() < 3 else -3.0, wake.bar.close - 5.0)


class WholeRunResting(Resting):
    """Cheats in the event form: keeps what it saw in an earlier run in its class and orders by it."""

    name = "whole_run_resting"
    lowest: ClassVar[dict[int, float]] = {}

    def on_wake(self, wake: Wake) -> None:
        known = self.lowest.setdefault(wake.bar.trading_day, wake.bar.low)
        self.desk.cancel_all()
        self.desk.limit(1.0, known - (0.0 if known == wake.bar.low else 5.0))
        self.lowest[wake.bar.trading_day] = min(known, wake.bar.low - 1.0)


class Dice(BaseStrategy):
    """Draws chance of its own in the plain form: no two runs are alike."""

    name = "dice"

    def on_market_data(self, bar: Bar) -> None:
        self._bar = bar

    def generate_signals(self) -> list[Signal]:
        return [Signal(float(np.random.default_rng().integers(-1, 2)))]


class SeededDice(BaseStrategy):
    """Honest: chance from the run's seed."""

    name = "seeded_dice"

    def on_market_data(self, bar: Bar) -> None:
        self._signal = Signal(float(self.random.integers(-1, 2)))

    def generate_signals(self) -> list[Signal]:
        return [self._signal]


class Ema(BaseStrategy):
    """Long above an exponential average, short below; older bars fade but never leave. States what it is told."""

    name = "ema"

    @dataclass(frozen=True)
    class Parameters(StrategyParameters):
        length: int = parameter(20, minimum=2)
        stated: int = parameter(20, minimum=1)

    parameters: Parameters

    def warm_up(self) -> int:
        return self.parameters.stated

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        pace = 2.0 / (self.parameters.length + 1)
        average, column = bars.close[0], np.empty(len(bars))
        for index, close in enumerate(bars.close.tolist()):
            average += pace * (close - average)
            column[index] = average
        return np.sign(bars.close - column)


class Longest(BaseStrategy):
    """Long above the mean of all closes so far: what happened long ago decides for ever."""

    name = "longest"

    def warm_up(self) -> int:
        return 50

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        return np.sign(bars.close - bars.close.cumsum() / np.arange(1, len(bars) + 1))


class PlainAverage(BaseStrategy):
    """Honest, in the plain form: long above the mean of the last 30 closes, short below; nothing before 30."""

    name = "plain_average"
    stated = 30

    def warm_up(self) -> int:
        return self.stated

    def initialize(self) -> None:
        self._closes: list[float] = []

    def on_market_data(self, bar: Bar) -> None:
        self._closes = [*self._closes[-29:], bar.close]

    def generate_signals(self) -> list[Signal]:
        if len(self._closes) < 30:
            return []
        return [Signal(1.0 if self._closes[-1] > sum(self._closes) / 30 else -1.0)]


class ShortPlainAverage(PlainAverage):
    """States 29 bars where 30 are needed."""

    name = "short_plain_average"
    stated = 29


class SilentPlainAverage(BaseStrategy):
    """Plain, states no warm-up."""

    name = "silent_plain_average"
    initialize = PlainAverage.initialize
    on_market_data = PlainAverage.on_market_data
    generate_signals = PlainAverage.generate_signals


class Stubborn(PlainAverage):
    """Honest, plain: as :class:`PlainAverage`, but never turns a position that it holds at a loss."""

    name = "stubborn"

    def initialize(self) -> None:
        super().initialize()
        self._entry = 0.0

    def on_order_update(self, update: OrderUpdate) -> None:
        self._entry = update.price if update.position > 0 else 0.0

    def generate_signals(self) -> list[Signal]:
        return [] if self._closes and self._closes[-1] < self._entry else super().generate_signals()


class PairAhead(BaseStrategy):
    """Cheats on two legs: an earlier run has told it the last close of each leg."""

    name = "pair_ahead"
    legs = 2
    last: ClassVar[dict[int, float]] = {}

    def on_bars(self, bars: tuple[Bar | None, ...]) -> None:
        known = [self.last.get(leg, 0.0) for leg in range(2)]
        self._signals = [
            Signal(1.0 if bar.close < close else -1.0, leg=leg)
            for leg, (bar, close) in enumerate(zip(bars, known, strict=True))
            if bar is not None
        ]
        self.last.update({leg: bar.close for leg, bar in enumerate(bars) if bar is not None and leg == 1})

    def generate_signals(self) -> list[Signal]:
        return self._signals
