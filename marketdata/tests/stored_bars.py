"""Made-up bars put straight into the tables, as an import or the recorder would."""

from datetime import date

import numpy as np
from django.db import transaction

from marketdata import bar_store
from marketdata.domain.bars import BarSeries
from marketdata.domain.sessions import SessionTable
from marketdata.domain.simulation import simulate_bars
from marketdata.instruments import ensure_instrument, session_table
from marketdata.locks import lock_bars
from marketdata.models import Instrument

Made = tuple[Instrument, SessionTable, BarSeries]


def put(instrument: Instrument, bars: BarSeries) -> None:
    """Store the bars and tell their coverage."""
    with transaction.atomic():
        coverage = lock_bars(instrument, bars.interval)
        bar_store.insert(bars, coverage)
        bar_store.refresh(coverage)


def made_minutes(code: str, first: date, last: date, *, kept: float = 1.0) -> Made:
    """An instrument, its hours, and bars of one minute of which a share of ``kept`` is left."""
    instrument = ensure_instrument(code, first)
    table = session_table(instrument.product)
    bars = simulate_bars(instrument.to_domain(), table, first, last, minutes=1, seed=11, start_price=3_600.0)
    chosen = np.random.default_rng(3).random(len(bars)) < kept
    return instrument, table, bars.take(chosen)
