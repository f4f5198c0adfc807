"""Recorded ticks of one or several instruments as a feed publishes them: clock, ticks, and the bars that they close.

The order is that of a live feed (``marketdata.publishing.path``). The market clock comes to a whole second before the
ticks of that second, is told, and closes what has ended; a tick is published before the bars that it closes. Ticks of
several instruments are merged by their times, at one time the first leg comes first. Bars of one start go to the
strategy together, as live (``strategies.domain.hosting.gather``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import NamedTuple

from marketdata.domain.bar_builder import BarBuilder
from marketdata.domain.bars import Bar
from marketdata.domain.contract import Contract
from marketdata.domain.ticks import BarMessage, SettlementMessage, Tick
from quantsite.common.times import NS_PER_SECOND
from strategies.domain.hosting.gather import BarGatherer, Gathered
from strategies.domain.hosting.terms import TICKS

AFTER_CLOSE = 5 * NS_PER_SECOND
"""So long after its last session an instrument's working orders expire, as an account's loop ends them."""
RUN_ON = 20 * NS_PER_SECOND
"""So long the clock runs on after the last instrument's close: bars close, nothing of the day is left open."""
LONG_GAP = 3600 * NS_PER_SECOND
"""A silence longer than any within a session's part: the clock is not counted through it second by second."""


@dataclass(frozen=True, slots=True)
class HostedDay:
    """One recorded trading day: the ticks of each leg in their order, none where a leg has none that day."""

    trading_day: int
    ticks: tuple[Sequence[Tick], ...]


class Second(NamedTuple):
    """The market clock has come to ``now`` (ns UTC, a whole second)."""

    now: int


class LegTick(NamedTuple):
    """The next tick of a leg; ``now`` is the market clock, behind which a tick out of order may lie."""

    now: int
    leg: int
    tick: Tick


class Bars(NamedTuple):
    """Bars of one start: what closed at ``now`` by the market clock."""

    now: int
    bars: Gathered


class Expiry(NamedTuple):
    """The trading day of a leg is over at ``now``: its working orders end."""

    now: int
    leg: int


Event = Second | LegTick | Bars | Expiry


class HostedFeed:
    """The feed of ``contracts``, one a leg. With the interval :data:`TICKS` there are no bars.

    Raises ``RuleError`` ``invalid_interval``.
    """

    def __init__(self, contracts: Sequence[Contract], interval: str) -> None:
        self._contracts = contracts
        self._legs = {contract.code: leg for leg, contract in enumerate(contracts)}
        self._builder = None if interval == TICKS else BarBuilder({}, (interval,), since=0)
        self._gather = BarGatherer(len(contracts))
        self._clock = 0

    def day(self, day: HostedDay) -> Iterator[Event]:
        """One trading day from its first tick to the end of its last session."""
        plans = [contract.table.plan(day.trading_day) for contract in self._contracts]
        ends = sorted((plan.closes + AFTER_CLOSE, leg) for leg, plan in enumerate(plans))
        for arrival in merge(*(_arrivals(leg, ticks) for leg, ticks in enumerate(day.ticks))):
            yield from self._until(arrival.now, ends)
            yield arrival
            yield from self._closed_by(arrival)
        yield from self._until(max(at for at, _leg in [*ends, (self._clock, 0)]) + RUN_ON, ends)
        yield from (Bars(self._clock, bars) for bars in self._gather.finish())

    def _until(self, moment: int, ends: list[tuple[int, int]]) -> Iterator[Event]:
        """The whole seconds up to ``moment``, with what they close; days end at theirs."""
        for second in self._seconds(moment):
            while ends and ends[0][0] <= second:
                yield Expiry(second, ends.pop(0)[1])
            yield from (Bars(second, bars) for bars in self._gather.on_clock(second))
            yield Second(second)
            if self._builder is not None:
                for message in self._builder.on_clock(second):
                    yield from self._gathered(message, second)

    def _seconds(self, moment: int) -> Iterator[int]:
        last, newest = self._clock, moment - moment % NS_PER_SECOND
        self._clock = max(last, newest)
        if newest - last > LONG_GAP:
            if last:
                yield from range(last + NS_PER_SECOND, last + RUN_ON + 1, NS_PER_SECOND)
            last = newest - NS_PER_SECOND
        yield from range(last + NS_PER_SECOND, newest + 1, NS_PER_SECOND)

    def _closed_by(self, arrival: LegTick) -> Iterator[Event]:
        if self._builder is not None:
            self._builder.add(self._contracts[arrival.leg], arrival.tick.time)
            for message in self._builder.on_tick(arrival.tick):
                yield from self._gathered(message, arrival.now)

    def _gathered(self, message: BarMessage | SettlementMessage, now: int) -> Iterator[Event]:
        if isinstance(message, BarMessage):
            yield from (
                Bars(now, bars) for bars in self._gather.take(self._legs[message.instrument], _bar(message), now)
            )


def _arrivals(leg: int, ticks: Sequence[Tick]) -> Iterator[LegTick]:
    """A tick out of order arrives where it stands, as in a replay."""
    latest = 0
    for tick in ticks:
        latest = max(latest, tick.time)
        yield LegTick(latest, leg, tick)


def _bar(message: BarMessage) -> Bar:
    prices = (message.open, message.high, message.low, message.close)
    amounts = (float(message.volume), message.turnover, message.open_interest)
    return Bar(message.start, message.trading_day, *prices, *amounts)
