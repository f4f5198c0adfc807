"""What a working order freezes, at which price, and that all of it comes back."""

import math
from dataclasses import replace
from datetime import date

import pytest

from quantsite.common.errors import RuleError
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.domain.account_orders import Part
from trading.domain.account_working import FreezeRules, freeze_order, side_volume
from trading.domain.freeze import Freeze, FreezeSetting, OrderPrices, freeze_price, freeze_setting_on, limit_of
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import LotChoice, Offset, OffsetSetting, Side
from trading.domain.order_status import OrderType
from trading.domain.position import Position
from trading.tests.domain.account_cases import (
    BUY,
    DAY,
    DAY_NUMBER,
    NAN,
    RB,
    SELL,
    TERMS,
    M,
    account,
    mixed,
    order,
    rest,
    trade,
)

OPEN = Offset.OPEN
PRE, LAST, AVERAGE, AT_OPEN_PRICE = MarginPriceType


def of_type(price_type: MarginPriceType) -> AccountBook:
    """An account with a previous settlement of 3900 and a last price of 3990."""
    book = account(broker=BrokerTerms(margin_price_type=price_type))
    book.set_pre_settlement(RB, 3900.0)
    book.mark(RB, 3990.0)
    return book


@pytest.mark.parametrize(
    ("price_type", "price"), [(PRE, 3900.0), (LAST, 4000.0), (AVERAGE, 4000.0), (AT_OPEN_PRICE, 4000.0)]
)
def test_the_margin_is_frozen_at_the_previous_settlement_or_the_limit_price(
    price_type: MarginPriceType, price: float
) -> None:
    book = of_type(price_type)
    order_id = rest(book, RB, BUY, OPEN, 2, 4000.0)
    assert book.frozen(order_id).margin == pytest.approx(price * 10 * 2 * 0.1)
    assert book.frozen(order_id).commission == pytest.approx(4000 * 10 * 2 * 0.0001 + 2), "always at the limit price"
    assert book.funds.frozen_margin == book.frozen(order_id).margin
    assert book.funds.frozen_commission == book.frozen(order_id).commission


def test_long_and_short_rates_differ_in_what_is_frozen() -> None:
    book = of_type(LAST)
    assert book.frozen(rest(book, RB, SELL, OPEN, 1, 4000.0)).margin == pytest.approx(4800.0)


def test_a_market_order_is_frozen_at_the_price_limit_of_its_side() -> None:
    book = of_type(LAST)
    buy, sell = (book.frozen(rest(book, RB, side, OPEN, 1, NAN, limits=(4400.0, 3600.0))) for side in (BUY, SELL))
    assert [buy.margin, sell.margin] == pytest.approx([4400.0, 3600 * 10 * 0.12])
    assert [buy.commission, sell.commission] == pytest.approx([4.4 + 1, 3.6 + 1])


def test_without_price_limits_a_market_order_is_frozen_at_what_is_known() -> None:
    limits = (NAN, NAN)
    assert of_type(LAST).place(order(RB, BUY, OPEN, 1, NAN, limits=limits))
    prices = OrderPrices(limit=NAN, upper_limit=NAN, lower_limit=NAN, last=3990.0, pre_settlement=3900.0)
    assert limit_of(BUY, prices) == 3990.0
    assert limit_of(BUY, prices._replace(last=NAN)) == 3900.0
    book = account()
    with pytest.raises(RuleError) as caught:
        book.place(order(RB, BUY, OPEN, 1, NAN, limits=limits))
    assert caught.value.code == "price_unknown"
    assert book.working == ()


def test_an_unknown_previous_settlement_gives_way_to_the_limit_price() -> None:
    book = account(broker=BrokerTerms(margin_price_type=PRE))
    assert book.frozen(rest(book, RB, BUY, OPEN, 1, 4000.0)).margin == pytest.approx(4000.0)


def test_the_freeze_price_is_a_dated_setting() -> None:
    rows = (
        FreezeSetting(date.min, frozenset({PRE})),
        FreezeSetting(date(2025, 1, 1), frozenset({PRE, LAST})),
    )
    prices = OrderPrices(4000.0, NAN, NAN, NAN, 3900.0)
    before, after = (freeze_setting_on(day, rows) for day in (date(2024, 12, 31), date(2025, 1, 1)))
    assert (freeze_price(BUY, prices, LAST, before), freeze_price(BUY, prices, LAST, after)) == (4000.0, 3900.0)


def test_a_close_freezes_lots_and_commission_but_no_margin() -> None:
    book = mixed(RB)
    order_id = rest(book, RB, SELL, None, 5, 4000.0)
    # Two older lots at 0.02 % of 40,000 each, three of today at 3 yuan.
    assert book.frozen(order_id) == pytest.approx((0.0, 16.0 + 9.0))
    assert book.funds.available == pytest.approx(book.funds.balance - book.funds.margin - 25.0)


