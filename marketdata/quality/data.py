"""What the quality of days is judged from: bars, session table, ticks, limits and notes out of the rows."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan, nan

import numpy as np

from marketdata.daily_facts import DailySettlement
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.codes import SERIES_ON_TICK_GRID
from marketdata.domain.intervals import parse_interval
from marketdata.domain.quality import DayFacts, split_days
from marketdata.domain.quality_activity import USUAL_DAYS
from marketdata.domain.quality_bars import DayBars
from marketdata.domain.sessions import SessionTable
from marketdata.domain.terms import price_ticks_on
from marketdata.instruments import dated_terms
from marketdata.live_models import BarNote, TickGap
from marketdata.models import Bar, BarCoverage, Instrument
from marketdata.ticks.models import Tick, TickFile
from quantsite.common.times import NS_PER_MINUTE, utc_to_ns

SERIES_BELOW_ZERO = frozenset({"888", "889"})
"""Adjusted by difference: an old price may come out at or below zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """Consecutive trading days of one series of bars, with days around them that tell what is usual.

    ``days`` are days since the epoch; ``wanted`` are the places in it of the days asked for.
    """

    coverage: BarCoverage
    days: Sequence[int]
    wanted: Sequence[int]
    bars: Sequence[DayBars]

    @property
    def instrument(self) -> Instrument:
        """Whose bars they are."""
        return self.coverage.instrument

    def dates(self, places: Iterable[int]) -> dict[int, date]:
        """Place -> trading day."""
        return {place: from_day_number(self.days[place]) for place in places}


def load_period(coverage: BarCoverage, table: SessionTable, first: date, last: date) -> Period:
    """The trading days from ``first`` to ``last`` that lie between the first and the last stored bar.

    ``coverage`` must have bars. Raises ``RuleError`` where the calendar does not reach.
    """
    instrument, minutes = coverage.instrument, parse_interval(coverage.interval)
    wanted, around = _trading_days(coverage, table, first, last)
    if not wanted:
        return Period(coverage, [], [], [])
    begin, end = from_day_number(around[0]), from_day_number(around[-1])
    series = Bar.objects.series(instrument, coverage.interval, begin, end)
    parts = split_days(series, table.grid_between(begin, end, minutes), around)
    ticks = price_ticks_on(dated_terms(instrument), np.array(around, dtype=np.int32)).tolist()
    on_grid = not instrument.series or instrument.series in SERIES_ON_TICK_GRID
    bars = [
        DayBars(
            bars=of_day,
            grid=grid,
            step=(minutes or 0) * NS_PER_MINUTE,
            price_tick=tick if on_grid else None,
            positive=instrument.series not in SERIES_BELOW_ZERO,
        )
        for (of_day, grid), tick in zip(parts, ticks, strict=True)
    ]
    known = set(wanted)
    return Period(coverage, around, [place for place, day in enumerate(around) if day in known], bars)


def _trading_days(
    coverage: BarCoverage, table: SessionTable, first: date, last: date
) -> tuple[Sequence[int], Sequence[int]]:
    """The days asked for that have a place in the coverage, and those with their neighbours."""
    days = table.calendar.days
    if coverage.first_day is None or coverage.last_day is None:
        return [], []
    edges = [to_day_number(coverage.first_day), to_day_number(coverage.last_day)]
    covered = days[(days >= edges[0]) & (days <= edges[1])]
    begin = int(np.searchsorted(covered, to_day_number(first), side="left"))
    end = int(np.searchsorted(covered, to_day_number(last), side="right"))
    return covered[begin:end].tolist(), covered[max(0, begin - USUAL_DAYS) : end + USUAL_DAYS].tolist()


@dataclass(frozen=True, slots=True)
class Notes:
    """What the rows say of days beside bars and ticks, by trading day."""

    limits: Mapping[date, tuple[float, float]]
    partial: Mapping[date, tuple[int, ...]]
    gaps: Mapping[date, tuple[tuple[int, int], ...]]
    ticks: Mapping[date, int]
    """How many ticks are recorded; days without any are left out."""

    def facts(self, instrument: Instrument, day: date) -> DayFacts:
        """All that is known of a day, its ticks read now."""
        upper, lower = self.limits.get(day, (nan, nan))
        ticks = Tick.objects.series(instrument, day, day) if day in self.ticks else None
        return DayFacts(ticks, upper, lower, self.partial.get(day, ()), self.gaps.get(day, ()))


def notes_of(period: Period, days: Collection[date]) -> Notes:
    """What is noted of ``days``, which are not empty and of the period."""
    instrument, first, last = period.instrument, min(days), max(days)
    settled = DailySettlement.objects.within(first, last).filter(instrument=instrument)
    limits = settled.values_list("trading_day", "upper_limit", "lower_limit")
    gaps = TickGap.objects.filter(instrument=instrument, trading_day__range=(first, last)).order_by("first_seq")
    return Notes(
        limits={
            day: (nan if upper is None else upper, nan if lower is None else lower) for day, upper, lower in limits
        },
        partial=_partial(period, first, last),
        gaps=_grouped(
            (day, (begin, end)) for day, begin, end in gaps.values_list("trading_day", "first_seq", "last_seq")
        ),
        ticks=_tick_counts(instrument, first, last),
    )


def _partial(period: Period, first: date, last: date) -> Mapping[date, tuple[int, ...]]:
    """Starts of bars that were begun late, by the trading day whose grid holds them."""
    rows = BarNote.objects.filter(instrument=period.instrument, interval=period.coverage.interval, kind="partial")
    starts = np.array([utc_to_ns(start) for start in rows.order_by("start").values_list("start", flat=True)], np.int64)
    found = {}
    for place, day in enumerate(period.days):
        held = starts[np.isin(starts, period.bars[place].grid)].tolist() if len(starts) else []
        if held and first <= from_day_number(day) <= last:
            found[from_day_number(day)] = tuple(held)
    return found


def _grouped(rows: Iterable[tuple[date, tuple[int, int]]]) -> Mapping[date, tuple[tuple[int, int], ...]]:
    found: dict[date, list[tuple[int, int]]] = defaultdict(list)
    for day, gap in rows:
        found[day].append(gap)
    return {day: tuple(gaps) for day, gaps in found.items()}


def _tick_counts(instrument: Instrument, first: date, last: date) -> Mapping[date, int]:
    """Recorded ticks by trading day, in rows and in files.

    The days are found one after the other by the key: counting all at once reads every tick of years that have none.
    """
    files = TickFile.objects.filter(instrument=instrument, trading_day__range=(first, last))
    found = dict(files.values_list("trading_day", "rows"))
    rows = Tick.objects.filter(instrument=instrument, trading_day__lte=last)
    day = rows.filter(trading_day__gte=first).order_by("trading_day").values_list("trading_day", flat=True).first()
    while day is not None:
        found[day] = found.get(day, 0) + rows.filter(trading_day=day).count()
        day = rows.filter(trading_day__gt=day).order_by("trading_day").values_list("trading_day", flat=True).first()
    return found


def digest_of(bars: DayBars, notes: Notes, day: date) -> str:
    """What a day was judged by, in 16 characters: another digest means that it must be judged again."""
    upper, lower = (None if isnan(limit) else limit for limit in notes.limits.get(day, (nan, nan)))
    about = (len(bars.grid), bars.price_tick, upper, lower, notes.partial.get(day), notes.gaps.get(day))
    told = f"{bars.bars.data_hash()} {about} {notes.ticks.get(day, 0)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]
