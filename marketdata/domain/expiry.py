"""The last trading day of a contract by its product's rule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from marketdata.domain.calendar import SATURDAY, TradingCalendar
from marketdata.domain.reference import ProductFacts
from marketdata.domain.reference_file import read_rows
from marketdata.domain.terms import Month, parse_month
from quantsite.common.errors import MissingError
from quantsite.common.texts import say

FRIDAY = 4
MONDAY = 0

TradingDays = list[date]
Rule = Callable[[TradingDays, date], date]
"""Gives the last trading day from the trading days of three months (the one before, the delivery month, the one
after) and the first calendar day of the delivery month."""


def expiry_by_rule(product: ProductFacts, year: int, month: int, calendar: TradingCalendar) -> date:
    """The last trading day of the contract of delivery month ``year``-``month``.

    Past the end of ``calendar`` every weekday but the fixed days of New Year, Labour Day and National Day counts as a
    trading day: the answer is then an estimate that the instrument's own record replaces, as exchanges do themselves
    (:func:`is_estimate`). Raises :class:`MissingError` ``unknown_expiry_rule``.
    """
    name = rule_name(product, year, month)
    rule = RULES.get(name)
    if rule is None:
        text = say("There is no expiry rule %(name)r (of %(product)s).", name=name, product=product.code)
        raise MissingError("unknown_expiry_rule", text)
    first = date(year, month, 1)
    window = _days_between(_month_after(first, -1), _month_after(first, 2) - timedelta(days=1), calendar)
    return rule(window, first)


def rule_name(product: ProductFacts, year: int, month: int) -> str:
    """The name of the rule for contracts of that delivery month: the product's own, or an earlier one."""
    for former in _former_rules():
        if (former.exchange, former.product) == (product.exchange, product.code) and (year, month) < former.before:
            return former.expiry_rule
    return product.expiry_rule


def is_estimate(expiry: date, calendar: TradingCalendar) -> bool:
    """Whether an expiry was computed past the end of the calendar, where movable holidays are not known yet."""
    return expiry > calendar.last


@dataclass(frozen=True, slots=True)
class _FormerRule:
    """The rule of contracts with a delivery month earlier than ``before``."""

    exchange: str
    product: str
    before: Month
    expiry_rule: str


@cache
def _former_rules() -> tuple[_FormerRule, ...]:
    return read_rows(
        "former_expiry_rules.csv",
        lambda row: _FormerRule(row["exchange"], row["product"], parse_month(row["before_month"]), row["expiry_rule"]),
    )


def _nth_trading_day(number: int) -> Rule:
    """The ``number``-th trading day of the delivery month; counted from its end where negative."""

    def rule(window: TradingDays, first: date) -> date:
        own = [day for day in window if (day.year, day.month) == (first.year, first.month)]
        return own[number - 1 if number > 0 else number]

    return rule


def _calendar_day(number: int) -> Rule:
    """That day of the delivery month, put off to the next trading day."""

    def rule(window: TradingDays, first: date) -> date:
        return _on_or_after(window, first.replace(day=number))

    return rule


def _weekday(weekday: int, count: int) -> Rule:
    """The ``count``-th such weekday of the delivery month, put off to the next trading day."""

    def rule(window: TradingDays, first: date) -> date:
        offset = (weekday - first.weekday()) % 7 + 7 * (count - 1)
        return _on_or_after(window, first + timedelta(days=offset))

    return rule


def _last_day_before_month(window: TradingDays, first: date) -> date:
    """The last trading day of the month before the delivery month."""
    return max(day for day in window if day < first)


def _last_monday(window: TradingDays, first: date) -> date:
    """The last Monday of the delivery month on which there is trading."""
    return max(day for day in window if (day.year, day.month) == (first.year, first.month) and day.weekday() == MONDAY)


RULES: dict[str, Rule] = {
    "10th_trading_day": _nth_trading_day(10),
    "5th_trading_day": _nth_trading_day(5),
    "last_trading_day": _nth_trading_day(-1),
    "4th_last_trading_day": _nth_trading_day(-4),
    "7th_last_trading_day": _nth_trading_day(-7),
    "15th_day": _calendar_day(15),
    "third_friday": _weekday(FRIDAY, 3),
    "second_friday": _weekday(FRIDAY, 2),
    "last_day_before_month": _last_day_before_month,
    "last_monday": _last_monday,
}
"""Every rule that a product may name, as the contract specifications of the exchanges word them."""


def _on_or_after(window: TradingDays, day: date) -> date:
    return min(other for other in window if other >= day)


def _month_after(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _days_between(first: date, last: date, calendar: TradingCalendar) -> TradingDays:
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if _likely_trading_day(day, calendar)]


def _likely_trading_day(day: date, calendar: TradingCalendar) -> bool:
    if calendar.first <= day <= calendar.last:
        return calendar.is_trading_day(day)
    fixed = (day.month, day.day) == (1, 1) or (day.month in (5, 10) and day.day <= (3 if day.month == 5 else 7))
    return day.weekday() < SATURDAY and not fixed
