"""The end of a trading day, its statement, and the document that an account is rebuilt from."""

import json
import math

import pytest

from quantsite.common.errors import RuleError
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.balance import ProfitAlgorithm
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Offset, Side
from trading.tests.domain.account_cases import (
    BUY,
    DAY_NUMBER,
    RB,
    SELL,
    M,
    account,
    mixed,
    order,
    rest,
    trade,
)

OPEN = Offset.OPEN


def a_day() -> AccountBook:
    """Deposited 5,000, withdrew 1,000; of three long rb one closed with a gain, two short m; no settlement yet."""
    book = account(100_000.0)
    book.deposit(5_000.0)
    book.withdraw(1_000.0)
    trade(book, RB, BUY, OPEN, 3, 4000.0)
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 4020.0)
    trade(book, M, SELL, OPEN, 2, 3000.0)
    book.mark(RB, 4100.0)
    book.mark(M, 2900.0)
    return book


def test_the_statement_of_a_day_adds_up_at_the_settlement_prices() -> None:
    statement = a_day().settle({RB: 4010.0, M: 3010.0})
    commission = (12 + 3) + 3 + (6 + 2)
    assert (statement.pre_balance, statement.deposit, statement.withdraw) == (100_000.0, 5_000.0, 1_000.0)
    assert (statement.close_profit, statement.close_profit_by_trade) == (200.0, 200.0)
    assert statement.position_profit == 10 * 2 * 10 - 10 * 2 * 10
    assert statement.commission == pytest.approx(commission)
    assert statement.balance == pytest.approx(104_200 - commission)
    assert statement.margin == pytest.approx(4010 * 2 * 10 * 0.1 + 3010 * 2 * 10 * 0.12)
    assert statement.available == pytest.approx(statement.balance - statement.margin)
    assert statement.risk_degree == pytest.approx(statement.margin / statement.balance)
    rb, m = statement.rows
    assert (rb.instrument, rb.side, rb.volume, rb.today, rb.last_price) == (RB, Side.LONG, 2, 2, 4010.0)
    assert (rb.position_profit, rb.open_profit, m.position_profit) == (200.0, 200.0, -200.0)
    assert sum(row.margin for row in statement.rows) == pytest.approx(statement.margin)


def test_after_the_settlement_the_day_begins_at_nought() -> None:
    book = a_day()
    statement = book.settle({RB: 4010.0, M: 3010.0})
    funds = book.funds
    assert funds.pre_balance == funds.balance == statement.balance
    day = (funds.deposit, funds.withdraw, funds.cash_in, funds.close_profit, funds.position_profit, funds.commission)
    assert day == (0.0,) * 6
    assert (funds.frozen_margin, funds.frozen_commission, funds.frozen_cash) == (0.0, 0.0, 0.0)
    assert book.close_profit_by_trade == 0.0
    assert funds.margin == statement.margin


def test_settlement_rolls_today_into_yesterday_at_the_settlement_price() -> None:
    book = a_day()
    book.settle({RB: 4010.0, M: 3010.0})
    rb, m = book.positions()
    assert (rb.today, rb.yesterday, rb.base_price, rb.open_price) == (0, 2, 4010.0, 4000.0)
    assert (m.today, m.yesterday, m.base_price, m.open_price) == (0, 2, 3010.0, 3000.0)
    assert rb.position_profit == 0.0, "marked at the settlement until a new price comes"
    (fill,) = trade(book, RB, SELL, Offset.CLOSE, 2, 4020.0)
    assert (fill.close_profit_by_date, fill.close_profit_by_trade) == (200.0, 400.0)
    assert fill.commission == pytest.approx(4020 * 2 * 10 * 0.0002), "no close-today fee any more"


def test_days_add_up_whatever_the_prices_between() -> None:
    book = mixed(RB, yesterday=2, today=0)
    begin = book.funds.pre_balance
    for price in (3970.0, 3930.0, 4005.0):
        statement = book.settle({RB: price})
        assert statement.balance == pytest.approx(statement.pre_balance + statement.position_profit)
    assert book.funds.balance == pytest.approx(begin + (4005 - 3950) * 2 * 10)


def test_floating_profit_held_back_during_the_day_is_available_after_it() -> None:
    book = account(100_000.0, BrokerTerms(MarginPriceType.OPEN, ProfitAlgorithm.NONE, include_close_profit=False))
    trade(book, RB, BUY, OPEN, 1, 4000.0)
    book.mark(RB, 4100.0)
    assert book.funds.available == pytest.approx(100_000 - 5 - 4000)
    statement = book.settle({RB: 4100.0})
    assert statement.available == pytest.approx(100_000 - 5 + 1000 - 4100)


