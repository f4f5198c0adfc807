"""Books that are equal are never told apart, whatever the prices did; each fault is found and named."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.ctp.adoption import adopted_document
from trading.domain.ctp.answers import picture_of
from trading.domain.ctp.compare import compared
from trading.domain.ctp.own import own_books
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Direction, Offset, Side
from trading.tests.domain.ctp.broker_rows import (
    NO_DATE,
    account_row,
    contract_of,
    detail_rows,
    marked,
    position_rows,
)
from trading.tests.domain.random_desk import CODES, PRICES, Desk

BROKERS = [BrokerTerms(margin_price_type=each) for each in MarginPriceType]
STEADY = BrokerTerms(margin_price_type=MarginPriceType.PRE_SETTLEMENT)
RB = "rb2410.SHFE"


def traded(random: Random, broker: BrokerTerms, steps: int = 25, days: int = 1) -> Desk:
    """A desk in the middle of a day, with lots of days before where there were any."""
    desk = Desk(random, broker)
    for _day in range(days):
        for _step in range(steps):
            desk.step()
        desk.settle()
    for _step in range(steps):
        desk.step()
    return desk


def moved(random: Random) -> dict[str, float]:
    """Prices at another moment."""
    return {code: price + random.randint(-50, 50) for code, price in PRICES.items()}


def day_of(desk: Desk) -> date:
    return NO_DATE + timedelta(days=desk.day)


def answered(desk: Desk, random: Random, **told: Any) -> BrokerPicture:
    """The broker's picture of the same books, its funds asked later than its positions."""
    account = {**account_row(desk.book, moved(random)), **told}
    positions, details = position_rows(desk.book, moved(random)), detail_rows(desk.book)
    return picture_of(day_of(desk), account, positions, details, contract_of)


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, not secret


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 2), st.sampled_from(BROKERS))
def test_equal_books_give_no_difference_whatever_the_prices(seed: int, days: int, broker: BrokerTerms) -> None:
    random = seeded(seed)
    desk = traded(random, broker, days=days)
    found = compared(own_books(marked_own(desk, random)), answered(desk, random))
    assert found.differences == []


def marked_own(desk: Desk, random: Random) -> AccountBook:
    """The own books at the prices of a third moment, with the orders that work."""
    for code, price in moved(random).items():
        desk.book.mark(code, price)
    return desk.book


FUNDS = {
    "Deposit": "deposit",
    "Withdraw": "withdraw",
    "Commission": "commission",
    "CloseProfit": "close_profit",
    "Balance": "balance",
    "CurrMargin": "margin",
    "Available": "available",
    "PreBalance": "pre_balance",
}


@pytest.mark.parametrize("field", FUNDS)
@pytest.mark.parametrize("by", [0.02, -0.02, 1000.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_entry_of_the_funds_is_named(field: str, by: float, seed: int) -> None:
    random = seeded(seed)
    desk = traded(random, STEADY)
    told = account_row(desk.book, PRICES)
    positions, details = position_rows(desk.book, PRICES), detail_rows(desk.book)
    told[field] += by
    found = compared(own_books(desk.book), picture_of(day_of(desk), told, positions, details, contract_of))
    assert [(line.subject, line.field) for line in found.differences] == [("", FUNDS[field])]


def test_half_a_cent_of_rounding_is_no_difference() -> None:
    desk = traded(seeded(3), STEADY)
    told = account_row(desk.book, PRICES)
    for field in FUNDS:
        told[field] = round(told[field], 2)
    rows = [{**row, **rounded(row)} for row in position_rows(desk.book, PRICES)]
    picture = picture_of(day_of(desk), told, rows, detail_rows(desk.book), contract_of)
    assert compared(own_books(desk.book), picture).differences == []


def rounded(row: dict[str, Any]) -> dict[str, float]:
    return {name: round(row[name], 2) for name in ("PositionCost", "PositionProfit", "UseMargin")}


FAULTS = {
    "Position": {"volume"},
    "TodayPosition": {"today"},
    "ShortFrozen": {"frozen"},
    "PositionCost": {"position_profit"},
}


@pytest.mark.parametrize("field", FAULTS)
@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_side_of_a_position_is_named(field: str, seed: int) -> None:
    random = seeded(seed)
    desk = Desk(random, STEADY)
    desk.book.foreign_fill("m2409.DCE", Direction.BUY, Offset.OPEN, 3000.0, 5, 1, desk.day)
    desk.book.foreign_fill("m2409.DCE", Direction.SELL, Offset.CLOSE, 3001.0, 1, 1, desk.day)
    rows = position_rows(desk.book, moved(random))
    [row] = [row for row in rows if row["InstrumentID"] == "m2409"]
    row[field] += -1 if field == "TodayPosition" else 1
    account = account_row(desk.book, moved(random))
    picture = picture_of(day_of(desk), account, rows, detail_rows(desk.book), contract_of)
    found = {line.field for line in compared(own_books(desk.book), picture).differences if line.subject}
    assert FAULTS[field] <= found
    if field != "Position":
        assert found == FAULTS[field]


@pytest.mark.parametrize("seed", range(20))
def test_a_fill_that_only_one_has_is_seen_by_its_lots(seed: int) -> None:
    random = seeded(seed)
    desk = traded(random, STEADY)
    picture = answered(desk, random)
    desk.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, 4001.0, 2, 1, desk.day)
    found = {(line.subject, line.field) for line in compared(own_books(desk.book), picture).differences}
    assert {("rb2410.SHFE long", "volume"), ("rb2410.SHFE long", "today"), ("", "commission")} <= found


def test_what_nobody_knows_is_a_difference_of_its_lots() -> None:
    """An option, or a contract that is missing from the table."""
    desk = Desk(seeded(1), STEADY)
    row = {"InstrumentID": "m2409-C-3000", "ExchangeID": "", "PosiDirection": "2", "Position": 3}
    picture = picture_of(day_of(desk), account_row(desk.book, PRICES), [row], [], contract_of)
    [line] = compared(own_books(desk.book), picture).differences
    assert (line.subject, line.field, line.own, line.broker) == ("m2409-C-3000", "volume", 0, 3)


def test_what_the_broker_did_not_tell_is_not_judged() -> None:
    desk = traded(seeded(4), STEADY)
    picture = answered(desk, seeded(5), Balance=1.79769e308, Available=float("inf"), Commission=None)
    assert picture.funds.balance is picture.funds.available is picture.funds.commission is None
    assert compared(own_books(desk.book), picture).differences == []


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 2), st.sampled_from(BROKERS))
def test_adopted_books_agree_and_stay_so(seed: int, days: int, broker: BrokerTerms) -> None:
    """What is adopted agrees with what it was adopted from, and after the same fills the two still agree."""
    random = seeded(seed)
    desk = traded(random, broker, days=days)
    desk.end_orders()
    document = adopted_document(answered(desk, random), desk.book.terms)
    own = AccountBook.from_document(document, broker)
    for code in CODES:  # what a tick tells of instruments that are not held
        own.set_terms(code, code.rpartition(".")[2], day_of(desk), desk.book.terms(code))
        settled = desk.book.to_document()["instruments"][code]["position"]["pre_settlement"]
        own.set_pre_settlement(code, settled or float("nan"))
    assert compared(own_books(own), answered(desk, random)).differences == []
    for _fill in range(6):
        fill_both(desk, own, random)
    assert compared(own_books(own), answered(desk, random)).differences == []
    prices = moved(random)
    assert own.settle(prices).balance == pytest.approx(desk.book.settle(prices).balance, abs=0.005)


