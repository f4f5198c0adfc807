"""A broker's terms of an account, out of ``CThostFtdcBrokerTradingParamsField``."""

from collections.abc import Mapping
from typing import Any

from trading.domain.account_book import BrokerTerms
from trading.domain.balance import ProfitAlgorithm
from trading.domain.margin import MarginPriceType

NOT_INCLUDED = "2"
"""``AvailIncludeCloseProfit``: close profit is no part of the available funds; 0 says that it is."""


def terms_of(row: Mapping[str, Any]) -> BrokerTerms | None:
    """The terms; None where a letter is unknown, so that what was agreed holds on."""
    try:
        margin_price = MarginPriceType(int(row.get("MarginPriceType") or ""))
        algorithm = ProfitAlgorithm(int(row.get("Algorithm") or ""))
    except ValueError:
        return None
    return BrokerTerms(margin_price, algorithm, row.get("AvailIncludeCloseProfit") != NOT_INCLUDED)
