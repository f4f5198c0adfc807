"""How the three forms of a strategy are driven over one session; all of them end with every day settled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from backtests.domain import kernel_state as state
from backtests.domain.desk import BacktestDesk
from backtests.domain.session import NO_TARGETS, Session
from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.forms import overrides
from strategies.domain.hosting.driving import finite_target
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, Wake, WakeKind
from strategies.domain.windowed import Window, Windowed, flag_column, target_column

Progress = Callable[[int, int], None]

EVENT_ROWS = 250_000
"""Rows after which an event run reports progress where nothing else happens."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One strategy with the legs of the run that it acts on and its desk."""

    strategy: BaseStrategy
    legs: tuple[int, ...]
    desk: BacktestDesk

    @property
    def listens(self) -> bool:
        """True where the strategy wants to hear what became of its orders."""
        return overrides(type(self.strategy), "on_order_update")


def run_targets(session: Session, actors: Sequence[Actor], progress: Progress) -> None:
    """Form 1: all decisions first, then the whole tape in one call."""
    targets = _target_rows(session, actors)
    if len(infinite := np.flatnonzero(np.isinf(targets))):
        finite_target(float(targets[infinite[0]]))
    total = len(session.rows.start)
    session.reserve(2 * int(np.count_nonzero(~np.isnan(targets))) + 64)  # a reversal closes and opens
    session.advance(total, targets)
    progress(total, total)


def _target_rows(session: Session, actors: Sequence[Actor]) -> npt.NDArray[np.float64]:
    """The decisions of all legs by row."""
    total = len(session.rows.start)
    columns = [target_column(actor.strategy, session.sights[actor.legs[0]].bars) for actor in actors]
    if len(columns) == 1 and len(columns[0]) == total:
        return columns[0] if total else NO_TARGETS
    targets = np.full(total, np.nan)
    for actor, column in zip(actors, columns, strict=True):
        targets[session.sights[actor.legs[0]].rows] = column
    return targets


def tell(actors: Sequence[Actor], updates: Sequence[OrderUpdate]) -> None:
    """Hand updates to the strategies that the legs belong to."""
    for update in updates:
        for actor in actors:
            if update.leg in actor.legs and actor.listens:
                actor.strategy.on_order_update(actor.desk.own_update(update))


