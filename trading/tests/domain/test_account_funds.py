"""The fund account by CTP's formulas, and both ways to count profits."""

import math
from dataclasses import replace

import pytest

from quantsite.common.errors import RuleError
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.balance import ProfitAlgorithm
from trading.domain.ledger import Terms
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Offset, Side
from trading.tests.domain.account_cases import (
    BUY,
    DAY,
    DAY_NUMBER,
    FEES,
    IF,
    MARGINS,
    NAN,
    RB,
    SELL,
    TERMS,
    M,
    account,
    mixed,
    rest,
    trade,
)

OPEN = Offset.OPEN


def test_a_day_of_everything_by_hand() -> None:
    book = account(100_000.0)
    book.deposit(5_000.0)
    book.withdraw(2_000.0)
    trade(book, RB, BUY, OPEN, 3, 4000.0)  # fee 12 + 3
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 4020.0)  # 20 x 10, fee 3
    rest(book, RB, BUY, OPEN, 1, 3990.0)  # freezes 3,990 and 3.99 + 1
    book.mark(RB, 4010.0)  # 10 x 2 x 10
    funds = book.funds
    assert (funds.deposit, funds.withdraw, funds.close_profit, funds.position_profit) == (5000.0, 2000.0, 200.0, 200.0)
    assert funds.commission == pytest.approx(18.0)
    assert funds.balance == pytest.approx(100_000 + 5000 - 2000 + 200 + 200 - 18)
    assert funds.margin == pytest.approx(8000.0)
    assert [funds.frozen_margin, funds.frozen_commission] == pytest.approx([3990.0, 4.99])
    assert funds.available == pytest.approx(funds.balance - 8000 - 3990 - 4.99), "frozen commission counts too"
    assert funds.risk_degree == pytest.approx(8000 / funds.balance)


def test_close_profit_by_date_counts_from_the_previous_settlement_by_trade_from_the_opening() -> None:
    book = mixed(RB)
    trade(book, RB, SELL, Offset.CLOSE, 2, 3960.0)
    assert (book.funds.close_profit, book.close_profit_by_trade) == (200.0, 1200.0)
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 3990.0)
    assert (book.funds.close_profit, book.close_profit_by_trade) == (100.0, 1100.0)


def test_position_profit_costs_and_means_by_date_and_by_trade() -> None:
    book = mixed(RB)
    book.mark(RB, 4020.0)
    (row,) = book.positions()
    assert (row.side, row.volume, row.today, row.yesterday, row.last_price) == (Side.LONG, 5, 3, 2, 4020.0)
    assert row.position_profit == 70 * 2 * 10 + 20 * 3 * 10 == book.funds.position_profit
    assert row.open_profit == 120 * 2 * 10 + 20 * 3 * 10
    assert (row.position_cost, row.open_cost) == ((3950 * 2 + 4000 * 3) * 10, (3900 * 2 + 4000 * 3) * 10)
    assert (row.base_price, row.open_price) == (3980.0, 3960.0)


def test_a_short_gains_when_the_price_falls() -> None:
    book = account()
    trade(book, RB, SELL, OPEN, 2, 4000.0)
    book.mark(RB, 3980.0)
    (row,) = book.positions()
    assert [row.side, row.position_profit, row.margin] == pytest.approx([Side.SHORT, 400.0, 9600.0])
    (fill,) = trade(book, RB, BUY, Offset.CLOSE_TODAY, 2, 3970.0)
    assert fill.close_profit_by_date == 600.0


def test_without_a_last_price_lots_are_marked_at_the_previous_settlement() -> None:
    book = mixed(RB, today=0)
    book.set_pre_settlement(RB, 3960.0)
    book.mark(RB, NAN)
    assert book.funds.position_profit == 10 * 2 * 10
    book.mark(RB, 3970.0)
    book.mark(RB, NAN)
    assert book.funds.position_profit == 20 * 2 * 10, "a missing price leaves the mark"


