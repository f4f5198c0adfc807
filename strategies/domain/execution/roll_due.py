"""When a position leaves its contract for the new main one: decided once a trading day, from stored decisions.

Which contract is the main one is decided by ``marketdata.domain.main_contract`` the evening before and is in force for
the whole trading day, so that night and day, and every restart, give the same answer.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.main_contract import days_left
from quantsite.common.times import NS_PER_MINUTE

LAST_DAYS = 1
"""A position is not carried into the last trading day: the evening before at the latest it is to be gone."""

HURRY_NS = 15 * NS_PER_MINUTE
"""So long before the day's last close what is not rolled yet goes at the market: a roll ends on the day it is due."""


class DueGround(StrEnum):
    """Why a position leaves its contract."""

    MAIN = "main"
    """Another, later contract is the main one today."""
    EXPIRY = "expiry"
    """Its last trading day is near, and no later contract has become the main one."""


@dataclass(frozen=True, slots=True)
class RollContract:
    """``delivery`` is the month (year, month), ``expires`` the last trading day, None where it is not known."""

    code: str
    delivery: tuple[int, int]
    expires: date | None


@dataclass(frozen=True, slots=True)
class Due:
    """``to`` is the new contract; None where there is none: then the position can only be closed, by a person."""

    ground: DueGround
    to: str | None
    days_left: int


def due(
    today: date,
    held: RollContract,
    main_today: RollContract | None,
    calendar: TradingCalendar,
    last_days: int = LAST_DAYS,
) -> Due | None:
    """Whether a position in ``held`` is to be rolled on the trading day ``today``, and where to.

    ``main_today`` is the main contract in force today, None where nothing was decided. It is never followed to an
    earlier delivery month. ``last_days`` or fewer trading days before the end the position must leave in any case.
    """
    left = days_left(held.expires, today, calendar)
    if main_today is not None and main_today.delivery > held.delivery:
        return Due(DueGround.MAIN, main_today.code, left)
    return Due(DueGround.EXPIRY, None, left) if left <= last_days else None


def hurry_at(closes: int) -> int:
    """From when on (ns UTC) a roll takes what is offered, on a trading day that closes at ``closes``."""
    return closes - HURRY_NS
