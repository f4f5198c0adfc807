"""The backtest: bars go through a strategy, its targets through fills and the ledger into equity. No I/O.

The rules, in the order in which they act on a bar:

1. *Fill.* A waiting target fills at the open of the first bar after the decision that has volume, plus
   ``slippage_ticks`` against the trader. A bar without volume fills nothing, the target waits; an unknown
   volume (NaN) counts as volume. A reversal closes first, then opens: two rows. A close that hits lots of this
   trading day and older ones gives one row for each, the older first.
2. *Margin.* An opening happens if its margin at the fill price plus its commission is at most the available
   funds, with what is held marked at the bar's open (for a reversal: after the close). Otherwise the whole
   opening is refused, counted and dropped until the next signal. A close is never refused.
3. *Decide.* The strategy sees the closed bar; its last signal is the target from now on. A target equal to
   what is held drops the waiting order. What is decided on the last bar never fills.
4. *Mark.* After the last bar of a trading day the account settles at that bar's close, which stands for the
   settlement price. Lots of the day are margined at their open price, older ones at the last settlement.

At the end the position is marked, not closed. With ``close_at_end`` it is closed on the last bar at its close,
plus slippage, whether or not the bar has volume.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from backtests.domain.costs import CostTable
from backtests.domain.legs import Facts
from backtests.domain.recorder import DayRow, FillRow, Recorder
from backtests.domain.result import RunResult
from backtests.domain.rules import PLAIN, Rules
from marketdata.domain.bars import Bar, BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from strategies.domain.forms import Form
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, UpdateKind
from trading.domain.ledger import Ledger
from trading.domain.matching import fill_price, slippage_cost
from trading.domain.offsets import Direction, Offset, Side

ENGINE_VERSION = "1"
"""Part of every result hash: raise it when a rule above changes a figure."""

Progress = Callable[[int, int], None]

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

_NOT_POSITIVE = {
    "capital": unsaid("capital must be above 0, not %(number)r."),
    "volume": unsaid("volume must be above 0, not %(number)r."),
}


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run needs besides bars and strategy. ``capital`` in yuan, ``volume`` lots that a target of 1 means.

    Raises ``RuleError`` ``invalid_run`` unless both are positive numbers.
    """

    instrument: str
    interval: str
    capital: float
    volume: float
    costs: CostTable
    close_at_end: bool = False
    rules: Rules = PLAIN
    facts: Facts = field(default_factory=Facts)
    form: Form | None = None

    def __post_init__(self) -> None:
        given = {"capital": self.capital, "volume": self.volume}
        faults = {
            name: say(_NOT_POSITIVE[name], number=number)
            for name, number in given.items()
            if not (math.isfinite(number) and number > 0)
        }
        if faults:
            raise RuleError("invalid_run", " ".join(faults.values()), fields=faults)


def run(bars: BarSeries, strategy: BaseStrategy, config: RunConfig, progress: Progress | None = None) -> RunResult:
    """Run ``strategy`` over ``bars`` and return every fill, day and trade, unrounded.

    ``progress(done, total)`` in bars is called after every trading day, whose length no slow strategy stretches
    into a silence that looks like a dead worker; what it raises
    aborts the run and reaches the caller. Raises ``RuleError`` ``bars_not_ascending`` where trading days go
    back, and for a signal whose target is not a number.
    """
    replay = _Replay(strategy, config)
    strategy.initialize()
    rows, total = bars.rows(), len(bars)
    for first, stop in _day_bounds(bars):
        replay.trade_day(islice(rows, stop - first), first, int(bars.trading_day[first]))
        if stop == total and config.close_at_end:
            replay.close_out(stop - 1, bars)
        replay.settle_day(int(bars.trading_day[first]), float(bars.close[stop - 1]))
        if progress is not None:
            progress(stop, total)
    return replay.result(bars)


class Prepared:
    """Bars made ready once for many runs (an optimisation, a noise test)."""

    def __init__(self, bars: BarSeries, config: RunConfig) -> None:
        self.bars = bars
        self.config = config

    def run(self, strategy: BaseStrategy, progress: Progress | None = None) -> RunResult:
        """One run, as :func:`run` makes it."""
        return run(self.bars, strategy, self.config, progress)


def prepare(bars: BarSeries, config: RunConfig) -> Prepared:
    """``prepare(bars, config).run(strategy)`` is ``run(bars, strategy, config)``; preparing pays from two runs on."""
    return Prepared(bars, config)


def _day_bounds(bars: BarSeries) -> list[tuple[int, int]]:
    """``(first, stop)`` bar indices of each trading day."""
    steps = np.diff(bars.trading_day)
    if (steps < 0).any():
        day = _to_date(int(bars.trading_day[int(np.argmax(steps < 0)) + 1]))
        text = say("The bars go back to trading day %(day)s: sort them by start.", day=day)
        raise RuleError("bars_not_ascending", text)
    cuts = [0, *(np.flatnonzero(steps) + 1).tolist(), len(bars)]
    return [(first, stop) for first, stop in pairwise(cuts) if stop > first]


def _to_date(day: int) -> date:
    return date.fromordinal(_EPOCH_ORDINAL + day)


class _Deal(NamedTuple):
    """What all rows of one execution share: the bar that fills, the side and the price."""

    bar_index: int
    start: int
    day: int
    direction: Direction
    price: float


