"""The adjusted series (888, 889, 888r, 889r) as they are read: made of the raw one and its rolls."""

from marketdata.daily_facts import RAW_SERIES, ContractRoll
from marketdata.domain.adjust import ADJUSTED_SERIES, adjusted, aligned
from marketdata.domain.bars import BarSeries
from marketdata.main_contracts.state import series_code
from marketdata.models import Instrument


def raw_series_of(instrument: Instrument) -> Instrument | None:
    """The raw series (88) that an adjusted one is made of; ``None`` for all others, and where it is not stored."""
    if instrument.series not in ADJUSTED_SERIES:
        return None
    code = series_code(instrument.product, RAW_SERIES)
    return Instrument.objects.select_related("product").filter(code=code).first()


def adjusted_form(instrument: Instrument, raw: Instrument, bars: BarSeries) -> BarSeries:
    """The whole raw series ``bars`` in the form of ``instrument``.

    Of a part it would come out otherwise: 889 begins at the level of its first bar, 888 ends at that of its last one.
    """
    splices = aligned([row.to_domain() for row in ContractRoll.objects.of(raw)], bars)
    return adjusted(bars, splices, instrument.series, instrument.code)