def fill_both(desk: Desk, own: AccountBook, random: Random) -> None:
    """The same fill on the broker's books and on ours."""
    code, direction = random.choice(CODES), random.choice((Direction.BUY, Direction.SELL))
    volumes = desk.book.volumes(code, Side.SHORT if direction is Direction.BUY else Side.LONG)
    offset = Offset.CLOSE_TODAY if volumes.free_today else Offset.OPEN
    price = desk.near(code)
    for book in (desk.book, own):
        book.foreign_fill(code, direction, offset, price, 1, 1, desk.day)


def test_lots_of_a_night_are_todays_whatever_their_date() -> None:
    """SHFE dates a night's lots by the calendar: only the volumes tell what is of today."""
    desk = Desk(seeded(1), STEADY)
    desk.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, 4000.0, 2, 1, desk.day)
    desk.book.settle({RB: 4010.0})
    desk.day += 1
    desk.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, 4020.0, 3, 1, desk.day - 1)
    document = adopted_document(answered(desk, seeded(2)), desk.book.terms)
    lots = document["instruments"][RB]["position"]["longs"]
    assert [(lot[0], lot[1], lot[2], lot[6]) for lot in lots] == [
        (4000.0, 4010.0, 2.0, False),
        (4020.0, 4020.0, 3.0, True),
    ]


def test_without_details_the_mean_opening_price_is_adopted() -> None:
    desk = Desk(seeded(1), STEADY)
    for price in (4000.0, 4004.0):
        desk.book.foreign_fill(RB, Direction.BUY, Offset.OPEN, price, 1, 1, desk.day)
    rows = position_rows(desk.book, PRICES)
    picture = picture_of(day_of(desk), account_row(desk.book, PRICES), rows, [], contract_of)
    own = AccountBook.from_document(adopted_document(picture, desk.book.terms), STEADY)
    assert [(row.volume, row.open_price) for row in own.positions()] == [(2, 4002.0)]
    assert compared(own_books(own), picture).differences == []


def test_money_pledged_stands_in_the_adopted_balance() -> None:
    """Mortgage is in the broker's balance and in none of the day's entries."""
    desk = traded(seeded(6), STEADY)
    desk.end_orders()
    plain = account_row(desk.book, PRICES)
    told = {**plain, "Mortgage": 5000.0, "Balance": plain["Balance"] + 5000, "Available": plain["Available"] + 5000}
    positions, details = position_rows(desk.book, PRICES), detail_rows(desk.book)
    picture = picture_of(day_of(desk), told, positions, details, contract_of)
    own = AccountBook.from_document(adopted_document(picture, desk.book.terms), STEADY)
    assert own.funds.balance == pytest.approx(told["Balance"], abs=0.001)
    assert compared(own_books(own), picture).differences == []


def test_funds_that_are_not_told_cannot_be_adopted() -> None:
    desk = traded(seeded(6), STEADY)
    picture = answered(desk, seeded(1), Commission=None)
    with pytest.raises(ValueError, match="commission"):
        adopted_document(picture, desk.book.terms)
    funds = replace(answered(desk, seeded(1)).funds, deposit=None)
    with pytest.raises(ValueError, match="deposit"):
        adopted_document(replace(picture, funds=funds), desk.book.terms)


def test_marks_are_those_of_the_helper() -> None:
    """The rows' own arithmetic against the book's: the helper must not make books equal by itself."""
    desk = traded(seeded(9), STEADY)
    prices = moved(seeded(1))
    rows = position_rows(desk.book, prices)
    at = marked(desk.book, prices)
    assert sum(row["PositionProfit"] for row in rows) == pytest.approx(at.funds.position_profit)
