"""What the standing rules measure of an account as it is, no order asked: the figures that the monitor compares."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import NamedTuple

from trading.domain.balance import risk_degree
from trading.domain.risk.bursts import ProgrammeDay
from trading.domain.risk.concentration import by_month, by_product
from trading.domain.risk.expiry import Expiring
from trading.domain.risk.figures import AccountView, DayCounts, Held
from trading.domain.risk.holdings import Holding
from trading.domain.risk.rules import Rule
from trading.domain.risk.stress import Stress
from trading.domain.risk.tail_risk import TailRisk


class Measured(NamedTuple):
    """A value in the rule's unit; ``subject`` as in ``findings.Finding``. NaN where it could not be measured."""

    rule: Rule
    value: float
    subject: str = ""


def account_values(view: AccountView) -> Iterator[Measured]:
    """The figures of the account as a whole."""
    margin = view.margin + view.frozen_margin
    yield Measured(Rule.NOTIONAL, view.notional)
    yield Measured(Rule.MARGIN, margin)
    yield Measured(Rule.AVAILABLE, view.available)
    yield Measured(Rule.RISK_DEGREE, risk_degree(margin, view.balance))
    yield Measured(
        Rule.DAILY_LOSS, max(0.0, -view.day_profit) if view.day_profit == view.day_profit else view.day_profit
    )
    yield Measured(Rule.DRAWDOWN, view.drawdown)


def position_values(view: AccountView) -> Iterator[Measured]:
    """Lots of the larger side, by instrument and by product."""
    yield from _larger(Rule.POSITION_INSTRUMENT, view.long, view.short)
    yield from _larger(Rule.POSITION_PRODUCT, view.long_product, view.short_product)


def count_values(counts: Mapping[str, DayCounts]) -> Iterator[Measured]:
    """Orders and cancels of the day by instrument, those of the whole control group."""
    for code, count in counts.items():
        yield Measured(Rule.ORDERS_INSTRUMENT, count.orders, code)
        yield Measured(Rule.CANCELS_INSTRUMENT, count.cancels, code)
        yield Measured(Rule.LARGE_CANCELS, count.large_cancels, code)


def holding_values(holdings: Iterable[Holding], stress: Stress, tail: TailRisk) -> Iterator[Measured]:
    """Concentration, margin stress and tail risk of what is held."""
    rows = list(holdings)
    for part in by_product(rows):
        yield Measured(Rule.CONCENTRATION_PRODUCT, part.share, part.key)
    for part in by_month(rows):
        yield Measured(Rule.CONCENTRATION_MONTH, part.share, part.key)
    yield Measured(Rule.MARGIN_STRESS, stress.call)
    yield Measured(Rule.VALUE_AT_RISK, tail.value_at_risk)
    yield Measured(Rule.SHORTFALL, tail.shortfall)


def day_values(
    expiring: Iterable[Expiring], resting_closed: Sized, programme: Iterable[ProgrammeDay]
) -> Iterator[Measured]:
    """Days to expiry of what is held, orders resting while it is closed, and the day's bursts by exchange."""
    for row in expiring:
        yield Measured(Rule.EXPIRY, row.days, row.instrument)
    yield Measured(Rule.RESTING_CLOSED, len(resting_closed))
    for day in programme:
        yield Measured(Rule.BURSTS, len(day.bursts), day.exchange)


def _larger(rule: Rule, long: Held, short: Held) -> Iterator[Measured]:
    for subject in {**long, **short}:
        yield Measured(rule, max(long.get(subject, 0), short.get(subject, 0)), subject)
