"""A judged series for tests: two weeks of simulated bars, and what spoils a day of them."""

from datetime import date

import numpy as np
from django.db import transaction

from marketdata import bar_store
from marketdata.domain.bars import BarSeries
from marketdata.locks import lock_bars
from marketdata.models import Bar, Instrument
from marketdata.services import store_simulated_bars

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 15)
SPOILT = date(2024, 1, 10)


def stored_series(first: date = FIRST, last: date = LAST) -> Instrument:
    """``simrb88.SIM`` with 5-minute bars of the days from ``first`` to ``last``: ten without a fault."""
    return store_simulated_bars(None, interval="5m", first=first, last=last, seed=7).instrument


def bars_on(instrument: Instrument, day: date) -> BarSeries:
    """The stored bars of a trading day."""
    return Bar.objects.series(instrument, "5m", day, day)


def take_away(instrument: Instrument, day: date, *places: int) -> BarSeries:
    """Delete bars of a day as an import would replace them; gives what was deleted."""
    gone = bars_on(instrument, day).take(np.array(places))
    with transaction.atomic():
        coverage = lock_bars(instrument, "5m")
        bar_store.delete(gone, coverage)
        bar_store.refresh(coverage)
    return gone


def put_back(instrument: Instrument, bars: BarSeries) -> None:
    """Store bars again."""
    with transaction.atomic():
        coverage = lock_bars(instrument, "5m")
        bar_store.insert(bars, coverage)
        bar_store.refresh(coverage)
