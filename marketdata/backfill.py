"""Gaps in stored bars, filled from recorded ticks: only bars that are missing or partial, and only whole ones.

``domain/whole_bars.py`` says which those are.
As in ``services.py``: permission first, then one transaction an instrument that ends with its audit entry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

import numpy as np
from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.built_bars import PARTIAL, BuiltBars, Source, built_series, store_built
from marketdata.domain.calendar import from_day_number
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.domain.whole_bars import whole_bars
from marketdata.instruments import contract_of, find_instrument, trading_calendar
from marketdata.live_models import BarNote
from marketdata.locks import lock_all_bars
from marketdata.models import Bar, Instrument
from marketdata.ticks.days import tick_days
from marketdata.ticks.models import Tick, TickFile
from quantsite.common.times import ns_to_utc, utc_to_ns

SOURCE = Source("backfill from ticks")


@dataclass(frozen=True, slots=True)
class Backfill:
    """What was filled, or with ``dry_run`` would be: bars that were missing, and partial ones made whole."""

    instrument: str
    interval: str
    filled: int
    completed: int
    first_day: date
    last_day: date


def backfill_bars(
    actor: User | None,
    codes: Sequence[str],
    first: date | None,
    last: date | None,
    intervals: Sequence[str],
    *,
    dry_run: bool = False,
) -> list[Backfill]:
    """Fill the gaps of these instruments (none: of all with ticks) in these trading days, both included.

    Raises ``RefusedError``, ``MissingError`` ``unknown_instrument``, ``RuleError`` ``invalid_interval``, and what
    reading archived ticks may raise.
    """
    require(actor, "marketdata.add_barimport")
    calendar = trading_calendar()
    span = (first or calendar.first, last or calendar.last)
    names = [interval_name(parse_interval(name)) for name in dict.fromkeys(intervals)]
    instruments = [find_instrument(code) for code in codes] or list(_with_ticks(*span))
    found: list[Backfill] = []
    for instrument in instruments:
        found += _fill(actor, instrument, span, names, dry_run=dry_run)
    return found


def _with_ticks(first: date, last: date) -> Iterator[Instrument]:
    within = {"trading_day__range": (first, last)}
    archived = TickFile.objects.filter(**within).values("instrument")
    for instrument in Instrument.objects.select_related("product__exchange").order_by("pk"):
        rows = Tick.objects.filter(instrument=instrument.pk, **within)
        if rows.exists() or archived.filter(instrument=instrument.pk).exists():
            yield instrument


def _fill(
    actor: User | None, instrument: Instrument, span: tuple[date, date], intervals: Sequence[str], *, dry_run: bool
) -> list[Backfill]:
    contract = contract_of(instrument)
    sound = [
        bar
        for day in tick_days(instrument, *span)
        for bar in whole_bars(Tick.objects.series(instrument, day, day).rows(), contract, intervals)
    ]
    if not sound:
        return []
    with transaction.atomic():
        if not dry_run:
            lock_all_bars({(instrument.pk, interval) for interval in intervals})
        found = []
        for interval in intervals:
            bars = _wanted(instrument, built_series(instrument.code, interval, sound))
            if not len(bars.series):
                continue
            found.append(_told(instrument, bars))
            if not dry_run:
                store_built(actor, instrument, bars, SOURCE)
        if found and not dry_run:
            record(actor, "bars.backfill", instrument, after={"bars": [asdict(of) for of in found]})
    return found


def _wanted(instrument: Instrument, bars: BuiltBars) -> BuiltBars:
    """Those of the bars that are not stored, or stored as partial."""
    starts = bars.series.start
    if not len(starts):
        return bars
    first, last = (from_day_number(int(bars.series.trading_day[row])) for row in (0, -1))
    stored = Bar.objects.series(instrument, bars.series.interval, first, last).start
    wanted = ~np.isin(starts, stored) | np.isin(starts, _partial(instrument, bars))
    return replace(bars, series=bars.series.take(wanted))


def _partial(instrument: Instrument, bars: BuiltBars) -> list[int]:
    """The starts (ns UTC) of stored bars that a note calls partial, of the interval and span of ``bars``."""
    span = tuple(ns_to_utc(int(bars.series.start[row])) for row in (0, -1))
    notes = BarNote.objects.filter(
        instrument=instrument, interval=bars.series.interval, kind=PARTIAL, start__range=span
    )
    return [utc_to_ns(start) for start in notes.values_list("start", flat=True)]


def _told(instrument: Instrument, bars: BuiltBars) -> Backfill:
    completed = int(np.isin(bars.series.start, _partial(instrument, bars)).sum())
    first, last = (from_day_number(int(bars.series.trading_day[row])) for row in (0, -1))
    return Backfill(
        instrument.code, bars.series.interval, len(bars.series) - completed, completed, first_day=first, last_day=last
    )
