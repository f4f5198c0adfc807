"""Which lots a close takes, which it freezes, and what is refused: exchange by exchange."""

import pytest

from quantsite.common.errors import RuleError
from trading.domain.account_book import AccountBook
from trading.domain.account_orders import Part, SideVolume
from trading.domain.offsets import Offset, Side
from trading.tests.domain.account_cases import (
    BUY,
    DAY_NUMBER,
    IF,
    RB,
    SC,
    SELL,
    SI,
    TA,
    M,
    account,
    mixed,
    order,
    parts_of,
    rest,
    trade,
)

SPLIT, WHOLE = [RB, SC], [M, TA, IF, SI]
CLOSE, TODAY, YESTERDAY = Offset.CLOSE, Offset.CLOSE_TODAY, Offset.CLOSE_YESTERDAY


def refused(book: AccountBook, *given: object) -> str:
    """The sentence of a refused close, which changes nothing."""
    before, working = book.to_document(), book.working
    with pytest.raises(RuleError) as caught:
        book.place(order(*given))  # type: ignore[arg-type]
    assert caught.value.code == "close_exceeds_position"
    assert (book.to_document(), book.working) == (before, working)
    return caught.value.text


@pytest.mark.parametrize("code", SPLIT)
def test_shfe_and_ine_a_plain_close_means_yesterdays_lots(code: str) -> None:
    book = mixed(code)
    assert parts_of(book, code, SELL, CLOSE, 2) == (Part(CLOSE, 2),)
    text = refused(book, code, SELL, CLOSE, 3)
    assert "cannot close 3 long" in text
    assert "3 of today and 2 older are held" in text
    assert "2 can be closed" in text
    assert "The offset auto would reach lots of both kinds." in text
    assert [fill.offset for fill in trade(book, code, SELL, CLOSE, 2)] == [CLOSE]
    assert book.volumes(code, Side.LONG) == SideVolume(today=3, yesterday=0, frozen_today=0, frozen_yesterday=0)


@pytest.mark.parametrize("code", SPLIT)
def test_shfe_and_ine_todays_lots_need_close_today(code: str) -> None:
    book = mixed(code)
    assert parts_of(book, code, SELL, TODAY, 3) == (Part(TODAY, 3),)
    refused(book, code, SELL, TODAY, 4)
    assert [fill.offset for fill in trade(book, code, SELL, TODAY, 1)] == [TODAY]
    assert book.volumes(code, Side.LONG)[:2] == (2, 2)


@pytest.mark.parametrize("code", SPLIT)
def test_shfe_and_ine_auto_is_split_the_older_lots_first(code: str) -> None:
    book = mixed(code)
    assert parts_of(book, code, SELL, None, 5) == (Part(YESTERDAY, 2), Part(TODAY, 3))
    assert parts_of(book, code, SELL, None, 2) == (Part(YESTERDAY, 2),)
    assert parts_of(mixed(code, yesterday=0), code, SELL, None, 2) == (Part(TODAY, 2),)


@pytest.mark.parametrize("code", WHOLE)
@pytest.mark.parametrize("offset", [None, CLOSE, TODAY, YESTERDAY])
def test_the_other_exchanges_get_close_only_and_take_the_older_lots_first(code: str, offset: Offset | None) -> None:
    book = mixed(code)
    assert parts_of(book, code, SELL, offset, 4) == (Part(CLOSE, 4),)
    fills = trade(book, code, SELL, offset, 4)
    assert [(fill.offset, fill.volume) for fill in fills] == [(CLOSE, 2), (TODAY, 2)]


@pytest.mark.parametrize("code", [IF, M])
def test_a_close_that_takes_todays_lots_pays_the_close_today_fee(code: str) -> None:
    older, newer = trade(mixed(code), code, SELL, CLOSE, 3, 4010.0)
    assert [older.volume, older.commission] == pytest.approx([2, 0.0002 * 4010 * 10 * 2])
    assert (newer.volume, newer.commission) == (1, 3.0)
    assert (older.close_profit_by_date, older.close_profit_by_trade) == (1200.0, 2200.0)  # since 3950, since 3900
    assert (newer.close_profit_by_date, newer.close_profit_by_trade) == (100.0, 100.0)


def test_the_fills_of_a_split_order_use_up_its_parts_in_order() -> None:
    book = mixed(RB)
    order_id = rest(book, RB, SELL, None, 5)
    assert book.parts_left(order_id) == (Part(YESTERDAY, 2), Part(TODAY, 3))
    booked = [book.fill(order_id, 4000.0, volume, 1, DAY_NUMBER) for volume in (1, 3, 1)]
    told = [[(fill.offset, fill.volume) for fill in fills] for fills in booked]
    assert told == [[(CLOSE, 1)], [(CLOSE, 1), (TODAY, 2)], [(TODAY, 1)]]
    assert book.working == ()


def test_a_fill_over_several_lots_of_a_kind_is_one_row_with_their_sums() -> None:
    book = account()
    for price in (4000.0, 4010.0):
        trade(book, RB, BUY, Offset.OPEN, 1, price)
    (fill,) = trade(book, RB, SELL, TODAY, 2, 4020.0)
    assert (fill.volume, fill.commission, fill.close_profit_by_date, fill.close_profit_by_trade) == (
        2,
        6.0,
        300.0,
        300.0,
    )


@pytest.mark.parametrize("code", [RB, M])
def test_auto_closes_and_never_opens(code: str) -> None:
    book = mixed(code)
    assert "5 can be closed" in refused(book, code, SELL, None, 6)
    refused(book, code, BUY, None, 1)
    refused(account(codes=(code,)), code, SELL, None, 1)


