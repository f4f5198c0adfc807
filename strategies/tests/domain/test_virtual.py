"""An instance's own books: closing before opening, and profits that add up whoever netted what."""

import json
import random

import pytest

from strategies.domain.hosting.virtual import VirtualBook

CODE = "rb2405.SHFE"
M = {CODE: 10.0}


def test_a_fill_closes_before_it_opens() -> None:
    book = VirtualBook(M)
    book.fill(CODE, 2, 100.0, 1.0)
    book.fill(CODE, 2, 110.0, 1.0)
    book.mark(CODE, 120.0)
    holding = book.holdings[CODE]
    assert (holding.lots, holding.average, holding.floating) == (4, 105.0, 600.0)
    book.fill(CODE, -6, 130.0, 3.0)
    assert (holding.lots, holding.average) == (-2, 130.0)
    assert holding.realised == 4 * 25 * 10
    assert book.profit == 1000 + (120 - 130) * -2 * 10 - 5
    book.fill(CODE, 2, 120.0, 0.0)
    assert book.held == {}
    assert holding.average != holding.average


def test_profit_of_the_day_counts_from_its_beginning() -> None:
    book = VirtualBook(M)
    book.begin_day(1)
    book.fill(CODE, 1, 100.0, 2.0)
    book.mark(CODE, 101.0)
    assert (book.profit, book.day_profit) == (8.0, 8.0)
    book.begin_day(2)
    book.begin_day(2)
    book.mark(CODE, float("nan"))
    book.mark(CODE, 103.0)
    assert (book.profit, book.day_profit) == (28.0, 20.0)


def test_the_gap_of_an_opening_belongs_to_the_day_that_it_opens_and_the_days_add_up() -> None:
    book = VirtualBook(M)
    book.begin_day(1)
    book.fill(CODE, 2, 100.0, 2.0)
    assert book.mark(CODE, 101.0, 90.0) == 0.0
    first = book.day_profit
    book.begin_day(2)
    book = VirtualBook.restored(M, json.loads(json.dumps(book.document())))
    change = book.mark(CODE, 95.0, 103.0)
    assert (first, change, book.day_profit) == (18.0, 40.0, (95 - 103) * 2 * 10)
    assert book.mark(CODE, 96.0, 104.0) == 0.0
    assert first + change + book.day_profit == book.profit == (96 - 100) * 20 - 2
    book.begin_day(3)
    book.fill(CODE, -2, 96.0, 0.0)  # told before the day's first tick
    change = book.mark(CODE, 99.0, 97.0)
    assert (change, book.day_profit) == (20.0, -20.0)


@pytest.mark.parametrize("seed", range(20))
def test_profits_of_several_add_up_to_that_of_one_who_did_it_all(seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    books = [VirtualBook(M) for _ in range(4)]
    account = VirtualBook(M)
    price = 4000.0
    for step in range(200):
        price += drawn.randrange(-3, 4)
        one = drawn.randrange(4)
        lots = drawn.choice([-3, -2, -1, 1, 2, 3])
        for book in (books[one], account):
            book.fill(CODE, lots, price, 1.5)
        price += drawn.randrange(-1, 2)
        for book in (*books, account):
            book.mark(CODE, price)
            if step % 50 == 0:
                book.begin_day(step)
        books[one] = VirtualBook.restored(M, json.loads(json.dumps(books[one].document())))
        assert sum(book.profit for book in books) == pytest.approx(account.profit, abs=1e-6)
        assert sum(book.day_profit for book in books) == pytest.approx(account.day_profit, abs=1e-6)
        assert sum(book.lots(CODE) for book in books) == account.lots(CODE)
