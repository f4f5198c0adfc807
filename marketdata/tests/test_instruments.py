"""Instruments made from product and code, their costs over time, and hours out of rows."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from marketdata.domain.instrument import rates_on
from marketdata.domain.reference import load_products, reference_session_table
from marketdata.instruments import costs_for, ensure_instrument, find_instrument, session_table, trading_calendar
from marketdata.models import FeeRate, MarginRate, Product, ProductSession, SessionSuspension
from quantsite.common.errors import MissingError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAY = date(2024, 1, 2)


def test_a_contract_takes_its_facts_from_product_and_code() -> None:
    made = ensure_instrument("rb2405.SHFE", DAY)
    assert (made.symbol, made.kind, made.delivery_year, made.delivery_month) == ("rb2405", "future", 2024, 5)
    assert (made.multiplier, made.price_tick, made.simulated) == (10, 1, False)
    assert (made.expires, made.expiry_by_rule) == (date(2024, 5, 15), True)
    assert ensure_instrument("rb2405.SHFE", DAY).pk == made.pk


def test_a_series_has_no_end() -> None:
    made = ensure_instrument("IF88.CFFEX", DAY)
    assert (made.kind, made.series, made.delivery_year, made.expires) == ("continuous", "88", None, None)
    assert made.to_domain().multiplier == 300


@pytest.mark.parametrize(
    ("on", "year"), [(date(2019, 11, 1), 2020), (date(2009, 11, 1), 2010), (date(2020, 1, 10), 2020)]
)
def test_the_decade_of_a_czce_code_comes_from_its_data(on: date, year: int) -> None:
    made = ensure_instrument("TA001.CZCE", on)
    assert (made.delivery_year, made.delivery_month) == (year, 1)
    assert made.expires is not None
    assert made.expires.year == year


def test_a_contract_has_the_tick_of_its_own_data() -> None:
    assert ensure_instrument("au1912.SHFE", date(2019, 4, 8)).price_tick == Decimal("0.05")
    assert ensure_instrument("au2412.SHFE", DAY).price_tick == Decimal("0.02")


def test_made_up_data_is_marked() -> None:
    assert ensure_instrument("simrb88.SIM", DAY).to_domain().simulated


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("xx2405.SHFE", "has no product 'xx'"),
        ("ta2405.DCE", "Did you mean 'TA' of CZCE"),
        ("RB2405.SHFE", "Did you mean 'rb2405.SHFE'"),
        ("rb2405", "names no exchange"),
        ("m2405-C-2450.DCE", "only futures are supported"),
    ],
)
def test_a_code_that_is_none_says_why(code: str, text: str) -> None:
    with pytest.raises(RuleError, match=text):
        ensure_instrument(code, DAY)


def test_an_instrument_that_is_not_there_is_missing() -> None:
    ensure_instrument("rb2405.SHFE", DAY)
    with pytest.raises(MissingError, match=r"Did you mean 'rb2405\.SHFE'"):
        find_instrument("rb2405.SHF")
    assert find_instrument("rb2405.SHFE").product.code == "rb"


def test_own_rates_hold_from_their_first_day_and_the_products_before() -> None:
    made = ensure_instrument("rb2405.SHFE", DAY)
    FeeRate.objects.filter(product=made.product).delete()
    MarginRate.objects.filter(product=made.product).delete()
    for owner, day, rate in (
        ({"product": made.product}, date(2020, 1, 1), "0.0001"),
        ({"product": made.product}, date(2024, 3, 1), "0.0009"),
        ({"instrument": made}, date(2024, 2, 1), "0.0002"),
    ):
        FeeRate.objects.create(valid_from=day, open_by_money=Decimal(rate), **owner)
    spec, fees, margins = costs_for(made)
    assert spec.code == "rb2405.SHFE"
    assert [(row.valid_from, row.value.open_by_money) for row in fees] == [
        (date(2020, 1, 1), 0.0001),
        (date(2024, 2, 1), 0.0002),
    ]
    assert rates_on(fees, date(2024, 6, 1))[0].open_by_money == 0.0002
    assert rates_on(fees, date(2019, 6, 1)) == (fees[0].value, True)
    assert margins == ()


def test_every_product_that_trades_has_hours_fees_and_margins() -> None:
    trading = Product.objects.filter(last_day=None)
    assert trading.count() > 80
    for product in trading:
        assert product.sessions.exists(), product
        assert FeeRate.objects.filter(product=product).exists(), product
        assert MarginRate.objects.filter(product=product).exists(), product


@pytest.mark.parametrize(("exchange", "code"), [("SHFE", "rb"), ("SHFE", "au"), ("CFFEX", "IF"), ("CZCE", "TA")])
def test_hours_out_of_rows_are_those_of_the_reference_files(exchange: str, code: str) -> None:
    table = session_table(Product.objects.get(exchange=exchange, code=code))
    reference = reference_session_table(exchange, code)
    for first, last in ((date(2015, 6, 1), date(2016, 2, 1)), (date(2019, 12, 1), date(2020, 6, 1))):
        ours, theirs = table.grid_between(first, last, 5), reference.grid_between(first, last, 5)
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_a_suspension_of_the_desk_takes_the_night_away() -> None:
    rb = Product.objects.get(exchange="SHFE", code="rb")
    SessionSuspension.objects.create(product=rb, first=date(2024, 1, 9), last=date(2024, 1, 9), reason="typhoon")
    assert len(session_table(rb).grid(date(2024, 1, 9), 5)) == 45
    assert len(session_table(rb).grid(date(2024, 1, 10), 5)) == 69
    hc = Product.objects.get(exchange="SHFE", code="hc")
    assert len(session_table(hc).grid(date(2024, 1, 9), 5)) == 69


def test_a_product_without_hours_says_so() -> None:
    rb = Product.objects.get(exchange="SHFE", code="rb")
    ProductSession.objects.filter(product=rb).delete()
    with pytest.raises(MissingError, match=r"rb\.SHFE has no trading hours"):
        session_table(rb)


def test_the_calendar_of_the_rows() -> None:
    calendar = trading_calendar()
    assert not calendar.is_trading_day(date(2024, 1, 1))
    assert calendar.next_after(date(2024, 2, 8)) == date(2024, 2, 19)
    table = session_table(Product.objects.get(exchange="SHFE", code="rb"))
    friday = int(datetime(2024, 1, 5, 13, tzinfo=UTC).timestamp()) * 10**9
    assert table.trading_days(np.array([friday]))[0] == (date(2024, 1, 8) - date(1970, 1, 1)).days


def test_every_product_of_the_files_is_a_row() -> None:
    rows = {(row.exchange_id, row.code): row for row in Product.objects.all()}
    for facts in load_products():
        assert rows[facts.exchange, facts.code].to_domain() == facts
