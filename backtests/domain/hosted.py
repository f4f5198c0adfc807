"""The backtest on ticks that a live host makes: bars decide, ticks fill. No I/O.

The strategy is driven by the very host that drives it live (``strategies.domain.hosting``), fed in the order in which
a live feed publishes (:mod:`backtests.domain.hosted_feed`); its orders go to the simulated exchange's matchers. At one
tick, in this order:

1. *Match.* The tick's trades and book serve what rests; the host hears of it.
2. *Tick.* The host sees the tick: stops, replies, executions, what is left of a target, a strategy on ticks.
3. *Bars.* What the tick closed is decided on. What a bar led to meets the book of the last tick.

Ticks that are flagged (stale, backward, outside) the exchange and the host do not see. Orders end with their trading
day; the day settles at the stored settlement price, else at its last price.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backtests.domain.drivers import Progress
from backtests.domain.engine import RunSetup
from backtests.domain.fill_account import fill_account
from backtests.domain.hosted_exchange import HostedExchange, HostedLeg, Sent
from backtests.domain.hosted_feed import Bars, Event, Expiry, HostedDay, HostedFeed, LegTick
from backtests.domain.result import RunResult
from backtests.domain.tick_rules import matching_rules
from quantsite.common.texts import say, unsaid
from strategies.domain.hosting.executor import MakeExecutor
from strategies.domain.hosting.host import LiveHost
from strategies.domain.hosting.intents import Decided, Intent
from strategies.domain.hosting.news import News
from strategies.domain.hosting.terms import HostSetup, LegTerms
from strategies.domain.strategy import BaseStrategy
from trading.domain.checks import session_reason
from trading.domain.simulated.outcomes import Traded

_REFUSED = unsaid("%(count)d orders were refused for want of funds.")
_LEFT_OPEN = unsaid("The book of the last tick did not take all of the position: %(lots)g lots stay open.")


@dataclass(frozen=True, slots=True)
class HostedResult:
    """``run`` is the result as of every backtest; beside it what a live day leaves behind.

    ``decided`` are the signals in their order, ``sent`` the orders in that of their numbers, ``fills`` pairs of the
    order's number and its trade, in the order of time.
    """

    run: RunResult
    decided: tuple[Decided, ...]
    sent: tuple[Sent, ...]
    fills: tuple[tuple[int, Traded], ...]


def new_host(
    legs: Sequence[HostedLeg],
    strategy: BaseStrategy,
    setup: RunSetup,
    interval: str,
    executor: MakeExecutor | None = None,
) -> LiveHost:
    """A host that has seen nothing yet; ``executor`` makes what works its targets (``None``: market orders at once)."""
    terms = [LegTerms(contract.code, leg.costs.price_tick, leg.costs.multiplier) for leg, contract in legs]
    return LiveHost(strategy, terms, HostSetup(int(setup.volume), interval, setup.rules.seed), executor)


def run_hosted(
    days: Iterable[HostedDay],
    legs: Sequence[HostedLeg],
    strategy: BaseStrategy,
    setup: RunSetup,
    *,
    interval: str,
    executor: MakeExecutor | None = None,
    progress: Progress | None = None,
    meet: bool = False,
) -> HostedResult:
    """Run ``strategy`` over the days, one in memory at a time; the legs' bars are those that the ticks close.

    ``progress(done, total)`` is called after each day. With ``meet`` own orders may rest against each other, as in a
    run on ticks. Raises ``RuleError`` for a strategy that cannot be hosted on this interval, and for what a strategy
    may not ask for.
    """
    host = new_host(legs, strategy, setup, interval, executor)
    return HostedRun(host, legs, setup, interval, meet=meet).over(days, progress)


class HostedRun:
    """One host over recorded days."""

    def __init__(
        self,
        host: LiveHost,
        legs: Sequence[HostedLeg],
        setup: RunSetup,
        interval: str,
        *,
        since: int = 0,
        meet: bool = False,
    ) -> None:
        """What came up to ``since`` (ns UTC, market clock) the host knows already: it makes bars, and is not given."""
        self._host, self._setup, self._since = host, setup, since
        self._legs = [each.leg for each in legs]
        self._tables = [each.contract.table for each in legs]
        self._exchange = HostedExchange(legs, matching_rules(setup.rules), setup.capital, host.positions, meet=meet)
        self._feed = HostedFeed([each.contract for each in legs], interval)
        self._decided: list[Decided] = []
        self._left_open = 0.0

    def over(self, days: Iterable[HostedDay], progress: Progress | None = None) -> HostedResult:
        """All days, and what came of them."""
        every = [np.unique(leg.bars.trading_day) for leg in self._legs]
        total = len(np.unique(np.concatenate(every)))
        for number, day in enumerate(days, start=1):
            self._day(day, last=number == total)
            if progress is not None:
                progress(number, total)
        return self._result()

    def _day(self, day: HostedDay, *, last: bool) -> None:
        self._exchange.begin_day(day.trading_day)
        begun, now = self._host.day == day.trading_day, 0
        closing = last and self._setup.close_at_end
        for event in self._feed.day(day):
            now = event.now
            if now <= self._since:
                self._look_on(event)
                continue
            if not begun and isinstance(event, LegTick) and not event.tick.flags:
                begun = True
                self._do(self._host.begin_day(day.trading_day), now)
            if closing and isinstance(event, Expiry):
                closing = False
                self._close(event.now)
            self._take(event)
        self._do(self._host.end_day(), now)
        self._exchange.account.settle()

    def _take(self, event: Event) -> None:
        if isinstance(event, LegTick):
            self._tell(self._exchange.on_tick(event.leg, event.tick), event.now)
            if not event.tick.flags:
                self._do(self._host.on_tick(event.leg, event.tick), event.now)
        elif isinstance(event, Bars):
            self._do(self._host.on_bars(event.bars, event.now, self._shut(event.now)), event.now)
        elif isinstance(event, Expiry):
            self._tell(self._exchange.expire(event.leg, event.now), event.now)
        else:
            self._tell(self._exchange.on_clock(event.now), event.now)
            self._do(self._host.on_clock(event.now), event.now)

    def _look_on(self, event: Event) -> None:
        """The exchange's books are those of the day; the host has seen it before."""
        if isinstance(event, LegTick):
            self._exchange.on_tick(event.leg, event.tick)

    def _shut(self, now: int) -> tuple[int, ...]:
        """The legs whose exchange takes no orders now."""
        return tuple(leg for leg, table in enumerate(self._tables) if session_reason(table, now) is not None)

    def _do(self, intents: Sequence[Intent], now: int) -> None:
        """Carry intents out, tell what came of them, and so on until nothing is wanted any more."""
        while intents:
            self._decided += [intent for intent in intents if isinstance(intent, Decided)]
            news = self._exchange.carry_out(intents, now)
            intents = [intent for each in news for intent in self._host.on_news(each)]

    def _tell(self, news: Sequence[News], now: int) -> None:
        self._do([intent for each in news for intent in self._host.on_news(each)], now)

    def _close(self, now: int) -> None:
        """Close what is held against the last book: what that does not display stays open, and a warning says so."""
        self._exchange.any_hour = True
        self._do(self._host.flatten(now), now)
        account = self._exchange.account
        self._left_open = sum(abs(account.held(leg)) for leg in range(len(self._legs)))

    def _result(self) -> HostedResult:
        exchange, capital = self._exchange, self._setup.capital
        found = fill_account(exchange.account.facts, self._legs, capital)
        warnings = list(found.result.warnings)
        if exchange.short_of_funds:
            warnings.append(say(_REFUSED, count=exchange.short_of_funds))
        if self._left_open:
            warnings.append(say(_LEFT_OPEN, lots=self._left_open))
        run = replace(
            found.result,
            fills=replace(found.result.fills, start=found.moments),
            rejected=exchange.short_of_funds,
            warnings=tuple(warnings),
        )
        sent = tuple(exchange.orders[number] for number in sorted(exchange.orders))
        return HostedResult(run, tuple(self._decided), sent, tuple(exchange.fills))
