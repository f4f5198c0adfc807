"""Settlement prices that a stream brings, into the rows of daily settlements."""

from collections.abc import Iterable, Mapping
from datetime import date
from math import isnan

from marketdata.daily_facts import DailySettlement
from marketdata.domain.calendar import from_day_number
from marketdata.domain.ticks import BarMessage, SettlementMessage
from marketdata.locks import lock_instruments

FIELDS = {
    "settlement": "settlement_price",
    "pre_settlement": "pre_settlement",
    "upper_limit": "upper_limit",
    "lower_limit": "lower_limit",
}
"""Of the message, and of the row."""

Key = tuple[int, date]
"""Instrument's key and trading day."""


def store_settlements(
    settlements: Iterable[SettlementMessage], bars: Iterable[BarMessage], keys: Mapping[str, int], source: str
) -> int:
    """Store what is told of trading days, by messages of their own and by daily bars; gives how many rows changed.

    A figure that is stored is replaced only where the row came from the same source. Call it in a transaction,
    before other locks are taken.
    """
    told = _told(settlements, bars, keys)
    if not told:
        return 0
    lock_instruments(key for key, _day in told)
    days = [day for _key, day in told]
    rows = DailySettlement.objects.filter(
        instrument__in={key for key, _day in told}, trading_day__range=(min(days), max(days))
    )
    stored = {(row.instrument_id, row.trading_day): row for row in rows}
    new = [
        DailySettlement(instrument_id=key[0], trading_day=key[1], source=source, **figures)
        for key, figures in told.items()
        if key not in stored and "settlement_price" in figures
    ]
    stale = [stored[key] for key, figures in told.items() if key in stored and _change(stored[key], figures, source)]
    DailySettlement.objects.bulk_create(new)
    if stale:
        DailySettlement.objects.bulk_update(stale, list(FIELDS.values()))
    return len(new) + len(stale)


def _told(
    settlements: Iterable[SettlementMessage], bars: Iterable[BarMessage], keys: Mapping[str, int]
) -> dict[Key, dict[str, float]]:
    """The known figures by row, later messages over earlier ones."""
    told: dict[Key, dict[str, float]] = {}
    for bar in bars:
        if bar.settlement > 0:
            told.setdefault(_key(bar, keys), {})["settlement_price"] = bar.settlement
    for message in settlements:
        figures = {column: getattr(message, name) for name, column in FIELDS.items()}
        known = {column: value for column, value in figures.items() if not isnan(value) and value > 0}
        if known:
            told.setdefault(_key(message, keys), {}).update(known)
    return told


def _key(message: BarMessage | SettlementMessage, keys: Mapping[str, int]) -> Key:
    return keys[message.instrument], from_day_number(message.trading_day)


def _change(row: DailySettlement, figures: Mapping[str, float], source: str) -> bool:
    """Put the figures into the row that it lacks or that came from ``source``; whether anything changed."""
    changed = False
    for column, value in figures.items():
        stored = getattr(row, column)
        if stored != value and (stored is None or row.source == source):
            setattr(row, column, value)
            changed = True
    return changed