def test_frozen_lots_cannot_be_closed_again() -> None:
    book = mixed(RB)
    rest(book, RB, SELL, TODAY, 2)
    assert book.volumes(RB, Side.LONG) == SideVolume(today=3, yesterday=2, frozen_today=2, frozen_yesterday=0)
    text = refused(book, RB, SELL, TODAY, 2)
    assert "2 of them frozen by working orders; 1 can be closed" in text
    assert parts_of(book, RB, SELL, None, 3) == (Part(YESTERDAY, 2), Part(TODAY, 1))
    refused(book, RB, SELL, None, 4)


def test_where_closes_take_the_older_lots_first_they_freeze_these_first() -> None:
    book = mixed(M)
    first = rest(book, M, SELL, CLOSE, 1)
    assert book.volumes(M, Side.LONG)[2:] == (0, 1)
    rest(book, M, SELL, CLOSE, 3)
    assert book.volumes(M, Side.LONG)[2:] == (2, 2)
    refused(book, M, SELL, CLOSE, 2)
    book.release(first)
    assert book.volumes(M, Side.LONG)[2:] == (1, 2)
    assert parts_of(book, M, SELL, CLOSE, 2) == (Part(CLOSE, 2),)


def test_a_resting_close_of_longs_freezes_no_shorts() -> None:
    book = mixed(RB)
    trade(book, RB, SELL, Offset.OPEN, 2)
    rest(book, RB, SELL, TODAY, 3)
    assert book.volumes(RB, Side.SHORT) == SideVolume(today=2, yesterday=0, frozen_today=0, frozen_yesterday=0)
    assert parts_of(book, RB, BUY, TODAY, 2) == (Part(TODAY, 2),)


def test_current_yesterday_falls_as_its_lots_are_closed() -> None:
    book = mixed(RB, yesterday=3, today=1)
    trade(book, RB, SELL, CLOSE, 2)
    (row,) = book.positions()
    assert (row.volume, row.today, row.yesterday, row.frozen) == (2, 1, 1, 0)


def test_closes_of_one_kind_are_frozen_across_orders_and_fills() -> None:
    book = mixed(RB)
    order_id = rest(book, RB, SELL, None, 4)
    assert book.volumes(RB, Side.LONG)[2:] == (2, 2)
    book.fill(order_id, 4000.0, 3, 1, DAY_NUMBER)
    assert book.volumes(RB, Side.LONG) == SideVolume(today=2, yesterday=0, frozen_today=1, frozen_yesterday=0)
    (row,) = book.positions()
    assert (row.frozen, row.frozen_today, row.volume) == (1, 1, 2)


def test_a_fill_whose_lots_a_foreign_fill_took_books_nothing() -> None:
    book = mixed(RB)
    order_id = rest(book, RB, SELL, None, 5)
    book.foreign_fill(RB, SELL, TODAY, 4000.0, 2, 1, DAY_NUMBER)
    before = book.to_document()
    with pytest.raises(RuleError) as caught:
        book.fill(order_id, 4000.0, 5, 1, DAY_NUMBER)
    assert caught.value.code == "close_exceeds_position"
    assert book.to_document() == before
    assert book.parts_left(order_id) == (Part(YESTERDAY, 2), Part(TODAY, 3))
    assert len(book.fill(order_id, 4000.0, 3, 1, DAY_NUMBER)) == 2


def test_no_part_of_a_fill_is_booked_where_one_part_has_lost_its_lots() -> None:
    book = mixed(RB)
    rest(book, RB, SELL, YESTERDAY, 1)
    order_id = rest(book, RB, SELL, None, 4)  # one older lot, three of today
    book.foreign_fill(RB, SELL, TODAY, 4000.0, 1, 1, DAY_NUMBER)
    before = book.to_document()
    with pytest.raises(RuleError) as caught:
        book.fill(order_id, 4000.0, 4, 1, DAY_NUMBER)
    assert caught.value.code == "close_exceeds_position"
    assert book.to_document() == before


def test_where_closes_have_one_flag_a_fill_without_lots_books_nothing_either() -> None:
    book = mixed(M)
    order_id = rest(book, M, SELL, None, 5)
    book.foreign_fill(M, SELL, CLOSE, 4000.0, 1, 1, DAY_NUMBER)
    before = book.to_document()
    with pytest.raises(RuleError) as caught:
        book.fill(order_id, 4000.0, 5, 1, DAY_NUMBER)
    assert caught.value.code == "close_exceeds_position"
    assert (book.to_document(), book.parts_left(order_id)) == (before, (Part(CLOSE, 5),))


def test_a_foreign_fill_takes_the_lots_of_its_flag() -> None:
    book = mixed(RB)
    (fill,) = book.foreign_fill(RB, SELL, TODAY, 4000.0, 3, 1, DAY_NUMBER)
    assert (fill.offset, fill.volume, fill.commission) == (TODAY, 3, 9.0)
    with pytest.raises(RuleError) as caught:
        book.foreign_fill(RB, SELL, TODAY, 4000.0, 1, 1, DAY_NUMBER)
    assert caught.value.code == "close_exceeds_position"


def test_an_instrument_without_terms_is_refused() -> None:
    book = account()
    for attempt in (lambda: book.place(order(SI, BUY, Offset.OPEN, 1)), lambda: book.volumes(SI, Side.LONG)):
        with pytest.raises(RuleError) as caught:
            attempt()
        assert caught.value.code == "terms_unknown"
    with pytest.raises(RuleError):
        book.foreign_fill(SI, BUY, Offset.OPEN, 4000.0, 1, 1, DAY_NUMBER)
