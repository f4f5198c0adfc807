"""Bars that were built from ticks, into the store, with a record of where they came from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import date
from math import isnan

import numpy as np
import numpy.typing as npt

from accounts.models import User
from marketdata import bar_store
from marketdata.daily_facts import DailySettlement
from marketdata.daily_store import DailyCounts, store
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.ticks import BarMessage, SettlementMessage
from marketdata.importers.refusals import Refusals
from marketdata.live_models import BarNote
from marketdata.locks import lock_bars
from marketdata.models import BarImport, Instrument
from marketdata.services import bar_difference
from quantsite.common.errors import ConflictError
from quantsite.common.times import ns_to_utc, utc_to_ns

PARTIAL = "partial"
"""Kind of note on a bar inside which the recording began."""

BoolColumn = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Source:
    """Where bars come from: a file's name and SHA-256, or a sentence."""

    name: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class BarCounts:
    """What happened to the bars of one interval."""

    interval: str
    built: int
    stored: int
    unchanged: int
    replaced: int


@dataclass(frozen=True, slots=True)
class BuiltBars:
    """Bars of one interval, ascending, and the starts (ns UTC) of those inside which the recording began."""

    series: BarSeries
    partial: frozenset[int]


def built_series(code: str, interval: str, messages: Iterable[object]) -> BuiltBars:
    """The bars of one interval out of what a builder gave; of two with one start the later one."""
    by_start = {
        message.start: message
        for message in messages
        if isinstance(message, BarMessage) and message.interval == interval
    }
    bars = [by_start[start] for start in sorted(by_start)]
    columns = (np.array([getattr(bar, name) for bar in bars], dtype=np.float64) for name in VALUE_COLUMNS)
    start = np.array([bar.start for bar in bars], dtype=np.int64)
    day = np.array([bar.trading_day for bar in bars], dtype=np.int32)
    return BuiltBars(
        BarSeries(code, interval, start, day, *columns), frozenset(bar.start for bar in bars if bar.partial)
    )


def store_built(
    actor: User | None, instrument: Instrument, bars: BuiltBars, source: Source, *, replace: bool = False
) -> BarCounts:
    """Store bars that are not there; a stored one that was partial gives way, others only with ``replace``.

    A partial one is left out where one is stored already. Raises ``ConflictError`` ``other_bars`` naming the first
    that is stored with other values. Call it in a transaction; what changes leaves a row of the imports.
    """
    series = bars.series
    coverage = lock_bars(instrument, series.interval)
    found = _without_lesser(bar_store.compare(series, coverage), bars)
    noted = _noted(instrument, series)
    gives_way = np.array([start in noted for start in series.start[found.different].tolist()], dtype=np.bool_)
    _refuse(series, found, gives_way | replace)
    if len(found.different):
        bar_store.delete(found.stored, coverage)
        bar_store.insert(series.take(found.different), coverage)
    bar_store.insert(series.take(found.new), coverage)
    counts = BarCounts(series.interval, len(series), len(found.new), len(found.unchanged), len(found.different))
    _note(instrument, bars, noted, set(series.start[found.new].tolist()))
    if counts.stored or counts.replaced:
        bar_store.refresh(coverage)
        BarImport.objects.create(
            instrument=instrument,
            interval=series.interval,
            source=source.name,
            sha256=source.sha256,
            bar_time="start",
            rows_read=counts.built,
            stored=counts.stored,
            unchanged=counts.unchanged,
            replaced=counts.replaced,
            simulated=instrument.simulated,
            actor=actor,
        )
    return counts


def store_settlements(instrument: Instrument, messages: Iterable[object], source: Source, *, replace: bool) -> int:
    """Store the last settlement of each trading day; gives how many rows are new or changed.

    Raises ``ConflictError`` ``other_settlement`` where a day is stored with other figures, unless ``replace``.
    """
    last = {message.trading_day: message for message in messages if isinstance(message, SettlementMessage)}
    refusals, counts = Refusals(source.name), DailyCounts()
    entries = [(_SettledDay(from_day_number(day)), instrument, _figures(last[day])) for day in sorted(last)]
    store(DailySettlement, entries, counts, refusals=refusals, replace=replace, source=source.name)
    for refusal in refusals:
        raise ConflictError("other_settlement", f"{source.name}: {instrument.code}: {refusal.reason}")
    return counts.stored + counts.replaced


@dataclass(frozen=True, slots=True)
class _SettledDay:
    """A row as ``daily_store`` takes it; the day itself serves as its line."""

    trading_day: date

    @property
    def line(self) -> int:
        return to_day_number(self.trading_day)


def _figures(message: SettlementMessage) -> dict[str, float | None]:
    told = {
        "settlement_price": message.settlement,
        "pre_settlement": message.pre_settlement,
        "upper_limit": message.upper_limit,
        "lower_limit": message.lower_limit,
    }
    return {name: None if isnan(value) else value for name, value in told.items()}


def _without_lesser(found: bar_store.Comparison, bars: BuiltBars) -> bar_store.Comparison:
    """Without the partial bars for which one is stored: they know less."""
    starts = bars.series.start[found.different].tolist()
    whole = np.array([start not in bars.partial for start in starts], dtype=np.bool_)
    return replaced(found, different=found.different[whole], stored=found.stored.take(whole))


def _refuse(series: BarSeries, found: bar_store.Comparison, allowed: BoolColumn) -> None:
    """Raise for the first bar that differs from the stored one and may not replace it."""
    for number in np.flatnonzero(~allowed).tolist():
        text = bar_difference(series, int(found.different[number]), found.stored, number)
        raise ConflictError("other_bars", f"{series.instrument} {series.interval}: {text}")


def _noted(instrument: Instrument, series: BarSeries) -> dict[int, int]:
    """Start (ns UTC) -> key of the notes on stored bars of the span of ``series`` that they are partial."""
    if not len(series):
        return {}
    span = (ns_to_utc(int(series.start[0])), ns_to_utc(int(series.start[-1])))
    notes = BarNote.objects.filter(instrument=instrument, interval=series.interval, kind=PARTIAL, start__range=span)
    return {utc_to_ns(start): key for start, key in notes.values_list("start", "pk")}


def _note(instrument: Instrument, bars: BuiltBars, noted: Mapping[int, int], stored: set[int]) -> None:
    """Take the note off bars that are whole now, and put one on those just ``stored`` that are not."""
    whole = set(bars.series.start.tolist()) - bars.partial
    BarNote.objects.filter(pk__in=[key for start, key in noted.items() if start in whole]).delete()
    new = [
        BarNote(instrument=instrument, interval=bars.series.interval, start=ns_to_utc(start), kind=PARTIAL)
        for start in sorted(bars.partial & stored)
    ]
    BarNote.objects.bulk_create(new, ignore_conflicts=True)
