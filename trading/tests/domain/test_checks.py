"""What is refused of an order before it is a row, and when an exchange takes orders at all."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from marketdata.domain.calendar import to_day_number
from marketdata.domain.reference import reference_session_table
from quantsite.common.times import SHANGHAI, utc_to_ns
from trading.domain.checks import (
    ORDER_TYPES,
    ContractFacts,
    Draft,
    day_is_over,
    next_order_time,
    session_reason,
    static_reason,
    types_taken,
)
from trading.domain.order import OrderType

NAN = float("nan")
DAY = date(2024, 3, 4)
RB = ContractFacts(
    code="rb2410.SHFE",
    exchange="SHFE",
    kind="future",
    price_tick=1.0,
    max_limit_volume=500,
    min_market_volume=2,
    max_market_volume=30,
    listed=date(2023, 10, 17),
    expires=date(2024, 10, 15),
)
LIMIT = Draft(direction="buy", offset="open", type="limit", price=4000.0, stop_price=NAN, volume=1)


def at(exchange: str) -> ContractFacts:
    return replace(RB, exchange=exchange, code={"CFFEX": "IF2410.CFFEX", "CZCE": "TA410.CZCE"}.get(exchange, RB.code))


def draft(kind: str, **given: Any) -> Draft:
    """A draft that has what its type needs, and what is given."""
    needs: dict[str, Any] = {"type": kind, "price": 4000.0 if kind in {"limit", "fak", "fok"} else NAN}
    if kind == "stop":
        needs["stop_price"] = 4100.0
    return replace(LIMIT, **{**needs, **given})


def code_of(order: Draft, facts: ContractFacts = RB, day: date = DAY) -> str | None:
    reason = static_reason(order, facts, day)
    return None if reason is None else reason.code


def test_a_plain_limit_order_passes() -> None:
    assert static_reason(LIMIT, RB, DAY) is None


TAKEN = {
    "SHFE": "limit fak fok stop",
    "INE": "limit fak fok stop",
    "DCE": "limit market fak fok stop",
    "CZCE": "limit market fak stop",
    "CFFEX": "limit fak fok stop best",
    "GFEX": "limit fak fok stop",
    "SIM": "limit market fak fok stop best",
}


@pytest.mark.parametrize("exchange", TAKEN)
@pytest.mark.parametrize("kind", list(OrderType))
def test_each_exchange_takes_its_own_order_types(exchange: str, kind: OrderType) -> None:
    taken = kind in TAKEN[exchange].split()
    assert (kind in types_taken(exchange)) == taken
    assert code_of(draft(kind, volume=5), at(exchange)) == (None if taken else "type_not_taken")


def test_every_exchange_of_the_table_is_known() -> None:
    assert set(TAKEN) == set(ORDER_TYPES)


def test_a_type_not_taken_names_those_that_are() -> None:
    reason = static_reason(draft("market"), at("CFFEX"), DAY)
    assert reason is not None
    assert reason.field == "type"
    assert reason.text == "CFFEX takes no market order, only: limit, fak, fok, stop, best. Did you mean 'best'?"
    plain = static_reason(draft("fok"), at("CZCE"), DAY)
    assert plain is not None
    assert "Did you mean" not in plain.text


@pytest.mark.parametrize(
    ("field", "code"), [("direction", "unknown_direction"), ("offset", "unknown_offset"), ("type", "unknown_type")]
)
def test_an_unknown_word_names_the_known_ones(field: str, code: str) -> None:
    word: dict[str, Any] = {field: "sideways"}
    reason = static_reason(replace(LIMIT, **word), RB, DAY)
    assert reason is not None
    assert (reason.code, reason.field) == (code, field)
    assert "'sideways' is none of " in reason.text


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (draft("limit", price=NAN), "price_missing", "price"),
        (draft("fak", price=NAN), "price_missing", "price"),
        (draft("fok", price=NAN), "price_missing", "price"),
        (draft("stop", stop_price=NAN), "stop_price_missing", "stop_price"),
        (draft("market", price=4000.0), "price_superfluous", "price"),
        (draft("best", price=4000.0), "price_superfluous", "price"),
        (draft("limit", stop_price=4000.0), "stop_price_superfluous", "stop_price"),
        (draft("market", stop_price=4000.0), "stop_price_superfluous", "stop_price"),
        (draft("limit", price=4000.5), "off_tick", "price"),
        (draft("stop", stop_price=4000.5), "off_tick", "stop_price"),
        (draft("stop", price=4000.5), "off_tick", "price"),
        (draft("limit", price=0.0), "invalid_price", "price"),
        (draft("limit", price=-1.0), "invalid_price", "price"),
        (draft("limit", price=float("inf")), "invalid_price", "price"),
    ],
)
def test_prices_must_fit_the_type_and_the_tick(order: Draft, code: str, field: str) -> None:
    reason = static_reason(order, at("SIM"), DAY)
    assert reason is not None
    assert (reason.code, reason.field) == (code, field)


def test_a_stop_order_may_have_a_limit_besides() -> None:
    assert code_of(draft("stop", price=4110.0)) is None


@pytest.mark.parametrize(("price", "fits"), [(3562.2, True), (3562.4, True), (3562.3, False), (0.2, True)])
def test_a_tick_that_is_not_exact_in_binary_is_met_with_tolerance(price: float, fits: bool) -> None:
    facts = replace(at("CFFEX"), price_tick=0.2)
    reason = static_reason(replace(LIMIT, price=price), facts, DAY)
    assert (reason is None) == fits
    if reason is not None:
        assert reason.text == "3562.3 is no multiple of the price tick 0.2 of IF2410.CFFEX: try 3562.4."


@pytest.mark.parametrize(
    ("kind", "volume", "fits"),
    [
        ("limit", 1, True),
        ("limit", 500, True),
        ("limit", 501, False),
        ("limit", 0, False),
        ("limit", -1, False),
        ("market", 2, True),
        ("market", 30, True),
        ("market", 1, False),
        ("market", 31, False),
        ("stop", 30, True),
        ("stop", 31, False),
    ],
)
def test_lots_lie_within_the_bounds_of_the_type(kind: str, volume: int, fits: bool) -> None:
    assert code_of(draft(kind, volume=volume), at("SIM")) == (None if fits else "volume_out_of_bounds")


def test_a_stop_order_is_bound_as_what_it_becomes() -> None:
    assert code_of(draft("stop", volume=31), at("SHFE")) is None, "a limit order at the price limit"
    assert code_of(draft("stop", volume=31, price=4110.0), at("DCE")) is None


def test_without_a_largest_order_any_volume_passes() -> None:
    facts = replace(RB, max_limit_volume=None, min_limit_volume=2)
    assert code_of(replace(LIMIT, volume=100_000), facts) is None
    assert code_of(LIMIT, facts) == "volume_out_of_bounds"


def test_an_instrument_is_traded_from_its_first_to_its_last_day() -> None:
    for day, code in (
        (date(2023, 10, 16), "instrument_not_listed"),
        (date(2023, 10, 17), None),
        (date(2024, 10, 15), None),
        (date(2024, 10, 16), "instrument_expired"),
    ):
        assert code_of(LIMIT, RB, day) == code
    assert code_of(LIMIT, replace(RB, listed=None, expires=None), date(2030, 1, 1)) is None


@pytest.mark.parametrize(
    ("code", "exchange"), [("au2408C308.SHFE", "SHFE"), ("m2409-C-2450.DCE", "DCE"), ("SP a2409&b2409.DCE", "DCE")]
)
def test_options_and_combinations_are_not_supported(code: str, exchange: str) -> None:
    assert code_of(LIMIT, replace(RB, code=code, exchange=exchange)) == "not_supported"


def test_continuous_series_are_not_traded() -> None:
    assert code_of(LIMIT, replace(RB, code="rb888.SHFE", kind="continuous")) == "not_supported"


RB_HOURS, IF_HOURS, JD_HOURS = (
    reference_session_table(exchange, product) for exchange, product in (("SHFE", "rb"), ("CFFEX", "IF"), ("DCE", "jd"))
)


def when(text: str) -> int:
    return utc_to_ns(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2024-03-04 20:54:59", "outside_session"),
        ("2024-03-04 20:55:00", None),
        ("2024-03-04 20:58:59", None),
        ("2024-03-04 20:59:00", "auction_match"),
        ("2024-03-04 20:59:59", "auction_match"),
        ("2024-03-04 21:00:00", None),
        ("2024-03-04 22:59:59", None),
        ("2024-03-04 23:00:00", "outside_session"),
        ("2024-03-05 08:57:00", "outside_session"),  # the day's auction is that of the night before
        ("2024-03-05 09:00:00", None),
        ("2024-03-05 10:15:00", "outside_session"),
        ("2024-03-05 10:30:00", None),
        ("2024-03-05 11:45:00", "outside_session"),
        ("2024-03-05 14:59:59", None),
        ("2024-03-05 15:00:00", "outside_session"),
        ("2024-03-09 10:00:00", "outside_session"),  # a Saturday
    ],
)
def test_orders_are_taken_in_the_session_and_its_auctions_order_window(moment: str, code: str | None) -> None:
    reason = session_reason(RB_HOURS, when(moment))
    assert (None if reason is None else reason.code) == code
    assert (next_order_time(RB_HOURS, when(moment)) == when(moment)) == (code is None)


@pytest.mark.parametrize(
    ("table", "moment", "opens"),
    [
        (RB_HOURS, "2024-03-04 20:59:30", "2024-03-04 21:00"),
        (RB_HOURS, "2024-03-04 18:00:00", "2024-03-04 20:55"),
        (RB_HOURS, "2024-03-05 11:45:00", "2024-03-05 13:30"),
        (RB_HOURS, "2024-03-05 15:30:00", "2024-03-05 20:55"),
        (RB_HOURS, "2024-03-08 23:30:00", "2024-03-11 09:00"),  # Friday's night belongs to Monday
        (RB_HOURS, "2024-04-03 18:00:00", "2024-04-08 08:55"),  # no night session before a holiday
        (IF_HOURS, "2024-03-05 09:29:10", "2024-03-05 09:30"),
        (IF_HOURS, "2024-03-05 09:00:00", "2024-03-05 09:25"),
        (JD_HOURS, "2024-03-04 21:30:00", "2024-03-05 08:55"),
        (JD_HOURS, "2024-03-05 08:59:00", "2024-03-05 09:00"),
    ],
)
def test_who_comes_too_early_is_told_when_to_come(table: object, moment: str, opens: str) -> None:
    reason = session_reason(table, when(moment))  # type: ignore[arg-type]
    assert reason is not None
    assert opens in reason.text
    assert next_order_time(table, when(moment)) == when(opens)  # type: ignore[arg-type]


def test_orders_end_with_the_last_session_of_their_trading_day() -> None:
    day = to_day_number(date(2024, 3, 5))
    assert not day_is_over(RB_HOURS, day, when("2024-03-05 14:59:59"))
    assert day_is_over(RB_HOURS, day, when("2024-03-05 15:00:00"))
    assert not day_is_over(RB_HOURS, day, when("2024-03-04 23:30:00"))