@pytest.mark.parametrize(
    ("algorithm", "gain_counts", "loss_counts"),
    [
        (ProfitAlgorithm.ALL, True, True),
        (ProfitAlgorithm.LOSSES_ONLY, False, True),
        (ProfitAlgorithm.GAINS_ONLY, True, False),
        (ProfitAlgorithm.NONE, False, False),
    ],
)
@pytest.mark.parametrize("include_close_profit", [True, False])
def test_the_broker_says_which_profits_are_available(
    algorithm: ProfitAlgorithm, gain_counts: bool, loss_counts: bool, include_close_profit: bool
) -> None:
    broker = BrokerTerms(MarginPriceType.OPEN, algorithm, include_close_profit)
    book = account(100_000.0, broker)
    trade(book, RB, BUY, OPEN, 2, 4000.0)
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 4050.0)  # 500 realised
    realised = 500.0 if include_close_profit else 0.0
    for last, floating in ((4030.0, 300.0), (3970.0, -300.0)):
        book.mark(RB, last)
        counted = floating if (gain_counts if floating > 0 else loss_counts) else 0.0
        assert book.funds.balance == pytest.approx(100_000 - 13 + 500 + floating), "the balance holds all of it"
        assert book.funds.available == pytest.approx(100_000 - 13 + realised + counted - 4000)


def test_a_realised_loss_is_gone_under_every_rule() -> None:
    book = account(100_000.0, BrokerTerms(MarginPriceType.OPEN, ProfitAlgorithm.NONE, include_close_profit=False))
    trade(book, RB, BUY, OPEN, 1, 4000.0)
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 3950.0)
    assert book.funds.available == book.funds.balance == pytest.approx(100_000 - 5 - 500 - 3)


@pytest.mark.parametrize(
    ("price_type", "today_at"),
    [
        (MarginPriceType.PRE_SETTLEMENT, 3950.0),
        (MarginPriceType.LAST, 4030.0),
        (MarginPriceType.AVERAGE, 4015.0),
        (MarginPriceType.OPEN, 4000.0),
    ],
)
def test_margin_of_yesterdays_lots_is_at_the_previous_settlement_of_todays_as_the_broker_says(
    price_type: MarginPriceType, today_at: float
) -> None:
    book = account(broker=BrokerTerms(margin_price_type=price_type))
    trade(book, RB, BUY, OPEN, 2, 3900.0)
    book.settle({RB: 3950.0})
    assert book.funds.margin == pytest.approx(3950 * 10 * 2 * 0.1)
    trade(book, RB, BUY, OPEN, 3, 4000.0)
    book.mark(RB, 4030.0, average=4015.0)
    assert book.funds.margin == pytest.approx(3950 * 10 * 2 * 0.1 + today_at * 10 * 3 * 0.1)


GROUPED = replace(TERMS, larger_side=True, margin_group="CFFEX.index")
IH, IC, T = "IH2406.CFFEX", "IC2406.CFFEX", "T2406.CFFEX"


def opened(terms: dict[str, Terms]) -> AccountBook:
    """Long IF and T (4,000 of margin each), short IH and IC (4,800 each)."""
    book = AccountBook(1_000_000.0, BrokerTerms(margin_price_type=MarginPriceType.OPEN))
    for code, direction in ((IF, BUY), (T, BUY), (IH, SELL), (IC, SELL)):
        book.set_terms(code, "CFFEX", DAY, terms.get(code, GROUPED))
        trade(book, code, direction, OPEN, 1, 4000.0)
    return book


def test_the_larger_side_is_charged_over_the_whole_product_group() -> None:
    bond = replace(GROUPED, margin_group="CFFEX.bond")
    assert opened({T: bond}).funds.margin == pytest.approx(9600 + 4000)
    assert opened({}).funds.margin == pytest.approx(9600.0)


def test_without_a_group_the_larger_side_is_that_of_each_instrument() -> None:
    alone = replace(TERMS, larger_side=True)
    book = opened(dict.fromkeys((IF, IH, IC, T), alone))
    assert book.funds.margin == pytest.approx(9600 + 8000)
    trade(book, IF, SELL, OPEN, 1, 4000.0)
    assert book.funds.margin == pytest.approx(9600 + 8000 + 800)


