"""Commission of a fill.

Source: the CTP fields ``OpenRatioByMoney``, ``OpenRatioByVolume`` and their close and close-today pairs.
Exchanges state one of the two terms and leave the other at zero; both are always added.
"""

from marketdata.domain.instrument import FeeRates
from trading.domain.offsets import Offset


def commission(price: float, volume: float, multiplier: float, by_money: float, by_volume: float) -> float:
    """Commission in yuan: ``by_money`` is a fraction of the traded value, ``by_volume`` yuan a lot."""
    return price * multiplier * volume * by_money + volume * by_volume


def fee_pair(rates: FeeRates, offset: Offset) -> tuple[float, float]:
    """The ``(by_money, by_volume)`` pair that a fill with this recorded offset pays."""
    if offset == Offset.OPEN:
        return rates.open_by_money, rates.open_by_volume
    if offset == Offset.CLOSE_TODAY:
        return rates.close_today_by_money, rates.close_today_by_volume
    return rates.close_by_money, rates.close_by_volume