class Events:
    """Form 2: the kernel runs until something happens that a strategy asked for."""

    def __init__(self, session: Session, actors: Sequence[Actor]) -> None:
        self.session = session
        self.actors = actors
        self._started = [False] * len(actors)
        self._base = 0
        self._moving = any(len(sight.adjustment.shift) for sight in session.sights)
        for actor in actors:
            wakes = type(actor.strategy).wakes
            self._base |= state.WANT_DAY if WakeKind.DAY in wakes else 0
            self._base |= state.WANT_FLAG if WakeKind.FLAG in wakes else 0
        self.watch()

    def run(self, progress: Progress, *, step: bool = False) -> None:
        """To the end of the tape; with ``step`` row by row, and flags from windows instead of whole columns."""
        session, total = self.session, len(self.session.rows.start)
        flags = np.zeros(total, dtype=np.bool_)
        windows = self._windows() if step else {}
        if not step:
            self._fill_flags(flags)
        while session.row < total:
            row = session.row
            if step:
                self._flag_row(row, flags, windows)
            if session.advance(row + 1 if step else min(total, row + EVENT_ROWS), flags=flags):
                self._wake(flags)
            progress(session.row, total)

    def watch(self) -> None:
        """Tell the kernel what to come back for: starts still due, the next timer, the nearest levels."""
        book, starts = self.session.book, self.session.rows.start
        wants = self._base | (0 if all(self._started) else state.WANT_START)
        timers = [time for actor in self.actors for time in actor.desk.timers]
        if timers:
            wants |= state.WANT_TIMER
            book.counts[state.TIMER_ROW] = max(self.session.row, int(np.searchsorted(starts, min(timers))))
        if any(actor.desk.levels for actor in self.actors):
            wants |= state.WANT_LEVEL
            # A roll moves the recorded price behind a level that is named on an adjusted series.
            wants |= state.WANT_DAY if self._moving else 0
            self._watch_levels()
        book.switches[state.WANTS] = wants

    def _watch_levels(self) -> None:
        """The nearest levels on each side, a little wide: the strategy's own bars decide what was reached."""
        numbers = self.session.book.leg_numbers
        numbers[:, state.LEVEL_DOWN], numbers[:, state.LEVEL_UP] = -np.inf, np.inf
        for actor in self.actors:
            for leg in {actor.legs[own] for own, _price in actor.desk.levels}:
                down, up = actor.desk.levels_around(leg)
                numbers[leg, state.LEVEL_DOWN] = max(numbers[leg, state.LEVEL_DOWN], down)
                numbers[leg, state.LEVEL_UP] = min(numbers[leg, state.LEVEL_UP], up)

    def _wake(self, flags: npt.NDArray[np.bool_]) -> None:
        tell(self.actors, self.session.take_updates())
        for number, actor in enumerate(self.actors):
            for wake in self._wakes_of(number, actor, flags):
                actor.strategy.on_wake(wake)
        self.watch()

    def _wakes_of(self, number: int, actor: Actor, flags: npt.NDArray[np.bool_]) -> Iterator[Wake]:
        """The reasons to call one strategy after the last row, in their fixed order."""
        sight = self.session.sights[actor.legs[0]]
        at = self._closed_now(actor.legs[0])
        if at >= 0:
            row, wakes = int(sight.rows[at]), type(actor.strategy).wakes
            bar = bar_at(sight.bars, at)
            if not self._started[number]:
                self._started[number] = True
                if WakeKind.START in wakes:
                    yield Wake(WakeKind.START, bar)
            elif WakeKind.DAY in wakes and at and sight.bars.trading_day[at] != sight.bars.trading_day[at - 1]:
                yield Wake(WakeKind.DAY, bar)
            if WakeKind.FLAG in wakes and flags[row]:
                yield Wake(WakeKind.FLAG, bar)
            if actor.desk.due(bar.start):
                yield Wake(WakeKind.TIMER, bar)
        if actor.desk.levels:
            yield from self._levels_of(actor)

    def _levels_of(self, actor: Actor) -> Iterator[Wake]:
        """The levels that the bars just closed have reached, leg by leg."""
        for own, leg in enumerate(actor.legs):
            at, bars = self._closed_now(leg), self.session.sights[leg].bars
            if at >= 0:
                bar = bar_at(bars, at)
                before = float(bars.close[at - 1]) if at else bar.open
                for level in actor.desk.reached(own, bar, before):
                    yield Wake(WakeKind.LEVEL, bar, level)

    def _closed_now(self, leg: int) -> int:
        """The number of the leg's bar that its strategy sees close with the last row, -1 where it has none."""
        session = self.session
        rows = session.sights[leg].rows
        at = int(np.searchsorted(rows, session.row)) - 1
        there = at >= 0 and session.rows.start[rows[at]] == session.rows.start[session.row - 1]
        return at if there else -1

    def _fill_flags(self, flags: npt.NDArray[np.bool_]) -> None:
        for actor in self.actors:
            if WakeKind.FLAG in type(actor.strategy).wakes:
                sight = self.session.sights[actor.legs[0]]
                flags[sight.rows] = flag_column(actor.strategy, sight.bars)

    def _windows(self) -> dict[int, tuple[BaseStrategy, Window]]:
        """By leg: a flagging strategy and the window that its flags are computed on."""
        return {
            actor.legs[0]: (actor.strategy, Window(actor.strategy.warm_up()))
            for actor in self.actors
            if WakeKind.FLAG in type(actor.strategy).wakes
        }

    def _flag_row(
        self, row: int, flags: npt.NDArray[np.bool_], windows: dict[int, tuple[BaseStrategy, Window]]
    ) -> None:
        leg = int(self.session.tape.leg[row])
        if leg not in windows or self.session.tape.bits[row] & state.CLOSED_TO_US:
            return
        strategy, window = windows[leg]
        sight = self.session.sights[leg]
        window.append(bar_at(sight.bars, int(np.searchsorted(sight.rows, row))))
        flags[row] = flag_column(strategy, window.bars())[-1]