def test_a_close_freezes_the_dearer_rate_of_the_lots_it_may_hit() -> None:
    both, older, newer = mixed(M), mixed(M, today=0), mixed(M, yesterday=0)
    assert both.frozen(rest(both, M, SELL, None, 1)).commission == pytest.approx(8.0)
    assert older.frozen(rest(older, M, SELL, None, 1)).commission == pytest.approx(8.0)
    assert newer.frozen(rest(newer, M, SELL, None, 1)).commission == pytest.approx(3.0)
    cheap = replace(TERMS, fees=replace(TERMS.fees, close_by_money=0.00001))
    for book in (both, older):
        book.set_terms(M, "DCE", DAY, cheap)
    assert both.frozen(rest(both, M, SELL, None, 1)).commission == pytest.approx(3.0)
    assert older.frozen(rest(older, M, SELL, None, 1)).commission == pytest.approx(0.4), "no lot of today to hit"


def test_where_today_goes_first_todays_lots_are_frozen_first() -> None:
    today_first = OffsetSetting("DCE", date.min, split=False, plain_close=LotChoice.TODAY_FIRST)
    position = Position(10.0)
    for volume, today in ((2, False), (3, True)):
        position.open(Side.LONG, 4000.0, float(volume), 0.0, at=1, trading_day=1).today = today
    rules = FreezeRules(today_first, freeze_setting_on(DAY), LAST)
    closed = side_volume(position, Side.LONG, (), today_first)
    working = freeze_order(
        order(M, SELL, Offset.CLOSE, 4), [Part(Offset.CLOSE, 4)], TERMS, position, closed=closed, rules=rules
    )
    assert side_volume(position, Side.LONG, [working], today_first) == (3, 2, 3, 1)


def test_each_fill_releases_its_share_and_the_last_one_the_remainder_exactly() -> None:
    book = of_type(LAST)
    order_id = rest(book, RB, BUY, OPEN, 7, 4001.0)
    whole = book.frozen(order_id)
    for filled, volume in ((1, 1), (3, 2), (6, 3)):
        book.fill(order_id, 4000.0, volume, 1, DAY_NUMBER)
        share = (7 - filled) / 7
        assert book.frozen(order_id) == pytest.approx((whole.margin * share, whole.commission * share))
    book.fill(order_id, 4000.0, 1, 1, DAY_NUMBER)
    assert book.frozen(order_id) == (0.0, 0.0)
    assert (book.funds.frozen_margin, book.funds.frozen_commission, book.working) == (0.0, 0.0, ())


@pytest.mark.parametrize("volume", [1, 3, 7, 13])
def test_a_freeze_released_in_any_parts_leaves_nothing(volume: int) -> None:
    freeze = Freeze(volume, 1000.1, 0.3)
    for _lot in range(volume - 1):
        freeze.release(1)
        assert freeze.margin > 0
    freeze.release(1)
    assert freeze == Freeze(0, 0.0, 0.0)


def test_what_is_released_at_once_leaves_no_dust() -> None:
    freeze = Freeze(3, 0.1, 0.1)  # 0.1 * 3 / 3 is not 0.1 in floats
    freeze.release(3)
    assert freeze == Freeze(0, 0.0, 0.0)


def test_a_cancel_releases_everything_and_a_second_one_nothing_more() -> None:
    book = of_type(LAST)
    order_id = rest(book, RB, BUY, OPEN, 7)
    before = book.funds.available
    book.release(order_id)
    book.release(order_id)
    assert book.funds.available > before
    assert book.funds.available == book.funds.balance == 1_000_000.0


def test_lots_reported_as_traded_stay_frozen_until_their_fills_come() -> None:
    book = mixed(RB)
    order_id = rest(book, RB, SELL, None, 5)
    book.release(order_id, keep=3)
    assert book.parts_left(order_id) == (Part(Offset.CLOSE_YESTERDAY, 2), Part(Offset.CLOSE_TODAY, 1))
    assert book.frozen(order_id).commission == pytest.approx(16.0 + 3.0)
    assert [fill.volume for fill in book.fill(order_id, 4000.0, 3, 1, DAY_NUMBER)] == [2, 1]
    assert book.working == ()
    assert book.funds.frozen_commission == 0.0


