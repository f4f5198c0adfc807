"""Bars that a stream brings, into the table of bars: many instruments that close a minute together in few statements.

A complete bar takes the place of a stored one that differs. A partial one (the recording began inside it) is stored
only where there is none, and leaves a note, which the complete one removes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan

from django.db import transaction

from marketdata.bar_places import Place, Series, StoredBar, cover, delete_bars, insert_bars, stored_bars
from marketdata.domain.bars import VALUE_COLUMNS
from marketdata.domain.calendar import to_day_number
from marketdata.domain.ticks import BarMessage
from marketdata.live_models import BarNote
from marketdata.locks import lock_all_bars
from marketdata.models import BarCoverage
from quantsite.common.times import ns_to_utc, utc_to_ns

CHUNK = 5_000
"""Bars a round: about what 700 contracts close at the end of a session."""


@dataclass
class BarCounts:
    """What :func:`store_bars` did; ``left_out`` are partial bars where one is stored already."""

    new: int = 0
    replaced: int = 0
    unchanged: int = 0
    left_out: int = 0

    def add(self, other: "BarCounts") -> None:
        """Count the other ones in."""
        for name, number in vars(other).items():
            setattr(self, name, getattr(self, name) + number)


def store_bars(messages: Iterable[BarMessage], keys: Mapping[str, int]) -> BarCounts:
    """Store the final ones of these bars; ``keys`` gives the instrument's key for its code. Raises ``KeyError``.

    Holds the locks of all series concerned, in the order of their rows, until the transaction ends. Afterwards their
    coverage tells what is stored. A bar that is stored with the same values is left alone.
    """
    chosen = _chosen(messages, keys)
    counts = BarCounts()
    if not chosen:
        return counts
    places = list(chosen)
    with transaction.atomic():
        coverage = lock_all_bars({place[:2] for place in places})
        for first in range(0, len(places), CHUNK):
            counts.add(_store({place: chosen[place] for place in places[first : first + CHUNK]}, coverage))
    return counts


def _chosen(messages: Iterable[BarMessage], keys: Mapping[str, int]) -> dict[Place, BarMessage]:
    """One bar a place: the last complete one, else the last one."""
    chosen: dict[Place, BarMessage] = {}
    for bar in messages:
        if not bar.final:
            continue
        place = (keys[bar.instrument], bar.interval, bar.start)
        before = chosen.get(place)
        if before is None or before.partial or not bar.partial:
            chosen[place] = bar
    return chosen


def _store(bars: Mapping[Place, BarMessage], coverage: Mapping[Series, BarCoverage]) -> BarCounts:
    stored = stored_bars(bars)
    new = {place: bar for place, bar in bars.items() if place not in stored}
    again = {place: bar for place, bar in bars.items() if place in stored and not bar.partial}
    stale = {place: bar for place, bar in again.items() if not _same(bar, stored[place])}
    if stale:
        delete_bars({place: stored[place] for place in stale})
    if new or stale:
        insert_bars({**new, **stale})
        cover(coverage, {place[:2] for place in (*new, *stale)}, new)
    _note(bars, new)
    return BarCounts(len(new), len(stale), len(again) - len(stale), len(bars) - len(new) - len(again))


def _same(bar: BarMessage, stored: StoredBar) -> bool:
    if to_day_number(stored.trading_day) != bar.trading_day:
        return False
    pairs = zip((getattr(bar, name) for name in VALUE_COLUMNS), stored.values, strict=True)
    return all(here == there or (isnan(here) and isnan(there)) for here, there in pairs)


def _note(bars: Mapping[Place, BarMessage], new: Mapping[Place, BarMessage]) -> None:
    """A note for each partial bar that was stored; none any more for a bar that is complete now."""
    complete = {place for place, bar in bars.items() if not bar.partial}
    if complete:
        rows = BarNote.objects.filter(
            instrument__in={place[0] for place in complete}, start__in={ns_to_utc(place[2]) for place in complete}
        )
        noted = rows.values_list("pk", "instrument_id", "interval", "start")
        gone = [pk for pk, key, interval, start in noted if (key, interval, utc_to_ns(start)) in complete]
        if gone:
            BarNote.objects.filter(pk__in=gone).delete()
    BarNote.objects.bulk_create(
        (
            BarNote(instrument_id=key, interval=interval, start=ns_to_utc(start))
            for (key, interval, start), bar in new.items()
            if bar.partial
        ),
        ignore_conflicts=True,
    )
