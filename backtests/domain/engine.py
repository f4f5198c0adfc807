"""The backtest: bars go through a strategy, its decisions through fills and the ledger into equity. No I/O.

The plain rules, in the order in which they act on a bar; docs/backtests.md has those that ``Rules`` switches on:

1. *Fill.* A waiting target fills at the open of the first bar after the decision that has volume, plus
   ``slippage_ticks`` against the trader. A bar without volume fills nothing, the target waits; an unknown
   volume (NaN) counts as volume. A reversal closes first, then opens: two rows. A close that hits lots of this
   trading day and older ones gives one row for each, the older first. Then resting orders, in the order in which
   they were placed: a limit at its price or the better open, a stop at its price or the open beyond it.
2. *Margin.* An opening happens if its margin at the fill price plus its commission is at most the available
   funds, with what is held marked at the fill's reference price (for a reversal: after the close). Otherwise the
   whole opening is refused, counted and dropped until the next signal. A close is never refused.
3. *Decide.* The strategy sees the closed bar; its last signal is the target from now on. A target equal to
   what is held drops the waiting order. What is decided on the last bar never fills.
4. *Mark.* After the last bar of a trading day the account settles at that bar's close, which stands for the
   settlement price. Lots of the day are margined at their open price, older ones at the last settlement.

At the end the position is marked, not closed. With ``close_at_end`` it is closed on the last bar at its close,
plus slippage, whether or not the bar has volume.

One compiled ledger (``kernel``) serves all three forms of a strategy; which one drives it changes the time that a
run takes and nothing else.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backtests.domain import kernel_state as state
from backtests.domain.adjusted import adjusted, adjustment
from backtests.domain.book import ROOMY, new_book, result_of
from backtests.domain.costs import CostTable
from backtests.domain.desk import BacktestDesk
from backtests.domain.drivers import Actor, Events, Progress, run_plain, run_plain_legs, run_targets
from backtests.domain.legs import Facts, Leg, check_legs
from backtests.domain.result import RunResult
from backtests.domain.rules import PLAIN, LimitFill, Rules
from backtests.domain.session import Session, Sight
from backtests.domain.tape import make_tape, seen, tradable
from backtests.domain.version import ENGINE_VERSION
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from strategies.domain.forms import Form, forms, overrides
from strategies.domain.strategy import BaseStrategy

__all__ = [
    "ENGINE_VERSION",
    "Prepared",
    "Progress",
    "RunConfig",
    "RunSetup",
    "prepare",
    "prepare_legs",
    "run",
    "run_legs",
]

_NOT_POSITIVE = {
    "capital": unsaid("capital must be above 0, not %(number)r."),
    "volume": unsaid("volume must be above 0, not %(number)r."),
}


@dataclass(frozen=True, slots=True)
class RunSetup:
    """What a run needs beside legs and strategy. ``capital`` in yuan, ``volume`` lots that a target of 1 means.

    ``form`` is the form to run in, ``None`` for the fastest. Raises ``RuleError`` ``invalid_run`` unless capital
    and volume are positive numbers.
    """

    capital: float
    volume: float
    close_at_end: bool = False
    rules: Rules = PLAIN
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


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run on one instrument: ``RunSetup`` with the costs and facts of the leg. Raises as ``RunSetup`` does."""

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
        self.setup()

    def setup(self) -> RunSetup:
        """Everything but the leg."""
        return RunSetup(self.capital, self.volume, self.close_at_end, self.rules, self.form)

    def leg(self, bars: BarSeries) -> Leg:
        """The bars as the run's one leg."""
        return Leg(self.instrument, bars, self.costs, self.facts)


def run(bars: BarSeries, strategy: BaseStrategy, config: RunConfig, progress: Progress | None = None) -> RunResult:
    """Run ``strategy`` over ``bars`` and return every fill, day and trade, unrounded.

    ``progress(done, total)`` in bars is called while the run goes on and at its end; what it raises aborts the
    run and reaches the caller. Raises ``RuleError`` ``bars_not_ascending`` where trading days go back, and for a
    signal whose target is not a number.
    """
    return prepare(bars, config).run(strategy, progress)


def run_legs(
    legs: Sequence[Leg], strategy: BaseStrategy, setup: RunSetup, progress: Progress | None = None
) -> RunResult:
    """Run ``strategy`` over several instruments with one fund account.

    A strategy on one instrument acts on each of them by itself, one on ``n`` needs exactly ``n``, one on any number
    two or more (``RuleError`` ``wrong_legs``); the result's ``leg`` counts as ``legs`` do.
    """
    return prepare_legs(legs, setup).run(strategy, progress)


def prepare(bars: BarSeries, config: RunConfig) -> "Prepared":
    """``prepare(bars, config).run(strategy)`` is ``run(bars, strategy, config)``; preparing pays from two runs on."""
    return Prepared([config.leg(bars)], config.setup())


def prepare_legs(legs: Sequence[Leg], setup: RunSetup) -> "Prepared":
    """The same for :func:`run_legs`."""
    return Prepared(legs, setup)


