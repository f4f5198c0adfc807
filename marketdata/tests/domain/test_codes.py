from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.domain.codes import InstrumentCode, contract_symbol, parse_code, resolve
from marketdata.domain.instrument import InstrumentKind
from quantsite.common.errors import RuleError


@pytest.mark.parametrize(
    ("code", "product", "year", "month"),
    [
        ("rb2410.SHFE", "rb", 2024, 10),
        ("sc2109.INE", "sc", 2021, 9),
        ("m1901.DCE", "m", 2019, 1),
        ("si2301.GFEX", "si", 2023, 1),
        ("IF1901.CFFEX", "IF", 2019, 1),
        ("SR901.CZCE", "SR", None, 1),
        ("l2603F.DCE", "l_f", 2026, 3),
    ],
)
def test_contracts_are_read_as_their_exchange_writes_them(
    code: str, product: str, year: int | None, month: int
) -> None:
    parsed = parse_code(code)

    assert (parsed.product, parsed.year, parsed.month, parsed.series) == (product, year, month, "")
    assert parsed.kind is InstrumentKind.FUTURE
    assert parsed.code == code
    assert parsed.on_tick_grid


@pytest.mark.parametrize("series", ["88", "888", "889", "99", "888r", "889r"])
@pytest.mark.parametrize(("product", "exchange"), [("rb", "SHFE"), ("TA", "CZCE"), ("IF", "CFFEX"), ("simrb", "SIM")])
def test_continuous_series(product: str, exchange: str, series: str) -> None:
    parsed = parse_code(f"{product}{series}.{exchange}")

    assert parsed == InstrumentCode(f"{product}{series}", exchange, product, InstrumentKind.CONTINUOUS, series=series)
    assert parsed.on_tick_grid == (series == "88")


@pytest.mark.parametrize(
    "code",
    [
        "au2004C308.SHFE",
        "sc2109P450.INE",
        "m1807-C-2450.DCE",
        "si2308-P-15000.GFEX",
        "IO2002-C-3550.CFFEX",
        "CF003C11000.CZCE",
        "SP a2101&a2105.DCE",
        "SPD SR101&SR105.CZCE",
        "IPS SF105&SM105.CZCE",
    ],
)
def test_options_and_combinations_are_refused_as_such(code: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_code(code)

    assert refused.value.code == "unsupported_instrument"


@pytest.mark.parametrize(
    ("code", "likely"),
    [
        ("RB2410.SHFE", "rb2410.SHFE"),
        ("if1901.CFFEX", "IF1901.CFFEX"),
        ("ta001.CZCE", "TA001.CZCE"),
        ("TA2001.CZCE", "TA001.CZCE"),
        ("RB88.SHFE", "rb88.SHFE"),
    ],
)
def test_a_wrong_case_names_the_likely_code(code: str, likely: str) -> None:
    with pytest.raises(RuleError, match=likely) as refused:
        parse_code(code)

    assert refused.value.code == "invalid_code"


@pytest.mark.parametrize(
    "code", ["rb2413.SHFE", "rb2400.SHFE", "rb241.SHFE", "rb.SHFE", "TA2113x.CZCE", ".SHFE", "2410.SHFE"]
)
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_code(code)

    assert refused.value.code == "invalid_code"


@pytest.mark.parametrize("code", ["rb2410", "rb2410.shfe", "rb2410.LME", ""])
def test_an_unknown_exchange_is_refused(code: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_code(code)

    assert refused.value.code == "unknown_exchange"


@pytest.mark.parametrize(
    ("code", "on", "year"),
    [
        ("TA001.CZCE", date(2019, 8, 1), 2020),
        ("TA001.CZCE", date(2020, 1, 14), 2020),
        ("TA001.CZCE", date(2009, 8, 1), 2010),
        ("TA001.CZCE", date(2020, 2, 3), 2030),
        ("AP010.CZCE", date(2020, 8, 3), 2020),
        ("SR901.CZCE", date(2018, 6, 1), 2019),
    ],
)
def test_the_decade_of_a_czce_contract_comes_from_the_day_of_the_data(code: str, on: date, year: int) -> None:
    assert resolve(parse_code(code), on).year == year


def test_other_codes_need_no_day() -> None:
    for code in ("rb2410.SHFE", "TA88.CZCE"):
        assert resolve(parse_code(code), date(2005, 1, 4)) == parse_code(code)


@given(
    product=st.sampled_from(
        [("SHFE", "rb"), ("INE", "sc"), ("DCE", "m"), ("DCE", "l_f"), ("GFEX", "lc"), ("CFFEX", "TL"), ("CZCE", "PX")]
    ),
    year=st.integers(2003, 2099),
    month=st.integers(1, 12),
)
def test_a_symbol_made_from_its_parts_is_read_back_to_them(product: tuple[str, str], year: int, month: int) -> None:
    exchange, name = product

    parsed = parse_code(f"{contract_symbol(exchange, name, year, month)}.{exchange}")

    assert (parsed.product, parsed.month) == (name, month)
    assert resolve(parsed, date(year, month, 1)).year == year
