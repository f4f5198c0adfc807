"""Does a strategy look into the future? Take the future away, or put another one there, and see what changes.

For many cuts through the bars the strategy runs again over the bars before the cut alone, and over the same bars
followed by *other* ones (the prices mirrored at the last close, volumes in reverse). Whatever it decided up to the
cut and whatever filled before it must be the same each time, in every form that the class implements itself; the
forms that a host derives from them see no bar that the own form does not see. Half of the cuts lie anywhere, half
right after a bar on which something was decided: who knows only the next bar is given away by the last decision
before a cut alone. A strategy that reads its knowledge from elsewhere (a file, the network) is not found out: it
takes no heed of the bars that it is given.

A first run is also simply repeated: a strategy that gives two results on the same bars (chance that is not drawn
from ``self.random``, something left over in the class) is found before its decisions are compared.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from backtests.domain import engine
from backtests.domain.engine import RunConfig
from backtests.domain.lookahead_watch import Decision, Log, watch
from backtests.domain.result import FillTable, RunResult
from marketdata.domain.bars import BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from quantsite.common.times import SHANGHAI_FIXED, ns_to_utc
from strategies.domain.forms import Form, own_forms
from strategies.domain.strategy import BaseStrategy

Make = Callable[[], BaseStrategy]
"""A new strategy with the parameters to be checked."""

CUTS = 20
LEAST_BARS = 20

TOLERANCE = 1e-9


class FaultKind(StrEnum):
    """What was done to the bars when a decision changed."""

    REPEATED = "repeated"
    TRUNCATED = "truncated"
    CHANGED = "changed"


_SENTENCES = {
    FaultKind.REPEATED: unsaid(
        "Form %(form)s gives another result on the same bars: at bar %(index)s (%(time)s) %(what)s was %(full)s in the "
        "first run and %(part)s in the second. Draw chance from self.random and forget everything in initialize()."
    ),
    FaultKind.TRUNCATED: unsaid(
        "Form %(form)s looks ahead: at bar %(index)s (%(time)s) %(what)s was %(full)s with all bars and is %(part)s "
        "when the bars from %(cut)s on are taken away."
    ),
    FaultKind.CHANGED: unsaid(
        "Form %(form)s looks ahead: at bar %(index)s (%(time)s) %(what)s was %(full)s with the recorded bars and is "
        "%(part)s when the bars from %(cut)s on have other prices."
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that changed though nothing before it had.

    ``index`` and ``start`` (ns UTC) are of the bar, ``cut`` the start of the first bar that was taken away or
    changed, None for a repetition. ``what`` names what changed, ``full`` its value in the whole run and ``part``
    the other one.
    """

    kind: FaultKind
    form: Form
    index: int
    start: int
    cut: int | None
    what: str
    full: str
    part: str

    @property
    def sentence(self) -> str:
        """What was found, in the reader's language."""
        return say(
            _SENTENCES[self.kind],
            form=self.form,
            index=self.index,
            time=clock_time(self.start),
            cut="" if self.cut is None else clock_time(self.cut),
            what=self.what,
            full=self.full,
            part=self.part,
        )


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The bar indices at which each of ``forms`` was cut, and the first fault of each form that has one."""

    forms: tuple[Form, ...]
    cuts: dict[Form, tuple[int, ...]]
    faults: tuple[Fault, ...] = ()


def look_ahead(bars: BarSeries, make: Make, config: RunConfig, *, cuts: int = CUTS, seed: int = 0) -> LookAhead:
    """Cut at up to ``cuts`` bars (the seed chooses them) in every form that the class of ``make()`` implements.

    Raises ``RuleError`` ``too_few_bars`` below ``LEAST_BARS`` bars, ``invalid_cuts`` below one cut,
    ``several_legs`` for a strategy on several instruments.
    """
    cls = type(make())
    _check(bars, cls, cuts)
    forms = own_forms(cls)
    trials = {form: _Trial(bars, make, replace(config, form=form, close_at_end=False), form) for form in forms}
    places = {form: trial.places(cuts, np.random.default_rng(seed)) for form, trial in trials.items()}
    faults = [trial.first_fault(places[form]) for form, trial in trials.items()]
    return LookAhead(forms, places, tuple(fault for fault in faults if fault))


def clock_time(start: int) -> str:
    """The exchange's wall clock at an instant in ns UTC, to the minute."""
    return ns_to_utc(start).astimezone(SHANGHAI_FIXED).strftime("%Y-%m-%d %H:%M")


def changed_after(bars: BarSeries, cut: int) -> BarSeries:
    """The bars, those from index ``cut`` on with prices mirrored at the close before, volumes and interest reversed.

    Mirrored prices stay on the grid that the bars are on; none falls below the lowest close there was.
    """
    pivot, floor = 2.0 * bars.close[cut - 1], float(bars.close.min())
    columns = {name: getattr(bars, name).copy() for name in _VALUES}
    for name, source in _MIRRORED.items():
        columns[name][cut:] = np.maximum(pivot - getattr(bars, source)[cut:], floor)
    for name in ("volume", "turnover", "open_interest"):
        columns[name][cut:] = columns[name][cut:][::-1]
    return replace(bars, **columns)


_MIRRORED = {"open": "open", "high": "low", "low": "high", "close": "close"}
_VALUES = (*_MIRRORED, "volume", "turnover", "open_interest")


@dataclass(frozen=True, slots=True)
class _Run:
    """A run with what the strategy decided in it."""

    log: Log
    fills: FillTable


