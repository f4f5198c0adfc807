"""Margin of a lot, and the price that it is taken at.

Source: CTP fields ``LongMarginRatioByMoney`` and companions, ``MarginPriceType`` of the broker's trading
parameters (ThostFtdcUserApiDataType.h), ``MaxMarginSideAlgorithm`` of the instrument.
"""

import math
from enum import IntEnum

from marketdata.domain.instrument import MarginRates
from trading.domain.offsets import Side


class MarginPriceType(IntEnum):
    """At which price a broker charges margin on lots of this trading day (CTP's ``MPT`` values)."""

    PRE_SETTLEMENT = 1
    LAST = 2
    AVERAGE = 3
    OPEN = 4


def margin(price: float, volume: float, multiplier: float, by_money: float, by_volume: float) -> float:
    """Margin in yuan: ``by_money`` is a fraction of the value at ``price``, ``by_volume`` yuan a lot."""
    return price * multiplier * volume * by_money + volume * by_volume


def margin_price(  # noqa: PLR0917 - scalars only, so that numba compiles it as it stands
    today: bool, price_type: int, open_price: float, last: float, average: float, pre_settlement: float
) -> float:
    """The price at which a lot is margined.

    An older lot is margined at the previous settlement, a lot of today as ``price_type`` says. A price that
    is not known (NaN: no trade yet, no settlement before the first day) is replaced by the open price.
    """
    if not today or price_type == MarginPriceType.PRE_SETTLEMENT:
        price = pre_settlement
    elif price_type == MarginPriceType.LAST:
        price = last
    elif price_type == MarginPriceType.AVERAGE:
        price = average
    else:
        price = open_price
    return open_price if math.isnan(price) else price


def charged_margin(long_margin: float, short_margin: float, larger_side: bool) -> float:
    """What the exchange charges for both sides: the sum, or the larger one where the algorithm says so."""
    return max(long_margin, short_margin) if larger_side else long_margin + short_margin


def margin_pair(rates: MarginRates, side: int) -> tuple[float, float]:
    """The ``(by_money, by_volume)`` pair of a position's side."""
    if side == Side.LONG:
        return rates.long_by_money, rates.long_by_volume
    return rates.short_by_money, rates.short_by_volume
