"""How sound the data of one contract and trading day is: every fault counted, with a score from 0 to 1."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from statistics import median

import numpy as np

from marketdata.domain import quality_ticks
from marketdata.domain.bars import BarSeries, LongColumn
from marketdata.domain.quality_activity import USUAL_DAYS, Usual, evidence, habit_of, own_measure, usual_of
from marketdata.domain.quality_bars import (
    DayBars,
    absent,
    inconsistent,
    jumps,
    off_hours,
    off_tick,
    outside_limits,
    typical_move,
)
from marketdata.domain.quality_score import SHOWN_EXAMPLES, Fault, Finding, first_examples, main_fault, score
from marketdata.domain.quality_ticks import Skew
from marketdata.domain.tick_series import TickSeries


@dataclass(frozen=True, slots=True, eq=False)
class DayFacts:
    """What is known of a day beside its bars: ``partial`` are starts of bars (ns UTC) whose recording began late.

    ``gaps`` are the first and the last numbers of ticks that were published and not recorded.
    """

    ticks: TickSeries | None = None
    upper_limit: float = nan
    lower_limit: float = nan
    partial: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DayReport:
    """What was found on one day. ``quiet`` counts bars that are absent or empty and are no fault.

    ``flat`` counts bars with volume whose four prices are one (a market at its limit): a remark, not a fault.
    """

    score: float
    fault: str
    findings: Mapping[Fault, Finding]
    expected: int
    bars: int
    zero_volume: int
    quiet: int
    flat: int
    ticks: int
    locked: int = 0
    skew: Skew | None = None
    usual: Usual | None = None

    def count(self, fault: Fault) -> int:
        """How often the fault was found."""
        return int(self.findings[fault].count)


class _Habits:
    """What each day of a period tells about the days around it."""

    def __init__(self, days: Sequence[DayBars]) -> None:
        self._quiet = [~day.traded() for day in days]
        self._with_bars = [place for place, day in enumerate(days) if len(day.bars)]
        self._habits = {place: habit_of(self._quiet[place]) for place in self._with_bars}
        self._moves = {place: typical_move(days[place].bars, days[place].step) for place in self._with_bars}

    def _around(self, place: int) -> list[int]:
        """The nearest days with bars, up to :data:`USUAL_DAYS` on each side."""
        before, after = bisect_left(self._with_bars, place), bisect_right(self._with_bars, place)
        return self._with_bars[max(0, before - USUAL_DAYS) : before] + self._with_bars[after : after + USUAL_DAYS]

    def of(self, place: int) -> tuple[Usual | None, float]:
        """How the contract usually trades around the day, and how far its bars typically move."""
        around = self._around(place)
        usual = usual_of([self._habits[row] for row in around]) or own_measure(self._quiet[place])
        known = [self._moves[row] for row in around if self._moves[row] > 0]
        return usual, median(known) if known else 0.0


def check_days(days: Sequence[DayBars], facts: Mapping[int, DayFacts], wanted: Sequence[int]) -> list[DayReport]:
    """Reports of the days at the places ``wanted``; the others only tell what is usual.

    ``days`` are consecutive trading days, days without any bar among them; ``facts`` go by place.
    """
    habits = _Habits(days)
    reports = []
    for place in wanted:
        usual, move = habits.of(place)
        reports.append(check_day(replace(days[place], typical_move=move), facts.get(place, DayFacts()), usual))
    return reports


def check_day(day: DayBars, facts: DayFacts, usual: Usual | None) -> DayReport:
    """Everything that can be told of one day."""
    ticks = facts.ticks if facts.ticks is not None and len(facts.ticks) else None
    day = _with_limits(day, facts, ticks)
    findings = [
        *absent(day, evidence(day.grid, ticks), usual),
        off_hours(day),
        inconsistent(day),
        off_tick(day),
        outside_limits(day),
        jumps(day),
        _partial(day.grid, facts.partial),
        _lost(facts.gaps, 0 if ticks is None else len(ticks)),
    ]
    skew = quality_ticks.skew_of(ticks) if ticks is not None else None
    if ticks is not None:
        findings += [
            quality_ticks.off_tick(ticks, day.price_tick),
            quality_ticks.outside_limits(ticks, day.price_tick),
            quality_ticks.crossed(ticks),
            quality_ticks.backward(ticks),
        ]
    merged = _merged([*findings, quality_ticks.clock_skew(skew)])
    traded = day.traded()
    bars = day.bars
    return DayReport(
        score=score(merged.values()),
        fault=main_fault(merged.values()),
        findings=merged,
        expected=len(day.grid),
        bars=len(bars),
        zero_volume=int((bars.volume <= 0).sum()),
        quiet=int((~traded).sum() - merged[Fault.MISSING].count - merged[Fault.ZERO_VOLUME].count),
        flat=int(((bars.high == bars.low) & (bars.volume > 0)).sum()),
        ticks=0 if ticks is None else len(ticks),
        locked=0 if ticks is None else quality_ticks.locked(ticks),
        skew=skew,
        usual=usual,
    )


def _with_limits(day: DayBars, facts: DayFacts, ticks: TickSeries | None) -> DayBars:
    """The day with its limits: those that were published for it, else those that its ticks carry."""
    upper, lower = quality_ticks.limits_of(ticks) if ticks is not None else (nan, nan)
    return replace(
        day,
        upper_limit=upper if isnan(facts.upper_limit) else facts.upper_limit,
        lower_limit=lower if isnan(facts.lower_limit) else facts.lower_limit,
    )


def _partial(grid: LongColumn, starts: Sequence[int]) -> Finding:
    return Finding(Fault.PARTIAL, len(starts), len(grid), first_examples(starts))


def _lost(gaps: Sequence[tuple[int, int]], recorded: int) -> Finding:
    """Ticks that were published and not recorded; the examples give the first and the last number of each gap."""
    lost = sum(last - first + 1 for first, last in gaps)
    values = {"value": [float(first) for first, _ in gaps], "against": [float(last) for _, last in gaps]}
    return Finding(Fault.MISSING_TICKS, lost, lost + recorded, first_examples([0] * len(gaps), **values))


def _merged(findings: Sequence[Finding]) -> dict[Fault, Finding]:
    """One finding a kind: what bars and ticks tell of the same fault is added up; a kind nobody looked for has 0."""
    found: dict[Fault, Finding] = {fault: Finding(fault, 0, 0) for fault in Fault}
    for finding in findings:
        known = found[finding.fault]
        count, base = known.count + finding.count, known.base + finding.base
        examples = (known.examples + finding.examples)[:SHOWN_EXAMPLES]
        found[finding.fault] = Finding(finding.fault, count, base, examples)
    return found


def split_days(
    bars: BarSeries, grid: tuple[LongColumn, "np.ndarray[tuple[int], np.dtype[np.int32]]"], days: Sequence[int]
) -> list[tuple[BarSeries, LongColumn]]:
    """The bars and the grid of each of the ``days`` (days since the epoch, ascending), either may be empty."""
    starts, of_day = grid
    wanted = np.asarray(days, dtype=np.int32)
    # Bars ascend by start, and with it by trading day.
    first, stop = np.searchsorted(bars.trading_day, wanted, "left"), np.searchsorted(bars.trading_day, wanted, "right")
    begin, end = np.searchsorted(of_day, wanted, "left"), np.searchsorted(of_day, wanted, "right")
    return [
        (bars.take(slice(int(first[row]), int(stop[row]))), starts[int(begin[row]) : int(end[row])])
        for row in range(len(wanted))
    ]
