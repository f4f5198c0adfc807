"""What is kept current event by event equals what is computed anew, after whatever an account has been through."""

import math
from dataclasses import astuple
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.account_orders import BookOrder
from trading.domain.account_working import Frozen
from trading.domain.exact_sum import ExactSum
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset
from trading.domain.order import OrderType
from trading.domain.risk.figures import AccountView
from trading.domain.risk.sums import Sums, account_view
from trading.tests.domain.random_desk import CODES, Desk

PEAK = 320_000.0


def followed(sums: Sums, book: AccountBook) -> Sums:
    """The sums once they have heard what moved."""
    for code in book.take_moved():
        sums.put(code, code[:2], book.exposure(code))
    return sums


def rebuilt(desk: Desk) -> AccountBook:
    """The account as a process finds it that knows nothing but what was stored."""
    book = AccountBook.from_document(desk.book.to_document(), desk.broker)
    for number in desk.book.working:
        book.restore(desk.orders[number].order, desk.book.parts_left(number), desk.book.frozen(number))
    return book


def next_order(desk: Desk) -> BookOrder:
    """An opening that might come now."""
    code = desk.random.choice(CODES)
    price = desk.near(code)
    return BookOrder(10**6, code, Direction.BUY, Offset.OPEN, OrderType.LIMIT, price, 2, 1.1 * price, 0.9 * price)


def seen(book: AccountBook, sums: Sums, order: BookOrder) -> AccountView:
    return account_view(book.funds, sums, PEAK, book.opening_need(order))


def held_only(view: AccountView) -> list[dict[str, int]]:
    """The lots by instrument and product, without those of what is not held any more."""
    held = (view.long, view.short, view.long_product, view.short_product)
    return [{code: lots for code, lots in each.items() if lots} for each in held]


def check(desk: Desk, sums: Sums) -> None:
    order, other = next_order(desk), rebuilt(desk)
    kept = seen(desk.book, followed(sums, desk.book), order)
    anew = seen(other, followed(Sums(), other), order)
    assert held_only(kept) == held_only(anew)
    assert astuple(kept)[:9] == pytest.approx(astuple(anew)[:9], rel=1e-12, abs=1e-7)
    frozen = [desk.book.frozen(number) for number in desk.book.working]
    fresh = Frozen(math.fsum(each.margin for each in frozen), math.fsum(each.commission for each in frozen))
    assert (desk.book.funds.frozen_margin, desk.book.funds.frozen_commission) == fresh, "not even dust is left over"
    assert sums.value == math.fsum(desk.book.exposure(code).value for code in CODES)


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.sampled_from(MarginPriceType))
def test_kept_figures_equal_those_of_an_account_built_anew(
    random: Random, steps: int, margined: MarginPriceType
) -> None:
    desk, sums = Desk(random, BrokerTerms(margin_price_type=margined)), Sums()
    for _step in range(steps):
        desk.step()
        if random.random() < 0.5:  # else several steps are heard of at once
            check(desk, sums)
    check(desk, sums)


@pytest.mark.parametrize("margined", MarginPriceType)
def test_they_still_do_after_days_that_were_settled(margined: MarginPriceType) -> None:
    desk, sums = Desk(Random(7), BrokerTerms(margin_price_type=margined)), Sums()  # noqa: S311 - repeatable
    for _day in range(3):
        for _step in range(12):
            desk.step()
            check(desk, sums)
        desk.settle()
        check(desk, sums)


@given(st.lists(st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-9), max_size=30), st.data())
def test_a_running_sum_rounds_once_and_forgets_what_is_taken_out(values: list[float], data: st.DataObject) -> None:
    total, left = ExactSum(), list(values)
    for value in values:
        total.change(0.0, value)
    while left:
        assert total.value == math.fsum(left)
        total.change(left.pop(data.draw(st.integers(0, len(left) - 1))), 0.0)
    assert total.value == 0.0


def test_what_is_no_number_spoils_a_sum_as_long_as_it_is_in_it() -> None:
    total = ExactSum()
    total.change(0.0, 3.5)
    total.change(0.0, math.nan)
    total.change(0.0, math.inf)
    assert math.isnan(total.value)
    total.change(math.nan, 1.0)
    total.change(math.inf, 0.0)
    assert total.value == 4.5
