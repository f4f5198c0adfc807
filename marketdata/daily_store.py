"""Rows of rolls and settlements against what is stored: new ones, same ones, and those that say something else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeVar

from django.db.models import Model

from marketdata.importers.refusals import Refusals
from marketdata.locks import lock_instruments
from marketdata.models import Instrument

BATCH = 2_000

Key = tuple[int, date]
"""Instrument and trading day."""


class FileRow(Protocol):
    """What rows of both kinds of file have."""

    @property
    def line(self) -> int:
        """Where it stands."""

    @property
    def trading_day(self) -> date:
        """Of which day it tells."""


AnyRow = TypeVar("AnyRow", bound=FileRow)
Entry = tuple[AnyRow, Instrument, dict[str, Any]]
"""A row of the file, its instrument, and its values by column; ``None`` where the file does not tell."""


@dataclass
class DailyCounts:
    """What an import did; ``warnings`` are lines with what is odd about them."""

    rows_read: int = 0
    stored: int = 0
    unchanged: int = 0
    replaced: int = 0
    warnings: list[tuple[int, str]] = field(default_factory=list)


def store(
    model: type[Model],
    entries: Iterable[Entry[AnyRow]],
    counts: DailyCounts,
    *,
    refusals: Refusals,
    replace: bool,
    source: str,
) -> None:
    """Write what is new, and with ``replace`` what differs; else a difference becomes a refusal.

    A value that the file does not tell leaves the stored one; one that only the file knows is added.
    """
    sound = _once(entries, refusals)
    stored = _stored(model, sound)
    new, stale = [], []
    columns: set[str] = {"source"}
    for row, instrument, values in sound:
        known = stored.get((instrument.pk, row.trading_day))
        if known is None:
            new.append(model(instrument=instrument, trading_day=row.trading_day, source=source, **values))
            continue
        told = {name: value for name, value in values.items() if value not in (None, getattr(known, name))}
        contradicted = {name: value for name, value in told.items() if getattr(known, name) is not None}
        if contradicted and not replace:
            refusals.add(row.line, _difference(known, contradicted))
        elif told:
            for name, value in {**told, "source": source}.items():
                setattr(known, name, value)
            columns |= set(told)
            stale.append(known)
    model._default_manager.bulk_create(new, batch_size=BATCH)
    if stale:
        model._default_manager.bulk_update(stale, sorted(columns), batch_size=BATCH)
    counts.stored, counts.replaced = len(new), len(stale)
    counts.unchanged = len(sound) - len(new) - len(stale)


def _once(entries: Iterable[Entry[AnyRow]], refusals: Refusals) -> list[Entry[AnyRow]]:
    """The entries without those whose instrument and day stand in an earlier line."""
    first: dict[Key, int] = {}
    kept = []
    for entry in entries:
        row, instrument, _values = entry
        line = first.setdefault((instrument.pk, row.trading_day), row.line)
        if line == row.line:
            kept.append(entry)
        else:
            refusals.add(row.line, f"{instrument.code} of {row.trading_day} stands in line {line} already")
    return kept


def _stored(model: type[Model], entries: list[Entry[AnyRow]]) -> dict[Key, Any]:
    """The stored rows of these instruments in the span of these days, under lock."""
    if not entries:
        return {}
    keys = sorted({instrument.pk for _row, instrument, _values in entries})
    lock_instruments(keys)
    days = [row.trading_day for row, _instrument, _values in entries]
    rows: Any = model._default_manager.filter(instrument__in=keys, trading_day__range=(min(days), max(days)))
    return {(row.instrument_id, row.trading_day): row for row in rows}


def _difference(known: Any, told: Mapping[str, Any]) -> str:
    parts = [f"{name} {_text(value)} here, {_text(getattr(known, name))} stored" for name, value in told.items()]
    return f"{known.trading_day} is stored with other values ({'; '.join(parts)}): --replace overwrites it"


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
