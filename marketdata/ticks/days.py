"""The trading days of which an instrument has ticks: light, for doors that never open a file of them."""

from datetime import date
from typing import Any

from django.db.models import QuerySet

from marketdata.models import Instrument
from marketdata.ticks.models import Tick, TickFile


def tick_days(instrument: Instrument, first: date, last: date) -> list[date]:
    """The trading days from ``first`` to ``last``, both included, of which there are ticks: rows or a file."""
    files = TickFile.objects.filter(instrument=instrument, trading_day__range=(first, last))
    days = set(files.values_list("trading_day", flat=True))
    rows = days_with_rows(instrument.pk).filter(trading_day__range=(first, last)).values_list("trading_day", flat=True)
    day = rows.first()
    while day is not None:
        days.add(day)
        day = rows.filter(trading_day__gt=day).first()
    return sorted(days)


def has_ticks(instrument: Instrument, first: date, last: date) -> bool:
    """Whether there is a tick in these trading days, both included."""
    within = {"instrument": instrument.pk, "trading_day__range": (first, last)}
    return Tick.objects.filter(**within).exists() or TickFile.objects.filter(**within).exists()


def days_with_rows(instrument: Any) -> QuerySet[Tick]:
    return Tick.objects.filter(instrument=instrument).order_by("trading_day", "seq")
