"""The backtest on ticks: every tick through the simulated exchange, then to the strategy. No I/O.

The exchange is the very matcher that paper trading has (docs/trading/matching.md), the account the ledger that all
have. On each tick, in this order:

1. *Match.* What arrived before the tick meets the book before it; the tick's trades and book then serve what rests.
2. *Tell.* The strategy hears what became of its orders.
3. *Decide.* It sees the tick (a stale, backward or outside one it does not), may place orders, and gives signals. A
   signal's target is reached by market orders: what the book does not fill is sent again with the next tick.
4. *Match again.* Without latency what it placed meets the tick that it saw; with one it arrives later.

Every order ends with its trading day. The day settles at the stored settlement price, else at its last price.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from backtests.domain.drivers import Progress
from backtests.domain.engine import RunSetup
from backtests.domain.fill_account import fill_account
from backtests.domain.fill_booking import FillRow
from backtests.domain.legs import Leg
from backtests.domain.result import FillTable, RunResult
from backtests.domain.tick_account import TickAccount
from backtests.domain.tick_day import TickDay
from backtests.domain.tick_desk import Placed, TickDesk
from backtests.domain.tick_rules import matching_rules
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from strategies.domain.forms import overrides, takes_ticks
from strategies.domain.hosting.driving import finite_target
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, UpdateKind
from strategies.domain.windowed import Windowed
from trading.domain.offsets import Direction, Offset
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.outcomes import Outcome, Reason, Refused, Traded, Withdrawn

_REFUSED = unsaid("%(count)d orders were refused for want of funds.")
_LEFT_OPEN = unsaid("The book of the last tick did not take all of the position: %(lots)g lots stay open.")

Feed = Callable[[Tick], list[Signal]]


def run_ticks(
    days: Iterable[TickDay], leg: Leg, strategy: BaseStrategy, setup: RunSetup, progress: Progress | None = None
) -> RunResult:
    """Run ``strategy`` over the days, one in memory at a time; ``leg.bars`` are minutes of the same ticks.

    Fills carry their own instants, trades those of their minutes. ``progress(done, total)`` is called after each day.
    Raises ``RuleError`` ``no_form`` for a strategy that ticks cannot drive.
    """
    return _Run(leg, strategy, setup).over(days, progress)


class _Run:
    def __init__(self, leg: Leg, strategy: BaseStrategy, setup: RunSetup) -> None:
        rules = setup.rules
        self._rules = matching_rules(rules)
        self._leg, self._setup, self._strategy = leg, setup, strategy
        self._account = TickAccount((leg,), setup.capital)
        self._desk = TickDesk(self._account, setup.volume)
        self._listens = overrides(type(strategy), "on_order_update")
        self._refused = 0
        self._left_open = 0.0
        strategy.desk = self._desk
        strategy.random = np.random.default_rng((rules.seed, 0))
        self._feed = _feed_of(strategy, self._desk)
        strategy.initialize()

    def over(self, days: Iterable[TickDay], progress: Progress | None) -> RunResult:
        """All days, and what came of them."""
        total = len(np.unique(self._leg.bars.trading_day))
        for number, day in enumerate(days, start=1):
            self._day(day, last=number == total)
            if progress is not None:
                progress(number, total)
        return self._result()

    def _day(self, day: TickDay, *, last: bool) -> None:
        self._account.begin(day.trading_day)
        leg, tick_size = self._leg, self._account.price_tick()
        exchange = leg.code.rpartition(".")[2]
        matcher = InstrumentMatcher(leg.code, exchange, tick_size, self._account.multiplier(), self._rules)
        matcher.begin_day(day.opens)
        self._desk.begin(matcher)
        for tick in day.ticks:
            if outcomes := matcher.on_tick(tick):
                self._tell(outcomes)
            if not tick.flags:
                self._decide(tick)
        if last and self._setup.close_at_end:
            self._close(day, matcher)
        outcomes = matcher.expire(day.closes)
        self._desk.end()
        self._tell(outcomes)
        self._account.settle()

    def _decide(self, tick: Tick) -> None:
        signals = self._feed(tick)
        if signals:
            self._desk.aim(finite_target(signals[-1].target))
        self._desk.chase()
        if self._desk.told or self._desk.refused:
            self._tell([])

    def _close(self, day: TickDay, matcher: InstrumentMatcher) -> None:
        """Close what is held against the last book: what that does not display stays open, and a warning says so."""
        self._desk.aim(0.0)
        self._desk.chase()
        self._tell(matcher.on_clock(day.closes))
        self._left_open = self._account.held()

    def _tell(self, outcomes: list[Outcome]) -> None:
        """Book what happened and tell the strategy, whose replies may lead to more."""
        desk = self._desk
        outcomes = desk.told + outcomes
        desk.told = []
        while outcomes or desk.refused:
            for outcome in outcomes:
                self._take(outcome)
            refused, desk.refused = desk.refused, []
            for placed, at in refused:
                self._refused += 1
                self._update(UpdateKind.REJECTED, at, placed, placed.price, placed.left)
            outcomes, desk.told = desk.told, []

    def _take(self, outcome: Outcome) -> None:
        if isinstance(outcome, Traded):
            placed = self._desk.orders[outcome.order_id]
            placed.left -= outcome.volume
            if not placed.left:
                del self._desk.orders[outcome.order_id]
            for row in self._account.fill(placed.direction, outcome, placed.left):
                self._filled(placed, row)
        elif isinstance(outcome, Withdrawn | Refused):
            placed = self._desk.orders.pop(outcome.order_id)
            self._account.release(outcome.order_id)
            kind = UpdateKind.REJECTED if isinstance(outcome, Refused) else UpdateKind.CANCELLED
            if placed.number or outcome.reason == Reason.PRICE_OUTSIDE_LIMITS:
                self._update(kind, outcome.at, placed, placed.price, placed.left)

    def _filled(self, placed: Placed, row: FillRow) -> None:
        self._update(UpdateKind.FILLED, row.at, placed, row.price, row.volume, Offset(row.offset))

    def _update(  # noqa: PLR0917 - private, in the order of the update's own fields
        self, kind: UpdateKind, at: int, placed: Placed, price: float, lots: float, offset: Offset = Offset.OPEN
    ) -> None:
        if self._listens:
            unit, direction = self._setup.volume, Direction(placed.direction)
            given = (kind, at, direction, offset, price, lots / unit, self._desk.position(), placed.number)
            self._strategy.on_order_update(OrderUpdate(*given))

    def _result(self) -> RunResult:
        found = fill_account(self._account.facts, [self._leg], self._setup.capital)
        result, moments = found.result, found.moments
        warnings = list(result.warnings)
        if self._refused:
            warnings.append(say(_REFUSED, count=self._refused))
        if self._left_open:
            warnings.append(say(_LEFT_OPEN, lots=abs(self._left_open)))
        fills: FillTable = replace(result.fills, start=moments)
        return replace(result, fills=fills, rejected=self._refused, warnings=tuple(warnings))


def _feed_of(strategy: BaseStrategy, desk: TickDesk) -> Feed:
    """How a strategy takes a tick and gives its decisions. Raises ``RuleError`` ``no_form``."""
    cls = type(strategy)
    if not takes_ticks(cls):
        name = cls.name or cls.__name__
        text = say("%(name)s decides on bars only: on ticks it needs on_tick, on_market_data or targets.", name=name)
        raise RuleError("no_form", text, fields={"interval": text})
    if overrides(cls, "on_tick"):

        def snapshot(tick: Tick) -> list[Signal]:
            desk.see(tick)
            strategy.on_tick(tick)
            return strategy.generate_signals()

        return snapshot
    plain = strategy if overrides(cls, "on_market_data") else Windowed(strategy)

    def trade(tick: Tick) -> list[Signal]:
        bar = desk.see(tick)
        if bar is None:
            return []
        plain.on_market_data(bar)
        return plain.generate_signals()

    return trade
