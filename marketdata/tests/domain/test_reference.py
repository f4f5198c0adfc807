from collections import Counter
from datetime import date

import pytest

from marketdata.domain import reference
from marketdata.domain.codes import EXCHANGES, contract_symbol, parse_code
from marketdata.domain.expiry import RULES
from marketdata.domain.hours import format_spans
from marketdata.domain.instrument import rates_on
from marketdata.domain.reference_file import Row, read_rows
from marketdata.tests.domain.recorded import listed_2020, listed_2025, needs_data, table, ticks_of_ricequant
from quantsite.common.errors import MissingError

PRODUCTS = {(facts.exchange, facts.code): facts for facts in reference.load_products()}

TRADING_TODAY = {
    "SHFE": "ad ag al ao au br bu cu fu hc ni op pb rb ru sn sp ss wr zn",
    "INE": "bc ec lu nr sc",
    "DCE": "a b bb bz c cs eb eg fb i j jd jm l l_f lg lh m p pg pp pp_f rr v v_f y",
    "CZCE": "AP CF CJ CY FG JR LR MA OI PF PK PL PM PR PX RI RM RS SA SF SH SM SR TA UR WH ZC",
    "CFFEX": "IC IF IH IM T TF TL TS",
    "GFEX": "lc pd ps pt si",
    "SIM": "simrb",
}


def test_every_product_that_trades_today_is_there() -> None:
    today: dict[str, set[str]] = {exchange: set() for exchange in EXCHANGES}
    for facts in PRODUCTS.values():
        if facts.last_day is None:
            today[facts.exchange].add(facts.code)

    assert today == {exchange: set(codes.split()) for exchange, codes in TRADING_TODAY.items()}


def test_old_codes_keep_their_time() -> None:
    gone = {facts.code: facts.last_day for facts in PRODUCTS.values() if facts.last_day is not None}

    assert set(gone) == {"TC", "ME", "RO", "ER", "WS", "WT"}
    for old, new in {"TC": "ZC", "ME": "MA", "RO": "OI", "ER": "RI", "WS": "WH", "WT": "PM"}.items():
        assert PRODUCTS["CZCE", old].first_day < PRODUCTS["CZCE", new].first_day < gone[old]


def test_exchanges() -> None:
    exchanges = {row.code: row for row in reference.load_exchanges()}

    assert tuple(exchanges) == EXCHANGES
    assert [code for code, row in exchanges.items() if row.close_today_flag] == ["SHFE", "INE", "SIM"]
    assert [code for code, row in exchanges.items() if row.simulated] == ["SIM"]


@pytest.mark.parametrize("facts", PRODUCTS.values(), ids=lambda facts: f"{facts.exchange}.{facts.code}")
def test_a_product_is_whole(facts: reference.ProductFacts) -> None:
    hours = [
        row.valid_from
        for row in reference.load_sessions()
        if (row.exchange, row.product) == (facts.exchange, facts.code)
    ]
    margins = [
        row.rates for row in reference.load_margins() if (row.exchange, row.product) == (facts.exchange, facts.code)
    ]
    fees = [row.rates for row in reference.load_fees() if (row.exchange, row.product) == (facts.exchange, facts.code)]

    assert hours == sorted(set(hours))
    assert hours[0] == facts.first_day
    assert facts.expiry_rule in RULES
    assert facts.multiplier > 0
    assert facts.price_tick > 0
    assert facts.mark in {"I", "U", "S"}
    assert 0 < rates_on(margins, date(2026, 11, 20))[0].long_by_money < 1
    assert [row.valid_from for row in fees] == sorted({row.valid_from for row in fees})
    assert all(0 <= rate < 200 for row in fees for rate in (row.value.open_by_volume, row.value.close_today_by_volume))
    assert all(0 <= rate < 0.01 for row in fees for rate in (row.value.open_by_money, row.value.close_today_by_money))
    assert parse_code(f"{contract_symbol(facts.exchange, facts.code, 2026, 12)}.{facts.exchange}").product == facts.code


def test_no_file_speaks_of_an_unknown_product() -> None:
    assert {(row.exchange, row.product) for row in reference.load_sessions()} == set(PRODUCTS)
    assert {(row.exchange, row.product) for row in reference.load_margins()} == set(PRODUCTS)
    assert {(row.exchange, row.product) for row in reference.load_fees()} == set(PRODUCTS)


