"""The continuous series as they are read: stored ones from their bars, adjusted ones made of 88 and its rolls."""

from datetime import date

from marketdata import series_cache
from marketdata.daily_facts import RAW_SERIES, ContractRoll
from marketdata.domain.adjust import ADJUSTED_SERIES, adjusted, aligned
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.main_state import series_code
from marketdata.models import BarCoverage, Instrument


def is_derived(instrument: Instrument, interval: str) -> bool:
    """Whether bars of an adjusted series are made of the raw one: none of its own are stored."""
    if instrument.series not in ADJUSTED_SERIES:
        return False
    return not BarCoverage.objects.filter(instrument=instrument, interval=interval, bars__gt=0).exists()


def derived_series(
    instrument: Instrument, interval: str, first: date | None = None, last: date | None = None
) -> BarSeries:
    """An adjusted series (888, 889, 888r, 889r) of the trading days ``first`` to ``last``, both included.

    It is adjusted as a whole and cut afterwards: 889 keeps its level whatever part is asked for. Empty where the raw
    series has no bars of the interval.
    """
    raw = Instrument.objects.filter(code=series_code(instrument.product, RAW_SERIES)).first()
    if raw is None:
        return BarSeries.empty(instrument.code, interval)
    bars, _data_hash = series_cache.load(raw, interval)
    splices = aligned([row.to_domain() for row in ContractRoll.objects.of(raw)], bars)
    whole = adjusted(bars, splices, instrument.series, instrument.code)
    inside = slice(
        0 if first is None else int(whole.trading_day.searchsorted(to_day_number(first))),
        len(whole) if last is None else int(whole.trading_day.searchsorted(to_day_number(last), side="right")),
    )
    return whole.take(inside)
