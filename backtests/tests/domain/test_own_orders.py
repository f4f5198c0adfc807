"""Own orders of a hosted strategy that could meet: refused where they open, kept waiting where they close."""

from math import nan

import pytest

from backtests.domain.hosted_exchange import HostedExchange
from backtests.domain.rules import PLAIN, Rules
from backtests.domain.tick_rules import matching_rules
from backtests.tests.domain.hosted_days import AP, hosted_day, hosted_leg
from marketdata.domain.ticks import Tick
from marketdata.tests.domain.recorded import needs_data
from quantsite.common.times import NS_PER_SECOND
from strategies.domain.hosting.intents import Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.tests.recorded_ticks import ticks_of

pytestmark = [needs_data, pytest.mark.real_data]
FIRST: Tick = next(tick for tick in ticks_of(AP)[100:] if tick.bid_price < tick.ask_price)
BELOW, ABOVE = FIRST.bid_price - 10, FIRST.ask_price + 10


def exchange(held: int = 0, rules: Rules = PLAIN) -> HostedExchange:
    """The morning of AP010 at its hundredth tick, with so many lots."""
    made = HostedExchange([hosted_leg(AP, "1m")], matching_rules(rules), 1e8, [held])
    made.begin_day(hosted_day(AP).trading_day)
    made.on_tick(0, FIRST)
    return made


def limit(number: int, side: Direction, price: float, lots: int = 1) -> Place:
    return Place(number, 0, side, OrderType.LIMIT, lots, price)


def told(news: list[News]) -> list[tuple[int, str, str]]:
    return [(each.number, each.kind.value, each.reason) for each in news if each.kind is not NewsKind.ACCEPTED]


def test_an_order_that_opens_is_refused_where_it_would_meet_one_of_its_own() -> None:
    made = exchange()
    assert told(made.carry_out([limit(1, Direction.BUY, BELOW)], FIRST.time)) == []
    assert told(made.carry_out([limit(2, Direction.SELL, ABOVE)], FIRST.time)) == []
    assert told(made.carry_out([limit(3, Direction.SELL, BELOW)], FIRST.time)) == [(3, "rejected", "self_trade")]
    market = Place(4, 0, Direction.SELL, OrderType.MARKET, 1, nan)
    assert told(made.carry_out([market], FIRST.time)) == [(4, "rejected", "self_trade")]
    assert [made.orders[number].refused for number in (1, 2, 3, 4)] == ["", "", "self_trade", "self_trade"]


def test_an_order_that_closes_has_what_it_would_meet_withdrawn_first() -> None:
    made = exchange(held=2)
    made.carry_out([limit(1, Direction.BUY, BELOW), limit(2, Direction.BUY, BELOW - 5)], FIRST.time)
    news = told(made.carry_out([limit(3, Direction.SELL, BELOW, lots=2)], FIRST.time))
    assert news[0] == (1, "cancelled", "")
    assert {each[:2] for each in news[1:]} == {(3, "filled")}
    assert sum(traded.volume for number, traded in made.fills if number == 3) == 2
    assert told(made.carry_out([Withdraw(2)], FIRST.time)) == [(2, "cancelled", "")]


def test_of_an_order_that_closes_and_opens_only_what_closes_is_sent() -> None:
    made = exchange(held=1)
    made.carry_out([limit(1, Direction.BUY, BELOW)], FIRST.time)
    news = told(made.carry_out([limit(2, Direction.SELL, BELOW, lots=3)], FIRST.time))
    assert news == [(1, "cancelled", ""), (2, "filled", ""), (2, "rejected", "self_trade")]
    assert (made.orders[2].left, made.orders[2].refused) == (2, "self_trade")


def test_about_all_orders_of_a_step_it_is_decided_before_the_first_is_sent() -> None:
    """The first sell would have nothing to meet if the buy at the market had been filled before it was looked at."""
    made = exchange()
    orders = [limit(1, Direction.BUY, ABOVE), limit(2, Direction.SELL, ABOVE)]
    assert told(made.carry_out(orders, FIRST.time)) == [(1, "filled", ""), (2, "rejected", "self_trade")]


def test_with_a_latency_it_waits_until_the_withdrawal_has_arrived_and_may_be_taken_back_meanwhile() -> None:
    made = exchange(held=2, rules=Rules(latency_ms=700))
    made.carry_out([limit(1, Direction.BUY, BELOW)], FIRST.time)
    made.on_clock(FIRST.time + NS_PER_SECOND)
    at = FIRST.time + NS_PER_SECOND
    assert told(made.carry_out([limit(2, Direction.SELL, BELOW), limit(3, Direction.SELL, BELOW)], at)) == []
    assert told(made.carry_out([Withdraw(3)], at)) == [(3, "cancelled", "")]
    assert told(made.on_clock(at + NS_PER_SECOND)) == [(1, "cancelled", "")]
    assert told(made.on_clock(at + 2 * NS_PER_SECOND)) == [(2, "filled", "")]


def test_what_still_waits_at_the_end_of_the_day_ends_with_it() -> None:
    made = exchange(held=1, rules=Rules(latency_ms=700))
    made.carry_out([limit(1, Direction.BUY, BELOW)], FIRST.time)
    made.on_clock(FIRST.time + NS_PER_SECOND)
    made.carry_out([limit(2, Direction.SELL, BELOW)], FIRST.time + NS_PER_SECOND)
    ended = told(made.expire(0, FIRST.time + NS_PER_SECOND))
    assert sorted(ended) == [(1, "cancelled", "expired"), (2, "cancelled", "expired")]
