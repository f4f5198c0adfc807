"""Positions whose last trading day is near."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from marketdata.domain.calendar import TradingCalendar
from trading.domain.risk.holdings import Holding


class Expiring(NamedTuple):
    """Lots held of a contract, and how many trading days it has after today; 0 on the last one."""

    instrument: str
    expires: date
    days: int
    long: int
    short: int


def expiring(holdings: Iterable[Holding], calendar: TradingCalendar, day: date) -> list[Expiring]:
    """What is held on trading day ``day`` and has an end, the nearest first.

    Where the calendar ends before the contract does, only the days that it knows are counted.
    """
    found = [
        Expiring(row.instrument, row.expires, days_left(calendar, day, row.expires), row.long, row.short)
        for row in holdings
        if row.expires is not None and (row.long or row.short)
    ]
    return sorted(found, key=lambda row: (row.days, row.expires, row.instrument))


def days_left(calendar: TradingCalendar, day: date, expires: date) -> int:
    """Trading days after ``day`` up to and with ``expires``; 0 where it has passed."""
    return calendar.count_after(day, expires)