class _Replay:
    """The state of one run between two bars."""

    def __init__(self, strategy: BaseStrategy, config: RunConfig) -> None:
        self.strategy = strategy
        self.config = config
        self.ledger = Ledger(config.capital)
        self.recorder = Recorder()
        self.held = 0.0  # signed lots
        self.target = 0.0
        self.waiting = False
        self.rejected = 0
        self.warnings: list[str] = []
        self._changes = config.costs.changes()
        self._terms_row = -1
        self._day_slippage = 0.0

    def trade_day(self, rows: Iterable[Bar], first: int, day: int) -> None:
        """Rules 1 to 3 over the bars of one trading day; ``first`` is the index of its first bar."""
        self._begin_day(_to_date(day))
        take_in, decisions = self.strategy.on_market_data, self.strategy.generate_signals
        for index, bar in enumerate(rows, first):
            if self.waiting and bar.volume != 0.0:
                self._fill(index, bar.start, day, bar.open)
            take_in(bar)
            signals = decisions()
            if signals:
                self._decide(signals[-1])

    def settle_day(self, day: int, close: float) -> None:
        """Rule 4: note the day and roll the account into the next one."""
        ledger, code = self.ledger, self.config.instrument
        ledger.mark(code, close)
        funds = ledger.funds
        equity, net, commission = funds.balance, funds.balance - funds.pre_balance, funds.commission
        ledger.settle({code: close})
        margin = ledger.funds.margin
        self.recorder.days.append(DayRow(day, equity, net, commission, self._day_slippage, margin, self.held))
        self._day_slippage = 0.0

    def close_out(self, index: int, bars: BarSeries) -> None:
        """Close what is held on the last bar at its close."""
        self.target, self.waiting = 0.0, False
        if self.held:
            self._fill(index, int(bars.start[index]), int(bars.trading_day[index]), float(bars.close[index]))

    def result(self, bars: BarSeries) -> RunResult:
        """The outcome, with a sentence where openings were refused."""
        if self.rejected > 1:
            self.warnings.append(f"{self.rejected} openings in all were refused for want of funds.")
        return self.recorder.result(bars.start, self.config.capital, self.rejected, tuple(self.warnings))

    def _begin_day(self, day: date) -> None:
        row = bisect_right(self._changes, day)
        if row != self._terms_row:
            if self._terms_row < 0:
                self.warnings.extend(self.config.costs.unknown_before(day))
            self.ledger.set_terms(self.config.instrument, self.config.costs.terms_on(day))
            self._terms_row = row

    def _decide(self, signal: Signal) -> None:
        target = signal.target * self.config.volume
        if not math.isfinite(target):
            text = say("A signal's target must be a number, not %(target)r.", target=signal.target)
            raise RuleError("invalid_signal", text)
        self.target = target
        self.waiting = target != self.held

    def _fill(self, index: int, start: int, day: int, reference: float) -> None:
        """Trade from the held position to the target around the ``reference`` price."""
        self.waiting = False
        self.ledger.mark(self.config.instrument, reference)
        delta = self.target - self.held
        direction = Direction.BUY if delta > 0 else Direction.SELL
        closing = min(abs(delta), abs(self.held)) if delta * self.held < 0 else 0.0
        opening = abs(delta) - closing
        costs = self.config.costs
        deal = _Deal(
            index, start, day, direction, fill_price(reference, direction, costs.slippage_ticks, costs.price_tick)
        )
        if closing:
            self._close(deal, closing)
        if opening:
            self._open(deal, opening)

    def _close(self, deal: _Deal, volume: float) -> None:
        closings = self.ledger.close(self.config.instrument, Side(-deal.direction), deal.price, volume)
        for closing in closings:
            self.recorder.closed(deal.start, deal.day, closing)
        for offset in (Offset.CLOSE, Offset.CLOSE_TODAY):  # first in, first out: the older lots come first
            part = [closing for closing in closings if closing.offset == offset]
            if part:
                paid = sum(closing.commission for closing in part)
                profit = sum(closing.lot.profit_by_trade for closing in part)
                self._note(deal, offset, sum(closing.lot.volume for closing in part), paid, profit)

    def _open(self, deal: _Deal, volume: float) -> None:
        ledger, code, side = self.ledger, self.config.instrument, Side(deal.direction)
        need, free = ledger.opening_need(code, side, deal.price, volume), ledger.funds.available
        if need > free:
            self._refuse(deal, volume, f"it needed {need:.2f}, {free:.2f} were available")
            return
        paid = ledger.open(code, side, deal.price, volume, at=deal.start, trading_day=deal.day)
        self._note(deal, Offset.OPEN, volume, paid, 0.0)

    def _refuse(self, deal: _Deal, volume: float, why: str) -> None:
        self.rejected += 1
        if self.rejected == 1:
            self.warnings.append(f"An opening was refused for want of funds on {_to_date(deal.day)}: {why}.")
        self._tell(UpdateKind.REJECTED, deal, Offset.OPEN, volume)

    def _note(self, deal: _Deal, offset: Offset, volume: float, paid: float, profit: float) -> None:
        """Record a fill with the money that its slippage cost, and tell the strategy."""
        costs = self.config.costs
        lost = slippage_cost(volume, costs.multiplier, costs.slippage_ticks, costs.price_tick)
        self._day_slippage += lost
        self.held += deal.direction * volume
        self.recorder.fills.append(
            FillRow(
                deal.bar_index, deal.start, deal.day, deal.direction, offset, deal.price, volume, paid, lost, profit
            )
        )
        self._tell(UpdateKind.FILLED, deal, offset, volume)

    def _tell(self, kind: UpdateKind, deal: _Deal, offset: Offset, volume: float) -> None:
        self.strategy.on_order_update(
            OrderUpdate(kind, deal.start, deal.direction, offset, deal.price, volume, self.held)
        )
