"""The last trading day of a contract by its product's rule."""

from datetime import date

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.reference import ProductFacts


def expiry_by_rule(product: ProductFacts, year: int, month: int, calendar: TradingCalendar) -> date:
    """The last trading day of the contract of delivery month ``year``-``month``."""
