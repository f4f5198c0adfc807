"""Bars of contracts in any interval: stored ones, and for days without them what finer ones make."""

from datetime import date

import numpy as np

from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.continuous import joined
from marketdata.domain.intervals import DAY, parse_interval
from marketdata.domain.resample import resample
from marketdata.domain.sessions import SessionTable
from marketdata.models import Bar, BarCoverage, Instrument


def contract_bars(instrument: Instrument, interval: str, first: date, last: date, *, table: SessionTable) -> BarSeries:
    """The bars of the trading days ``first`` to ``last``; days that have none of ``interval`` are resampled."""
    stored = Bar.objects.series(instrument, interval, first, last)
    wanted = {to_day_number(day) for day in table.calendar.between(first, last)}
    lacking = sorted(wanted - set(np.unique(stored.trading_day).tolist()))
    finer = _finer(instrument, interval, first, last) if lacking else None
    if finer is None:
        return stored
    source = Bar.objects.series(instrument, finer, first, last)
    made = resample(source.take(np.isin(source.trading_day, lacking)), table, interval)
    whole = joined([stored, made], instrument.code, interval)
    return whole.take(np.argsort(whole.start, kind="stable"))


def _finer(instrument: Instrument, interval: str, first: date, last: date) -> str | None:
    """The coarsest stored interval that divides ``interval`` and has bars around these days."""
    minutes = parse_interval(interval)
    rows = BarCoverage.objects.filter(instrument=instrument, first_day__lte=last, last_day__gte=first)
    found = [
        (source, row.interval)
        for row in rows.exclude(interval__in=[interval, DAY])
        if (source := parse_interval(row.interval)) and (minutes is None or minutes % source == 0)
    ]
    return max(found)[1] if found else None
