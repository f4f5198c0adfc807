"""The cost table of a run: the options that were given, over the instrument's own dated tables."""

from collections.abc import Sequence
from typing import Any

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.domain.legs import Leg
from backtests.requests import CostOptions
from marketdata.domain.instrument import Dated
from marketdata.domain.terms import ContractTerms
from marketdata.instruments import dated_terms
from marketdata.models import Instrument
from marketdata.services import costs_for


def cost_table(instrument: Instrument, options: CostOptions) -> CostTable:
    """What the run is charged; whatever ``options`` leave out comes from the instrument's tables as they are now.

    Multiplier and tick are dated too: au moved in steps of 0.05 until December 2019. Narrow the table to the run's
    days with :meth:`CostTable.over`. Raises ``RuleError`` ``invalid_costs``, its ``fields`` keyed by option, for
    figures that make no sense.
    """
    _spec, fees, margins = costs_for(instrument)
    prices = tuple(Dated(row.valid_from, _given(row.value, options)) for row in dated_terms(instrument))
    return CostTable(
        multiplier=prices[-1].value.multiplier,
        price_tick=prices[-1].value.price_tick,
        slippage_ticks=options.slippage_ticks or 0,
        fees=fees_given(options.commission_rate, options.commission_per_lot, options.close_today_rate) or tuple(fees),
        margins=margins_given(options.margin_rate) or tuple(margins),
        prices=prices if len(prices) > 1 else (),
    )


def cost_document(legs: Sequence[Leg]) -> dict[str, Any]:
    """What was charged: the first leg's table, and those of further legs under ``legs``, each with its code."""
    first, *others = legs
    further = [{"instrument": leg.code, **leg.costs.document()} for leg in others]
    return first.costs.document() | ({"legs": further} if further else {})


def _given(terms: ContractTerms, options: CostOptions) -> ContractTerms:
    """The terms of a day with what the options say put in their place."""
    return ContractTerms(
        multiplier=terms.multiplier if options.multiplier is None else options.multiplier,
        price_tick=terms.price_tick if options.price_tick is None else options.price_tick,
    )
