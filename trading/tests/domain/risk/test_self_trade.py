"""Which orders of a control group could fill against each other."""

from dataclasses import replace
from itertools import product

import pytest

from trading.domain.risk.self_trade import Standing, crossed, crosses, self_trade_reason
from trading.tests.domain.risk.cases import NAN, RB

BUY = Standing(1, "A1", RB, True, True, 3_300.0)
SELL = Standing(2, "A2", RB, False, True, 3_300.0)


@pytest.mark.parametrize(
    ("bid", "ask", "meet"),
    [
        (3_300.0, 3_300.0, True),
        (3_301.0, 3_300.0, True),
        (3_299.0, 3_300.0, False),
        (0.1 + 0.2, 0.3, True),
        (0.3, 0.1 + 0.2, True),
        (3_300.2, 3_300.2 + 1e-6, True),  # one price, computed twice
        (3_300.2, 3_300.2 + 1e-4, False),
        (NAN, 3_300.0, True),  # market, best, a stop without a limit
        (3_300.0, NAN, True),
        (NAN, NAN, True),
    ],
)
def test_prices_that_meet_cross_whichever_came_first(bid: float, ask: float, meet: bool) -> None:
    buy, sell = replace(BUY, price=bid), replace(SELL, price=ask)
    assert crosses(buy, sell) is meet
    assert crosses(sell, buy) is meet


def test_the_same_side_another_instrument_and_the_order_itself_never_cross() -> None:
    assert not crosses(BUY, replace(SELL, buying=True))
    assert not crosses(BUY, replace(SELL, instrument="rb2505.SHFE"))
    assert not crosses(BUY, replace(SELL, order_id=BUY.order_id))


def test_two_orders_cross_exactly_where_some_price_suits_both() -> None:
    grid = [3_298.0 + step for step in range(5)]
    for bid, ask in product(grid, grid):
        suits = any(price <= bid and price >= ask for price in grid)
        assert crosses(replace(BUY, price=bid), replace(SELL, price=ask)) is suits


def test_those_that_are_met_first_come_first() -> None:
    asks = [replace(SELL, order_id=number, price=price) for number, price in ((5, 3_300.0), (6, 3_298.0), (7, NAN))]
    far = replace(SELL, order_id=8, price=3_310.0)
    assert [order.order_id for order in crossed(BUY, [*asks, far, BUY])] == [7, 6, 5]
    bids = [replace(BUY, order_id=number, price=price) for number, price in ((5, 3_300.0), (6, 3_302.0))]
    assert [order.order_id for order in crossed(SELL, bids)] == [6, 5]


def test_the_reason_names_order_account_and_price_to_those_who_may_see_them_only() -> None:
    told = self_trade_reason(SELL, named=True)
    assert told.code == "self_trade"
    assert "order 2 of account A2 at 3300." in told.text
    assert "order 2 of account A2, which has no limit" in self_trade_reason(replace(SELL, price=NAN), named=True).text
    hidden = self_trade_reason(SELL, named=False).text
    assert "A2" not in hidden
    assert "another account" in hidden