def test_an_opening_beyond_the_available_funds_is_refused_and_changes_nothing() -> None:
    book = account(10_000.0)
    # One lot needs 4,000 of margin and 4 + 1 of commission: two fit, three do not.
    with pytest.raises(RuleError) as caught:
        book.place(order(RB, BUY, OPEN, 3))
    assert caught.value.code == "insufficient_funds"
    assert caught.value.text == (
        "3 lots need 12015.00 yuan of margin and commission, 10000.00 are available: at most 2 lots."
    )
    assert book.working == ()
    rest(book, RB, BUY, OPEN, 2)
    with pytest.raises(RuleError):
        book.place(order(RB, BUY, OPEN, 1))
    assert book.funds.available == pytest.approx(10_000 - 2 * 4005)


def test_exactly_the_available_funds_suffice() -> None:
    book = account(4005.0)
    rest(book, RB, BUY, OPEN, 1)
    assert book.funds.available == pytest.approx(0.0, abs=1e-6)


def test_a_close_is_never_refused_for_funds() -> None:
    book = account(4010.0)
    trade(book, RB, BUY, OPEN, 1)
    book.mark(RB, 3000.0)
    assert book.funds.available < 0
    trade(book, RB, SELL, Offset.CLOSE_TODAY, 1, 3000.0)
    assert book.positions() == []


def test_a_fill_is_booked_whatever_the_funds_say() -> None:
    book = account(4010.0)
    order_id = rest(book, RB, BUY, OPEN, 1)
    book.mark(RB, 4000.0)
    book.fill(order_id, 4300.0, 1, 1, DAY_NUMBER)
    assert book.funds.available == pytest.approx(4010 - 3000 - 5.3 - 4300)
    book.foreign_fill(RB, BUY, OPEN, 4000.0, 100, 1, DAY_NUMBER)
    assert book.funds.available < -400_000


def test_a_fill_beyond_the_order_or_of_none_is_refused() -> None:
    book = account()
    order_id = rest(book, RB, BUY, OPEN, 2)
    before = book.to_document()
    for number, volume, code in (
        (order_id, 3, "fill_exceeds_order"),
        (order_id, 0, "fill_exceeds_order"),
        (0, 1, "unknown_order"),
    ):
        with pytest.raises(RuleError) as caught:
            book.fill(number, 4000.0, volume, 1, DAY_NUMBER)
        assert caught.value.code == code
    assert (book.to_document(), book.parts_left(order_id)) == (before, (Part(OPEN, 2),))


def test_a_restored_order_freezes_what_the_old_one_had_left() -> None:
    book = mixed(RB)
    opening, closing = order(RB, BUY, OPEN, 4), order(RB, SELL, None, 5)
    for placed, filled in ((opening, 1), (closing, 3)):
        book.place(placed)
        book.fill(placed.order_id, 4000.0, filled, 1, DAY_NUMBER)
    rebuilt = AccountBook.from_document(book.to_document(), book.broker)
    assert rebuilt.funds.frozen_margin == 0.0
    for placed in (opening, closing):
        rebuilt.restore(placed, book.parts_left(placed.order_id))
        assert rebuilt.parts_left(placed.order_id) == book.parts_left(placed.order_id)
        assert rebuilt.frozen(placed.order_id) == pytest.approx(book.frozen(placed.order_id))
    assert rebuilt.volumes(RB, Side.LONG) == book.volumes(RB, Side.LONG)
    assert rebuilt.working == book.working


def test_a_restored_order_may_bring_what_it_froze() -> None:
    """A market order after a restart: no price is known at which it could be frozen anew."""
    book = mixed(RB)
    opening, closing = order(RB, BUY, OPEN, 4), order(RB, SELL, None, 5)
    for placed in (opening, closing):
        book.place(placed)
    book.fill(closing.order_id, 4000.0, 2, 1, DAY_NUMBER)
    rebuilt = AccountBook.from_document(book.to_document(), book.broker)
    for placed in (opening, closing):
        kept = book.frozen(placed.order_id)
        unpriced = placed._replace(price=math.nan, type=OrderType.MARKET)
        rebuilt.restore(unpriced, book.parts_left(placed.order_id), kept)
        assert rebuilt.frozen(placed.order_id) == pytest.approx(kept)
    assert rebuilt.volumes(RB, Side.LONG) == book.volumes(RB, Side.LONG)
    for placed in (opening, closing):
        rebuilt.release(placed.order_id)
    assert (rebuilt.funds.frozen_margin, rebuilt.funds.frozen_commission) == (0.0, 0.0)


def test_a_restored_order_is_not_asked_for_funds() -> None:
    book = account(1.0)
    placed = order(RB, BUY, OPEN, 4)
    book.restore(placed, [Part(OPEN, 4)])
    assert book.funds.available < 0
    book.release(placed.order_id)
    assert book.funds.available == 1.0
