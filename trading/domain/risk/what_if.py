"""Margin and limits after a hypothetical order, as if it were filled at once and whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isnan

from trading.domain.checks import Reason
from trading.domain.risk.figures import AccountView, Asked, Held
from trading.domain.risk.levels import Usage
from trading.domain.risk.limits import Limit
from trading.domain.risk.measures import MEASURES, value_price
from trading.domain.risk.order_rules import order_reason
from trading.domain.risk.rules import RULES, Rule, Unit
from trading.domain.risk.shares import share_of
from trading.domain.risk.standing import account_values


@dataclass(frozen=True, slots=True)
class Compared:
    """A limit without and with the order; ``before`` is None where the limit is about single orders."""

    before: Usage | None
    after: Usage


@dataclass(frozen=True, slots=True)
class WhatIf:
    """``reason``: why the order would be refused. ``limits`` begin with those that would be used most."""

    reason: Reason | None
    before: AccountView
    after: AccountView
    limits: tuple[Compared, ...]


def what_if(asked: Asked, limits: Mapping[Rule, Limit], released: float = 0.0) -> WhatIf:
    """The account without and with the order. ``released`` is the margin in yuan that a closing order frees.

    A close is taken at the price it would be valued at; what it realises is already in the balance, which is marked at
    the last price.
    """
    before = replace(asked.view, order_margin=0.0, order_commission=0.0)
    after = filled_view(asked, released)
    now, then = dict(_values(asked, before, sent=0)), dict(_values(asked, after, sent=1))
    rows = []
    for rule, limit in limits.items():
        subject = asked.order.product if rule == Rule.POSITION_PRODUCT else ""
        if rule in now:
            rows.append(Compared(_usage(limit, subject, now[rule]), _usage(limit, subject, then[rule])))
        elif asked.order.opening and rule in MEASURES and RULES[rule].unit != Unit.LIST:
            rows.append(Compared(None, _usage(limit, subject, MEASURES[rule](asked, limit))))
    return WhatIf(order_reason(asked, limits), before, after, tuple(sorted(rows, key=_rank)))


def filled_view(asked: Asked, released: float = 0.0) -> AccountView:
    """The account once the order is filled; NaN in ``notional`` where no price is known."""
    order, view = asked.order, asked.view
    price = value_price(order, asked.quote) if order.opening else asked.quote.reference
    value = price * order.multiplier * order.volume
    lots = order.volume if order.opening else -order.volume
    long_side = order.buying == order.opening
    more = view.order_margin if order.opening else -released
    return replace(
        _moved(view, order.instrument, order.product, long_side, lots),
        balance=view.balance - view.order_commission,
        available=view.available - view.order_commission - more,
        margin=view.margin + more,
        day_profit=view.day_profit - view.order_commission,
        notional=view.notional + (value if order.opening else -value),
        order_margin=0.0,
        order_commission=0.0,
    )


def _moved(view: AccountView, instrument: str, product: str, long_side: bool, lots: int) -> AccountView:
    if long_side:
        return replace(
            view, long=_plus(view.long, instrument, lots), long_product=_plus(view.long_product, product, lots)
        )
    return replace(
        view, short=_plus(view.short, instrument, lots), short_product=_plus(view.short_product, product, lots)
    )


def _plus(held: Held, key: str, lots: int) -> Held:
    return {**held, key: held.get(key, 0) + lots}


def _values(asked: Asked, view: AccountView, sent: int) -> Iterator[tuple[Rule, float]]:
    order, counts = asked.order, asked.counts
    long_side = order.buying == order.opening
    for measured in account_values(view):
        yield measured.rule, measured.value
    yield Rule.POSITION_INSTRUMENT, (view.long if long_side else view.short).get(order.instrument, 0)
    yield Rule.POSITION_PRODUCT, (view.long_product if long_side else view.short_product).get(order.product, 0)
    yield Rule.ORDERS_INSTRUMENT, counts.orders + sent
    yield Rule.CANCELS_INSTRUMENT, counts.cancels
    yield Rule.LARGE_CANCELS, counts.large_cancels


def _rank(row: Compared) -> tuple[bool, float, str]:
    return row.after.share is not None, -(row.after.share or 0.0), row.after.limit.rule.value


def _usage(limit: Limit, subject: str, value: float) -> Usage:
    return Usage(limit, subject, value, None if isnan(value) else share_of(value, limit))