class Prepared:
    """Bars made ready once for many runs (an optimisation, a noise test)."""

    def __init__(self, legs: Sequence[Leg], setup: RunSetup) -> None:
        self.legs = tuple(legs)
        self.setup = setup
        rules = setup.rules
        self.tape, self.rows = make_tape(self.legs, rules, setup.volume, setup.close_at_end)
        self.sights = tuple(self._sight(k) for k in range(len(self.legs)))
        self._room = ROOMY
        self._warnings = tuple(
            text
            for leg in self.legs
            if len(leg.bars)
            for text in leg.costs.unknown_before(from_day_number(int(leg.bars.trading_day[0])))
        )

    def run(self, strategy: BaseStrategy, progress: Progress | None = None) -> RunResult:
        """One run, as :func:`run` makes it."""
        form = _form_of(type(strategy), self.setup.form)
        report = progress or _silent
        session, actors = self._begin(strategy, form)
        if form == Form.TARGET:
            run_targets(session, actors, report)
        elif overrides(type(strategy), "on_wake") and form in (Form.EVENT, Form.PLAIN) and not _plain(strategy, form):
            events = Events(session, actors)
            events.run(report, step=form == Form.PLAIN)
        elif len(self.legs) == 1:
            run_plain(session, actors[0], report)
        else:
            run_plain_legs(session, actors, report)
        self._room = max(self._room, len(session.book.fills), len(session.book.trades))
        return result_of(session.book, self.rows, self.setup.capital, self._all_warnings(session))

    def _begin(self, strategy: BaseStrategy, form: Form) -> tuple[Session, list[Actor]]:
        """A fresh book and the strategies ready to begin: one for all its legs, or a copy for each leg."""
        rules = self.setup.rules
        listens = form != Form.TARGET and overrides(type(strategy), "on_order_update")
        switches = np.zeros(7, dtype=np.int64)
        switches[state.THROUGH] = rules.limit_fill == LimitFill.THROUGH
        switches[state.CHANCE] = rules.slippage_random
        switches[state.SEED] = rules.seed % 2_147_483_647
        switches[state.MARGIN_CALL] = rules.margin_call
        switches[state.TELL] = listens
        switches[state.SEVERAL] = len(self.legs) > 1
        book = new_book(self.tape, self.setup.capital, switches, self._room)
        session = Session(self.tape, self.rows, self.legs, self.sights, book)
        actors = [Actor(own, legs, BacktestDesk(session, legs)) for own, legs in self._shares(strategy)]
        for number, actor in enumerate(actors):
            actor.strategy.desk = actor.desk
            actor.strategy.random = np.random.default_rng((rules.seed, number))
            actor.strategy.initialize()
        return session, actors

    def _shares(self, strategy: BaseStrategy) -> list[tuple[BaseStrategy, tuple[int, ...]]]:
        count, wanted = len(self.legs), type(strategy).legs
        if wanted == 1:
            return [(strategy if k == 0 else _twin(strategy), (k,)) for k in range(count)]
        check_legs(type(strategy), count)
        if overrides(type(strategy), "target_positions"):
            text = say(
                "%(name)s decides for several instruments: targets by column are for one.", name=type(strategy).name
            )
            raise RuleError("no_form", text, fields={"form": text})
        return [(strategy, tuple(range(count)))]

    def _sight(self, k: int) -> Sight:
        leg, rules = self.legs[k], self.setup.rules
        mask = tradable(leg, rules.sessions)
        change = adjustment(leg, self.rows.days, rules.adjust)
        rows = self.rows.of_leg[k]
        bars = seen(adjusted(leg.bars, self.rows.days, change), mask)
        return Sight(bars, rows if mask is None else rows[mask], change)

    def _all_warnings(self, session: Session) -> tuple[str, ...]:
        counts, account = session.book.counts, session.book.account
        refused = int(counts[state.REFUSED])
        if not refused:
            return self._warnings
        row = int(counts[state.REFUSED_ROW])
        day = from_day_number(int(self.rows.days[np.searchsorted(self.rows.first, row, side="right") - 1]))
        why = f"it needed {account[state.NEEDED]:.2f}, {account[state.FREE]:.2f} were available"
        first = f"An opening was refused for want of funds on {day}: {why}."
        more = (f"{refused} openings in all were refused for want of funds.",) if refused > 1 else ()
        return (*self._warnings, first, *more)


def _twin(strategy: BaseStrategy) -> BaseStrategy:
    """A strategy like this one that shares nothing with it: not even a list that both would clear and fill."""
    twin = copy.copy(strategy)
    of_host = {"desk", "random"}
    own = {name: copy.deepcopy(value) for name, value in vars(strategy).items() if name not in of_host}
    vars(twin).update(own)
    return twin


def _silent(_done: int, _total: int) -> None:
    """Nobody wants to know."""


def _plain(strategy: BaseStrategy, form: Form) -> bool:
    """True where the plain form is the strategy's own and not its events bar by bar."""
    own = overrides(type(strategy), "on_market_data") or overrides(type(strategy), "on_bars")
    return form == Form.PLAIN and own


def _form_of(cls: type[BaseStrategy], asked: Form | None) -> Form:
    """The form to run in. Raises ``RuleError`` ``no_form`` where the class has not got the one asked for."""
    there = forms(cls)
    if asked is None and there:
        return there[0]
    if asked in there:
        return asked
    names = ", ".join(there) or "none"
    text = say(
        "%(name)s has no form %(form)s; it has: %(names)s.", name=cls.name or cls.__name__, form=asked, names=names
    )
    raise RuleError("no_form", text, fields={"form": text})