def test_no_settlement_while_orders_work() -> None:
    book = a_day()
    first, second = rest(book, RB, BUY, OPEN, 1), rest(book, RB, SELL, None, 1)
    before = book.to_document()
    with pytest.raises(RuleError) as caught:
        book.settle({RB: 4010.0, M: 3010.0})
    assert caught.value.code == "working_orders"
    assert f"{first}, {second}" in caught.value.text
    assert book.to_document() == before
    for order_id in (first, second):
        book.release(order_id)
    assert book.settle({RB: 4010.0, M: 3010.0}).balance == pytest.approx(104_174.0)


@pytest.mark.parametrize(
    "prices", [{}, {RB: 4010.0}, {RB: 4010.0, M: math.nan}, {RB: 0.0, M: 1.0}, {RB: math.inf, M: 1.0}]
)
def test_no_settlement_without_a_price_for_everything_held(prices: dict[str, float]) -> None:
    book = a_day()
    before = book.to_document()
    with pytest.raises(RuleError) as caught:
        book.settle(prices)
    assert caught.value.code == "settlement_price_missing"
    assert book.to_document() == before


def test_a_price_of_what_is_not_held_becomes_its_previous_settlement() -> None:
    book = account(broker=BrokerTerms(margin_price_type=MarginPriceType.PRE_SETTLEMENT))
    book.settle({RB: 3900.0, M: 3000.0})
    assert book.frozen(rest(book, RB, BUY, OPEN, 1, 4000.0)).margin == pytest.approx(3900.0)


def test_an_account_without_positions_settles_without_prices() -> None:
    statement = account(500.0).settle({})
    assert (statement.balance, statement.margin, statement.risk_degree, statement.rows) == (500.0, 0.0, 0.0, ())


def test_the_document_brings_the_account_back_float_for_float() -> None:
    book = mixed(RB, codes=(RB, M))
    trade(book, M, SELL, OPEN, 3, 3001.7)
    trade(book, RB, SELL, Offset.CLOSE, 1, 3966.1)
    book.deposit(0.1 + 0.2)
    book.mark(RB, 4003.3, average=4001.9)
    stored = json.dumps(book.to_document(), allow_nan=False)
    again = AccountBook.from_document(json.loads(stored), book.broker)
    assert json.dumps(again.to_document(), allow_nan=False) == stored
    assert again.funds == book.funds
    assert again.positions() == book.positions()
    prices = {RB: 3999.9, M: 3000.3}
    assert again.settle(prices) == book.settle(prices)
    assert again.to_document() == book.to_document()


def test_the_document_keeps_the_days_average_price() -> None:
    book = account(broker=BrokerTerms(margin_price_type=MarginPriceType.AVERAGE))
    trade(book, RB, BUY, OPEN, 1, 4000.0)
    book.mark(RB, 4100.0, average=4050.0)
    again = AccountBook.from_document(book.to_document(), book.broker)
    assert again.funds.margin == book.funds.margin == pytest.approx(4050.0)


def test_a_document_of_another_version_is_refused() -> None:
    document = account().to_document()
    with pytest.raises(ValueError, match="version 2"):
        AccountBook.from_document({**document, "version": 2}, account().broker)


@pytest.mark.parametrize("code", [RB, M])
def test_the_booked_fills_after_a_document_rebuild_the_account(code: str) -> None:
    book = mixed(code, codes=(code,))
    rebuilt = AccountBook.from_document(book.to_document(), book.broker)
    fills = []
    for placed, filled in (
        (order(code, SELL, None, 4, 4011.3), (1, 2, 1)),
        (order(code, BUY, OPEN, 3, 4007.1), (2, 1)),
        (order(code, SELL, OPEN, 2, 4013.9), (2,)),
        (order(code, SELL, None, 3, 3999.7), (3,)),
    ):
        book.place(placed)
        for volume in filled:
            fills += book.fill(placed.order_id, placed.price, volume, 7, DAY_NUMBER)
    for fill in fills:
        rebuilt.foreign_fill(code, fill.direction, fill.offset, fill.price, fill.volume, 7, DAY_NUMBER)
    assert rebuilt.to_document() == book.to_document()
