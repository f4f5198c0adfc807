"""No rule refuses an order that closes, whatever the limits and figures are; and unsound figures open nothing."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.domain.order_status import OrderType
from trading.domain.risk.figures import AccountView, Asked, DayCounts, Quote, RiskOrder
from trading.domain.risk.limits import Limit, effective, table_of
from trading.domain.risk.order_rules import order_reason, price_limit_reason, rule_reason
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import scopes_of
from trading.domain.risk.sent import SentOrders
from trading.domain.risk.switches import Strength, Switch, stop_reason
from trading.tests.domain.risk.cases import NOW, PRODUCT, RB

SCOPES = scopes_of(desk="main", account="A1", product=PRODUCT, user="li", strategy="cta:1")
NUMBERS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0])
LOTS = st.dictionaries(st.sampled_from([RB, PRODUCT]), st.integers(-5, 10**6))
WORDS = st.sampled_from(["", "buy", RB, "?"])
ANYTHING: st.SearchStrategy[Any] = st.none() | NUMBERS | WORDS | st.lists(WORDS, max_size=2)
PARAMS = st.dictionaries(st.sampled_from(["volume", "seconds", "allowed"]), ANYTHING)
LIMITS = st.lists(
    st.builds(Limit, st.sampled_from(Rule), st.sampled_from(SCOPES), st.none() | NUMBERS, params=PARAMS), max_size=12
)
VIEWS = st.builds(
    AccountView, *[NUMBERS] * 9, long=LOTS, short=LOTS, long_product=LOTS, short_product=LOTS
)  # fmt: skip
QUOTES = st.builds(Quote, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
COUNTS = st.builds(DayCounts, st.integers(0, 10**4), st.integers(0, 10**4), st.integers(0, 10**4))


def orders(opening: st.SearchStrategy[bool]) -> st.SearchStrategy[RiskOrder]:
    prices = st.just(math.nan) | st.floats(0.1, 1e6)
    return st.builds(
        RiskOrder, st.just(RB), st.just(PRODUCT), st.just("SHFE"), st.booleans(), opening, st.sampled_from(OrderType),
        prices, prices, st.integers(1, 10**5), NUMBERS, st.just(1.0),
    )  # fmt: skip


@settings(max_examples=150)
@given(orders(st.just(False)), QUOTES, VIEWS, COUNTS, LIMITS, st.sampled_from(Strength))
def test_a_closing_order_meets_the_exchanges_price_limits_only(
    order: RiskOrder, quote: Quote, view: AccountView, counts: DayCounts, limits: list[Limit], strength: Strength
) -> None:
    asked = Asked(order, quote, view, counts, SentOrders(), NOW)
    assert order_reason(asked, effective(table_of(limits), SCOPES)) == price_limit_reason(order, quote)
    assert all(rule_reason(limit.rule, asked, limit) is None for limit in limits)
    stops = [Switch(number, scope, strength) for number, scope in enumerate(SCOPES)]
    assert stop_reason(stops, SCOPES, opening=False) is None


@settings(max_examples=150)
@given(orders(st.just(True)), QUOTES, VIEWS, COUNTS, LIMITS)
def test_an_order_that_opens_within_every_limit_has_sound_figures(
    order: RiskOrder, quote: Quote, view: AccountView, counts: DayCounts, limits: list[Limit]
) -> None:
    sound = [limit for limit in limits if not limit.params]
    reason = order_reason(Asked(order, quote, view, counts, SentOrders(), NOW), effective(table_of(sound), SCOPES))
    if reason is None:
        money = [view.balance, view.available, view.margin, view.frozen_margin, view.day_profit, view.notional]
        assert all(map(math.isfinite, money))
        assert math.isfinite(order.multiplier)
