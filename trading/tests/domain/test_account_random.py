"""Whatever a desk does: orders, account and an independent reckoning from the fills alone agree."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.margin import MarginPriceType
from trading.tests.domain.random_desk import AT_LAST, Desk

AT_OPEN = BrokerTerms(margin_price_type=MarginPriceType.OPEN)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, not secret


@pytest.mark.parametrize("block", range(10))
def test_ten_thousand_random_sequences_of_orders_and_events(block: int) -> None:
    for seed in range(block * 1000, block * 1000 + 1000):
        desk = Desk(seeded(seed))
        for _step in range(desk.random.randint(2, 12)):
            desk.step()
        desk.check_orders()
        desk.check_account()
        if seed % 4 == 0:
            desk.close_everything()


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.sampled_from([AT_OPEN, AT_LAST]))
def test_every_step_keeps_orders_and_account(random: Random, steps: int, broker: BrokerTerms) -> None:
    desk = Desk(random, broker)
    for _step in range(steps):
        desk.step()
        desk.check_orders()
        desk.check_account()
    desk.close_everything()


@pytest.mark.parametrize("seed", range(4))
def test_days_with_settlements_against_the_reckoning_from_the_first_fill(seed: int) -> None:
    desk = Desk(seeded(seed), AT_OPEN if seed % 2 else AT_LAST)
    balance = desk.book.funds.balance
    for _day in range(6):
        for _step in range(15):
            desk.step()
        desk.check_account()
        statement = desk.settle()
        moved = statement.deposit - statement.withdraw + statement.close_profit + statement.position_profit
        assert statement.pre_balance == balance
        assert statement.balance == pytest.approx(balance + moved - statement.commission)
        balance = statement.balance
        desk.check_orders()
        desk.check_account()
        desk.book = AccountBook.from_document(desk.book.to_document(), desk.broker)
        desk.check_account()
    desk.close_everything()


@pytest.mark.soak
def test_a_year_of_trading_days_checked_every_day() -> None:
    desk = Desk(seeded(2026))
    for _day in range(244):
        for _step in range(25):
            desk.step()
            desk.check_orders()
        desk.check_account()
        desk.settle()
        desk.check_account()
    desk.close_everything()


@pytest.mark.soak
def test_a_hundred_thousand_random_sequences() -> None:
    for seed in range(10_000, 110_000):
        desk = Desk(seeded(seed))
        for _step in range(desk.random.randint(2, 40)):
            desk.step()
            desk.check_orders()
        desk.check_account()
        desk.close_everything()
