"""Made-up bars for demonstrations and tests; whatever comes from here is labelled as simulated."""

from datetime import date

from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import InstrumentSpec
from marketdata.domain.sessions import SessionTable


def simulate_bars(
    spec: InstrumentSpec,
    table: SessionTable,
    first_day: date,
    last_day: date,
    minutes: int,
    seed: int,
    start_price: float,
) -> BarSeries:
    """Bars of ``minutes`` on every trading day from ``first_day`` to ``last_day``; the same arguments give the same bars."""