def test_without_the_larger_side_rule_both_sides_are_charged() -> None:
    both = replace(TERMS, margin_group="CFFEX.index")
    assert opened(dict.fromkeys((IF, IH, IC, T), both)).funds.margin == pytest.approx(9600 + 8000)
    mixed_rules = opened({IF: both})
    assert mixed_rules.funds.margin == pytest.approx(9600 + 4000), "T against IH and IC, IF by itself"


def test_the_margin_of_a_position_is_its_own_before_the_relief() -> None:
    rows = {row.instrument: row.margin for row in opened({}).positions()}
    assert rows == {IF: 4000.0, T: 4000.0, IH: 4800.0, IC: 4800.0}


def test_closing_everything_leaves_no_margin() -> None:
    book = opened({})
    for code, direction in ((IF, SELL), (T, SELL), (IH, BUY), (IC, BUY)):
        trade(book, code, direction, None, 1, 4010.0)
    funds = book.funds
    assert (funds.margin, funds.position_profit, funds.risk_degree, book.positions()) == (0.0, 0.0, 0.0, [])
    assert funds.available == funds.balance


def test_risk_degree_above_one_is_a_margin_call_and_without_equity_infinite() -> None:
    book = account(4010.0)
    trade(book, RB, BUY, OPEN, 1)
    book.mark(RB, 3900.0)
    assert book.funds.risk_degree == pytest.approx(4000 / 3005)
    assert book.funds.available < 0
    book.mark(RB, 3500.0)
    assert book.funds.balance < 0
    assert book.funds.risk_degree == math.inf


def test_new_terms_count_from_the_next_fill_and_for_all_margin() -> None:
    book = account()
    trade(book, RB, BUY, OPEN, 1)
    book.set_terms(RB, "SHFE", DAY, Terms(10.0, FEES, replace(MARGINS, long_by_money=0.2)))
    assert book.funds.margin == pytest.approx(8000.0)


def test_deposits_and_withdrawals_move_balance_and_available() -> None:
    book = account(10_000.0)
    book.deposit(500.0)
    book.withdraw(10_500.0)
    assert (book.funds.balance, book.funds.available, book.funds.pre_balance) == (0.0, 0.0, 10_000.0)


def test_a_withdrawal_beyond_the_available_funds_is_refused() -> None:
    book = account(10_000.0)
    rest(book, RB, BUY, OPEN, 1)
    with pytest.raises(RuleError) as caught:
        book.withdraw(6000.0)
    assert caught.value.code == "insufficient_funds"
    assert caught.value.text == "cannot withdraw 6000.00 yuan: 5995.00 are available."
    assert book.funds.withdraw == 0.0
    book.withdraw(5995.0)
    book.withdraw_anyway(100.0)
    assert book.funds.withdraw == 6095.0


@pytest.mark.parametrize("amount", [0.0, -5.0, math.nan, math.inf])
def test_an_amount_is_above_nought(amount: float) -> None:
    book = account()
    for move in (book.deposit, book.withdraw, book.withdraw_anyway):
        with pytest.raises(RuleError) as caught:
            move(amount)
        assert caught.value.code == "amount_not_positive"
    assert book.funds.balance == 1_000_000.0


def test_positions_of_chosen_instruments_only() -> None:
    book = account()
    trade(book, RB, BUY, OPEN, 1)
    trade(book, M, SELL, OPEN, 2)
    book.foreign_fill(M, BUY, OPEN, 4000.0, 1, 1, DAY_NUMBER)
    assert [(row.instrument, row.side) for row in book.positions()] == [
        (RB, Side.LONG),
        (M, Side.LONG),
        (M, Side.SHORT),
    ]
    assert [row.volume for row in book.positions([M])] == [1, 2]
    assert book.positions(["unheard.SHFE"]) == []
    assert set(book.known) == {RB, M}