def bar_at(bars: BarSeries, at: int) -> Bar:
    """One bar of a series as plain numbers."""
    values = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.turnover, bars.open_interest)
    return Bar(int(bars.start[at]), int(bars.trading_day[at]), *(float(column[at]) for column in values))


def run_plain(session: Session, actor: Actor, progress: Progress) -> None:
    """Form 3 on one leg: the strategy sees every bar; the kernel is called where a bar may change something."""
    strategy = actor.strategy if overrides(type(actor.strategy), "on_market_data") else Windowed(actor.strategy)
    take_in, decisions = strategy.on_market_data, strategy.generate_signals
    sight, first = session.sights[actor.legs[0]], session.rows.first.tolist()
    whole = len(sight.rows) == len(session.rows.start)
    closed = None if whole else (session.tape.bits & state.CLOSED_TO_US).tolist()
    bars, total, counts = sight.bars.rows(), first[-1], session.book.counts
    pending = 0
    session.placed = False  # what was placed before the first bar is met by the first call
    for start, stop in pairwise(first):
        last = stop - 1
        for row in range(start, stop):
            if pending or row in (start, last):
                counts[state.ROW] = row
                if session.advance(row + 1):
                    tell((actor,), session.take_updates())
                counts = session.book.counts
                pending = counts[state.PENDING]
            if closed is not None and closed[row]:
                continue
            session.ahead = row + 1
            take_in(next(bars))
            signals = decisions()
            if signals:
                session.decide(0, finite_target(signals[-1].target))
                pending = 1
            if session.placed:
                session.placed, pending = False, 1
        progress(stop, total)


def run_plain_legs(session: Session, actors: Sequence[Actor], progress: Progress) -> None:
    """Form 3 on several legs: bars that start together reach their strategies together."""
    total = len(session.rows.start)
    feeds = [_feed(actor) for actor in actors]
    ends = np.flatnonzero(session.tape.bits & state.GROUP_END).tolist()
    begin = 0
    for end in ends:
        if session.advance(end + 1):
            tell(actors, session.take_updates())
        bars: dict[int, Bar] = {}
        for row in range(begin, end + 1):
            if not session.tape.bits[row] & state.CLOSED_TO_US:
                leg = int(session.tape.leg[row])
                sight = session.sights[leg]
                bars[leg] = bar_at(sight.bars, int(np.searchsorted(sight.rows, row)))
        for actor, feed in zip(actors, feeds, strict=True):
            for signal in feed(tuple(bars.get(leg) for leg in actor.legs)):
                session.decide(actor.legs[signal.leg], finite_target(signal.target))
        begin = end + 1
        if session.tape.bits[end] & state.LAST_OF_DAY:
            progress(begin, total)


def _feed(actor: Actor) -> Callable[[tuple[Bar | None, ...]], list[Signal]]:
    """How one strategy takes the bars of its legs and gives its decisions."""
    strategy = actor.strategy
    if overrides(type(strategy), "on_bars"):

        def together(bars: tuple[Bar | None, ...]) -> list[Signal]:
            if all(bar is None for bar in bars):
                return []
            strategy.on_bars(bars)
            return strategy.generate_signals()

        return together
    single = strategy if overrides(type(strategy), "on_market_data") else Windowed(strategy)

    def alone(bars: tuple[Bar | None, ...]) -> list[Signal]:
        if bars[0] is None:
            return []
        single.on_market_data(bars[0])
        return single.generate_signals()[-1:]

    return alone
