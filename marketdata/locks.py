"""Row locks of market data, in one place."""

from marketdata.models import BarCoverage, Instrument


def lock_bars(instrument: Instrument, interval: str) -> BarCoverage:
    """The coverage row of one series, locked until the transaction ends: who writes bars of it holds this first.

    SQLite has no row locks; there every writing transaction is alone from its first statement (IMMEDIATE).
    """
    BarCoverage.objects.get_or_create(instrument=instrument, interval=interval)
    return BarCoverage.objects.select_for_update().get(instrument=instrument, interval=interval)
