"""Whether a product trades at an instant of the market clock, when it does next, and which trading day it is.

All instants are ns UTC.
"""

import numpy as np

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.domain.day_plan import DayPlan
from marketdata.domain.hours import MINUTES_A_DAY, NIGHT_BEGINS
from marketdata.domain.sessions import SessionTable
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, SHANGHAI_OFFSET_NS


def trading_day_at(calendar: TradingCalendar, now: int) -> int:
    """The trading day (days since the epoch) that an instant belongs to, inside a session or not.

    Raises :class:`RuleError` ``outside_calendar``.
    """
    local = now + SHANGHAI_OFFSET_NS + (MINUTES_A_DAY - NIGHT_BEGINS) * NS_PER_MINUTE
    return int(calendar.from_numbers(np.array([local // NS_PER_DAY]))[0])


def open_at(table: SessionTable, now: int) -> bool:
    """Whether the product trades, its opening auction counted in. Raises :class:`RuleError` ``outside_calendar``."""
    return next_opening(table, now) == now


def next_opening(table: SessionTable, now: int, *, auction: bool = True) -> int:
    """When the product trades next: ``now`` itself if it does now, else where the next part begins.

    With ``auction`` a trading day begins with its opening auction. Raises :class:`RuleError` ``outside_calendar``.
    """
    day = trading_day_at(table.calendar, now)
    found = _opening(table.plan(day), now, auction=auction)
    if found is None:
        following = to_day_number(table.calendar.next_after(from_day_number(day)))
        found = _opening(table.plan(following), now, auction=auction)
    if found is None:
        raise ValueError(f"trading day {day} is not over at {now}, nor does it open again")
    return found


def _opening(plan: DayPlan, now: int, *, auction: bool) -> int | None:
    """Within one trading day; None after its last part."""
    if now < plan.opens and auction:
        return max(now, plan.accepts)
    for part in plan.parts:
        if now < part.end:
            return max(now, part.start)
    return None