def test_an_unknown_product_names_the_likely_one() -> None:
    with pytest.raises(MissingError, match="'rb' of SHFE"):
        reference.find_product("DCE", "RB")
    with pytest.raises(MissingError) as missing:
        reference.reference_session_table("SHFE", "xx")
    assert missing.value.code == "unknown_product"


def test_the_calendar_knows_2003_to_2026() -> None:
    calendar = reference.load_calendar()

    assert (calendar.first, calendar.last) == (date(2003, 1, 1), date(2026, 12, 31))
    assert all(day.weekday() < 5 for day in calendar.holidays)
    assert not calendar.is_trading_day(date(2026, 10, 7))
    assert calendar.is_trading_day(date(2026, 12, 31))
    per_year = Counter(day.year for day in calendar)
    assert min(per_year.values()) == per_year[2013] == 238
    assert max(per_year.values()) == 246


def test_a_broken_file_is_named_with_its_line() -> None:
    def build(row: Row) -> float:
        return row.number("code")

    with pytest.raises(ValueError, match=r"marketdata.reference/exchanges.csv line 2"):
        read_rows("exchanges.csv", build)


GROUPS = {
    "21:00-02:30": "SHFE au ag INE sc",
    "21:00-01:00": "SHFE cu al zn pb ni sn ss ao ad INE bc",
    "21:00-23:00": "SHFE rb hc ru bu fu sp br op INE nr lu "
    "DCE a b m y p c cs rr l v pp l_f v_f pp_f j jm i eg eb pg bz "
    "CZCE SR CF CY TA MA RM OI FG SA PF PX SH PR PL ZC SIM simrb",
    "": "SHFE wr DCE jd lh lg bb fb CZCE AP CJ UR SF SM PK WH PM RI JR LR RS INE ec GFEX si lc ps pt pd",
}


@pytest.mark.parametrize("night", GROUPS)
def test_the_night_sessions_of_today(night: str) -> None:
    exchange = ""
    for word in GROUPS[night].split():
        if word in EXCHANGES:
            exchange = word
            continue
        hours = table(exchange, word).hours_on(date(2026, 11, 20))
        assert format_spans(hours.night) == night, word
        assert format_spans(hours.day) == "09:00-10:15 10:30-11:30 13:30-15:00"


def test_the_groups_above_leave_out_nothing_but_cffex() -> None:
    words = {word for group in GROUPS.values() for word in group.split()} - set(EXCHANGES)

    assert words == {facts.code for facts in PRODUCTS.values() if facts.last_day is None and facts.exchange != "CFFEX"}


@pytest.mark.real_data
@needs_data
def test_night_and_day_sessions_agree_with_the_list_of_june_2020() -> None:
    live = [row for row in listed_2020() if row["expired"] == "False"]
    compared = 0
    for row in live:
        hours = table(row["exchange_id"], row["product_id"]).hours_on(date(2020, 6, 16))
        for spans, listed in ((hours.night, row["night_sessions"]), (hours.day, row["day_sessions"])):
            told = [
                f"{span.start // 60:02d}:{span.start % 60:02d}:00-{span.end // 60:02d}:{span.end % 60:02d}:00"
                for span in spans
            ]
            assert ";".join(told) == listed, row["instrument_id"]
        compared += 1

    assert compared == 623


@pytest.mark.real_data
@needs_data
def test_margins_and_the_larger_side_agree_with_the_list_of_march_2025() -> None:
    margins = {(row.exchange, row.product): row.rates.value for row in reference.load_margins()}
    for row in listed_2025():
        key = (row["ExchangeID"], row["ProductID"])
        expiring_bond = key[1] in {"T", "TF", "TL", "TS"} and row["DeliveryMonth"] == "3"
        assert PRODUCTS[key].max_margin_side == (row["MaxMarginSideAlgorithm"] == "1") or expiring_bond, row
        assert margins[key].long_by_money == margins[key].short_by_money == float(row["LongMarginRatio"]), row
        assert PRODUCTS[key].mark == "I"


@pytest.mark.real_data
@needs_data
def test_price_ticks_agree_with_another_platform() -> None:
    ours = {facts.code.upper(): facts.price_tick for facts in PRODUCTS.values() if facts.exchange != "SIM"}
    theirs = ticks_of_ricequant()

    assert len(theirs) == 94
    assert {code: tick for code, tick in ours.items() if code in theirs} == theirs
    # Listed after their file, or without contracts in it.
    assert set(ours) - set(theirs) == {"L_F", "V_F", "PP_F"}