def _check(bars: BarSeries, cls: type[BaseStrategy], cuts: int) -> None:
    if cls.legs > 1:
        given = {"name": cls.name, "legs": cls.legs}
        text = say("%(name)s trades %(legs)s instruments: only strategies on one can be checked.", **given)
        raise RuleError("several_legs", text)
    if cuts < 1:
        text = say("cuts must be at least 1, not %(cuts)s.", cuts=cuts)
        raise RuleError("invalid_cuts", text, fields={"cuts": text})
    if len(bars) < LEAST_BARS:
        text = say("There are %(bars)s bars: at least %(least)s are needed.", bars=len(bars), least=LEAST_BARS)
        raise RuleError("too_few_bars", text)


def _run(bars: BarSeries, make: Make, config: RunConfig) -> _Run:
    strategy = make()
    log = watch(strategy)
    result: RunResult = engine.run(bars, strategy, config)
    return _Run(log, result.fills)


class _Trial:
    """One form on trial: its run over all bars, against which others are held."""

    def __init__(self, bars: BarSeries, make: Make, config: RunConfig, form: Form) -> None:
        self.bars, self.form = bars, form
        self._make, self._config = make, config
        self._whole = _run(bars, make, config)

    def places(self, count: int, random: np.random.Generator) -> tuple[int, ...]:
        """Bar indices to cut at, ascending: half of them anywhere, half right after a decision."""
        log = self._whole.log
        decided = np.searchsorted(self.bars.start, np.unique([decision.start for decision in log.decisions]))
        changed = [np.flatnonzero(_steps(column.values)) for column in log.columns.values()]
        after = np.concatenate((decided, *changed)).astype(np.int64) + 1
        after = random.permutation(np.unique(after[(after >= LEAST_BARS // 2) & (after < len(self.bars))]))
        anywhere = random.integers(LEAST_BARS // 2, len(self.bars), count - len(after[: count // 2]))
        return tuple(np.unique(np.concatenate((anywhere, after[: count // 2]))).tolist())

    def first_fault(self, places: Sequence[int]) -> Fault | None:
        """The first thing that a repetition or a cut, the earliest first, changes."""
        fault = self._compare(FaultKind.REPEATED, self.bars, len(self.bars))
        for cut in places:
            fault = fault or self._compare(FaultKind.TRUNCATED, self.bars.take(slice(0, cut)), cut)
            fault = fault or self._compare(FaultKind.CHANGED, changed_after(self.bars, cut), cut)
        return fault

    def _compare(self, kind: FaultKind, bars: BarSeries, cut: int) -> Fault | None:
        """Run over ``bars``; the earliest difference before bar ``cut`` in columns, decisions or fills."""
        found = list(self._differences(_run(bars, self._make, self._config), cut))
        if not found:
            return None
        start, what, full, part = min(found, key=lambda difference: difference[0])
        index = int(np.searchsorted(self.bars.start, start))
        after = None if kind is FaultKind.REPEATED else int(self.bars.start[cut])
        return Fault(kind, self.form, index, start, after, what, full, part)

    def _differences(self, other: _Run, cut: int) -> Iterator[tuple[int, str, str, str]]:
        """Start of the bar, what differs, its value here and there: the first of each sort."""
        for name, column in self._whole.log.columns.items():
            there = other.log.columns[name].values
            index = first_difference(column.values[:cut], there[:cut])
            if index is not None:
                yield int(column.start[index]), f"{name}[{index}]", _word(column.values[index]), _word(there[index])
        end = int(self.bars.start[cut - 1])
        ours, theirs = (_until(run.log.decisions, end) for run in (self._whole, other))
        yield from _first_unlike(ours, theirs, say("the decision"))
        ours, theirs = (_until(_rows(run.fills), end) for run in (self._whole, other))
        yield from _first_unlike(ours, theirs, say("the fill"))


def first_difference(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> int | None:
    """The first place where two columns of the same length differ by more than ``TOLERANCE``; NaN equals NaN."""
    unlike = ~np.isclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return int(unlike.argmax()) if unlike.any() else None


def _steps(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where a column changes from one bar to the next; shape ``(n,)``, the first bar is no change."""
    unlike = ~np.isclose(values[1:], values[:-1], equal_nan=True)
    return np.concatenate(([False], unlike))


def _until(decisions: Sequence[Decision], end: int) -> list[Decision]:
    return [decision for decision in decisions if decision.start <= end]


def _first_unlike(ours: list[Decision], theirs: list[Decision], what: str) -> Iterator[tuple[int, str, str, str]]:
    nothing = say("none")
    for index in range(max(len(ours), len(theirs))):
        here, there = (row[index] if index < len(row) else None for row in (ours, theirs))
        if here != there:
            start = min(row.start for row in (here, there) if row is not None)
            full, part = (row.text if row and row.start == start else nothing for row in (here, there))
            yield start, what, full, part
            return


def _word(value: float) -> str:
    return f"{value:.9g}"


def _rows(fills: FillTable) -> list[Decision]:
    """The fills in words that compare."""
    columns = (fills.start, fills.direction, fills.offset, fills.price, fills.volume)
    return [
        Decision(start, f"{'buy' if direction > 0 else 'sell'} {volume:.9g} at {price:.9g}, offset {offset}")
        for start, direction, offset, price, volume in zip(*(column.tolist() for column in columns), strict=True)
    ]
