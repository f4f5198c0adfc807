"""The cost table of a run: the options that were given, over the instrument's own dated tables."""

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.requests import CostOptions
from marketdata.models import Instrument
from marketdata.services import costs_for


def cost_table(instrument: Instrument, options: CostOptions) -> CostTable:
    """What the run is charged; whatever ``options`` leave out comes from the instrument's tables as they are now.

    Raises ``RuleError`` ``invalid_costs``, its ``fields`` keyed by option, for figures that make no sense.
    """
    spec, fees, margins = costs_for(instrument)
    return CostTable(
        multiplier=spec.multiplier if options.multiplier is None else options.multiplier,
        price_tick=spec.price_tick if options.price_tick is None else options.price_tick,
        slippage_ticks=options.slippage_ticks or 0,
        fees=fees_given(options.commission_rate, options.commission_per_lot, options.close_today_rate) or tuple(fees),
        margins=margins_given(options.margin_rate) or tuple(margins),
    )
