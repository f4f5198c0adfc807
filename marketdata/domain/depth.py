"""CTP's depth market data as plain Python values: what every source hands to :class:`normalise.Normaliser`."""

from math import nan

import msgspec

INVALID_ABOVE = 1e300
"""CTP writes DBL_MAX where there is no price; some copies are rounded, so equality would miss them."""


class RawTick(msgspec.Struct, gc=False):
    """One record of ``CThostFtdcDepthMarketDataField``: its fields with their values as they came.

    Texts are CTP's (``trading_day`` ``20181008``, ``update_time`` ``09:00:00``); a price may be DBL_MAX or 0 where
    there is none, and NaN where the source does not carry the field. ``depth`` is bid prices, bid volumes, ask
    prices and ask volumes of levels 2 to 5 (16 numbers), or None.
    """

    instrument_id: str
    trading_day: str
    update_time: str
    update_millisec: int
    last_price: float
    volume: int
    turnover: float
    open_interest: float
    exchange_id: str = ""
    action_day: str = ""
    bid_price: float = nan
    bid_volume: int = 0
    ask_price: float = nan
    ask_volume: int = 0
    open_price: float = nan
    highest_price: float = nan
    lowest_price: float = nan
    close_price: float = nan
    average_price: float = nan
    settlement_price: float = nan
    pre_settlement_price: float = nan
    pre_close_price: float = nan
    pre_open_interest: float = nan
    upper_limit_price: float = nan
    lower_limit_price: float = nan
    depth: tuple[float, ...] | None = None


def price_or_nan(value: float) -> float:
    """The price, NaN for DBL_MAX (and what is near it), infinities, 0 and below: none of them is a quote.

    Prices of spreads may be 0 or negative; combinations are not supported (docs/marketdata.md).
    """
    return value if 0.0 < value < INVALID_ABOVE else nan
