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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead_market import LEAST_BARS, Make, Market, Watched, alike, clock_time
from backtests.domain.lookahead_watch import Decision
from backtests.domain.result import FillTable
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from strategies.domain.forms import Form

CUTS = 20


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

    ``index`` and ``start`` (ns UTC) are of the bar (with several legs it counts times), ``cut`` the start of the
    first bar that was taken away or changed, None for a repetition. ``what`` names what changed, ``full`` its value
    in the whole run and ``part`` the other one.
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
    """The numbers of the bars at which each of ``forms`` was cut, and the first fault of each form that has one."""

    forms: tuple[Form, ...]
    cuts: dict[Form, tuple[int, ...]]
    faults: tuple[Fault, ...] = ()


def look_ahead(legs: Sequence[Leg], make: Make, setup: RunSetup, *, cuts: int = CUTS, seed: int = 0) -> LookAhead:
    """Cut at up to ``cuts`` bars (the seed chooses them) in every form that the class of ``make()`` implements.

    ``legs`` are as many as the strategy trades. Raises ``RuleError`` ``wrong_legs``, ``too_few_bars`` below
    ``LEAST_BARS`` bars, ``invalid_cuts`` below one cut.
    """
    return look_ahead_in(Market(legs, setup), make, cuts=cuts, seed=seed)


def look_ahead_in(market: Market, make: Make, *, cuts: int = CUTS, seed: int = 0) -> LookAhead:
    """:func:`look_ahead` in a market that is there already."""
    if cuts < 1:
        text = say("cuts must be at least 1, not %(cuts)s.", cuts=cuts)
        raise RuleError("invalid_cuts", text, fields={"cuts": text})
    cls = type(make())
    market.check(cls)
    forms = market.forms(cls)
    trials = {form: _Trial(market, make, form) for form in forms}
    places = {form: trial.places(cuts, np.random.default_rng(seed)) for form, trial in trials.items()}
    faults = [trial.first_fault(places[form]) for form, trial in trials.items()]
    return LookAhead(forms, places, tuple(fault for fault in faults if fault))


class _Trial:
    """One form on trial: its run over all bars, against which others are held."""

    def __init__(self, market: Market, make: Make, form: Form) -> None:
        self._market, self._make, self._form = market, make, form
        self._whole = market.run(make, form)

    def places(self, count: int, random: np.random.Generator) -> tuple[int, ...]:
        """Numbers of bars to cut at, ascending: half of them anywhere, half right after a decision."""
        log, bars = self._whole.log, len(self._market)
        decided = np.searchsorted(self._market.clock, np.unique([decision.start for decision in log.decisions]))
        steps = [np.flatnonzero(~alike(each.values[1:], each.values[:-1])) + 1 for each in log.columns.values()]
        after = np.concatenate((decided, *steps)).astype(np.int64) + 1
        after = random.permutation(np.unique(after[(after >= LEAST_BARS // 2) & (after < bars)]))[: count // 2]
        anywhere = random.integers(LEAST_BARS // 2, bars, count - len(after))
        return tuple(np.unique(np.concatenate((anywhere, after))).tolist())

    def first_fault(self, places: Sequence[int]) -> Fault | None:
        """The first thing that a repetition or a cut, the earliest first, changes."""
        fault = self._compare(FaultKind.REPEATED, self._market, len(self._market))
        for cut in places:
            fault = fault or self._compare(FaultKind.TRUNCATED, self._market.until(cut), cut)
            fault = fault or self._compare(FaultKind.CHANGED, self._market.changed(cut), cut)
        return fault

    def _compare(self, kind: FaultKind, market: Market, cut: int) -> Fault | None:
        """Run in ``market``; the earliest difference before bar ``cut`` in columns, decisions or fills."""
        found = list(self._differences(market.run(self._make, self._form), cut))
        if not found:
            return None
        start, what, full, part = min(found, key=lambda difference: difference[0])
        clock = self._market.clock
        index, after = int(np.searchsorted(clock, start)), None if cut == len(clock) else int(clock[cut])
        return Fault(kind, self._form, index, start, after, what, full, part)

    def _differences(self, other: Watched, cut: int) -> Iterator[tuple[int, str, str, str]]:
        """Start of the bar, what differs, its value here and there: the first of each sort."""
        for name, column in self._whole.log.columns.items():
            there = other.log.columns[name].values
            unlike = ~alike(column.values[:cut], there[:cut])
            if unlike.any():
                index = int(unlike.argmax())
                yield int(column.start[index]), f"{name}[{index}]", _word(column.values[index]), _word(there[index])
        end = int(self._market.clock[cut - 1])
        ours, theirs = (_until(run.log.decisions, end) for run in (self._whole, other))
        yield from _first_unlike(ours, theirs, say("the decision"))
        ours, theirs = (_until(_rows(run.fills), end) for run in (self._whole, other))
        yield from _first_unlike(ours, theirs, say("the fill"))


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
    columns = (fills.start, fills.leg, fills.direction, fills.offset, fills.price, fills.volume)
    return [
        Decision(start, f"{'buy' if direction > 0 else 'sell'} {volume:.9g} at {price:.9g}, offset {offset}, leg {leg}")
        for start, leg, direction, offset, price, volume in zip(*(column.tolist() for column in columns), strict=True)
    ]
