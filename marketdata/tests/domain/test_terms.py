from datetime import date

import numpy as np
import pytest

from marketdata.domain.calendar import to_day_number
from marketdata.domain.terms import ContractTerms, parse_month, price_ticks_on, terms_history, terms_of
from marketdata.tests.domain.recorded import listed_2020, listed_2025, needs_data
from quantsite.common.errors import MissingError

JUNE_2020 = date(2020, 6, 16)
MARCH_2025 = date(2025, 3, 3)


@pytest.mark.parametrize(
    ("exchange", "product", "month", "on", "terms"),
    [
        ("SHFE", "rb", (2025, 1), None, ContractTerms(10, 1)),
        ("SHFE", "au", (2019, 12), date(2019, 4, 8), ContractTerms(1000, 0.05)),
        ("SHFE", "au", (2019, 12), date(2019, 12, 10), ContractTerms(1000, 0.05)),
        ("SHFE", "au", (2019, 12), date(2019, 12, 11), ContractTerms(1000, 0.02)),
        ("SHFE", "au", (2020, 6), None, ContractTerms(1000, 0.02)),
        ("DCE", "fb", (2019, 11), None, ContractTerms(500, 0.05)),
        ("DCE", "fb", (2019, 12), None, ContractTerms(10, 0.5)),
        ("SHFE", "fu", (2018, 12), None, ContractTerms(50, 1)),
        ("SHFE", "fu", (2019, 1), None, ContractTerms(10, 1)),
        ("CFFEX", "TS", (2025, 3), None, ContractTerms(20000, 0.002)),
        ("CZCE", "TC", (2016, 1), None, ContractTerms(200, 0.2)),
        ("CZCE", "ZC", (2016, 5), None, ContractTerms(100, 0.2)),
    ],
)
def test_terms_of_a_contract(
    exchange: str, product: str, month: tuple[int, int], on: date | None, terms: ContractTerms
) -> None:
    assert terms_of(exchange, product, *month, on=on) == terms


def test_terms_of_a_continuous_series() -> None:
    assert terms_of("SHFE", "au", on=date(2018, 6, 1)).price_tick == 0.05
    assert terms_of("SHFE", "au").price_tick == 0.02
    assert terms_of("DCE", "fb", on=date(2018, 6, 1)) == ContractTerms(500, 0.05)
    assert terms_of("DCE", "fb", on=date(2020, 6, 1)) == ContractTerms(10, 0.5)


def test_the_tick_of_each_day_of_a_file() -> None:
    days = np.array(
        [to_day_number(day) for day in (date(1999, 1, 4), date(2019, 12, 10), date(2019, 12, 11))], dtype=np.int32
    )

    assert price_ticks_on(terms_history("SHFE", "au", 2020, 2), days).tolist() == [0.01, 0.05, 0.02]
    assert price_ticks_on(terms_history("SHFE", "rb", 2020, 5), days).tolist() == [1, 1, 1]


def test_an_unknown_product() -> None:
    with pytest.raises(MissingError) as missing:
        terms_history("SHFE", "xx")

    assert missing.value.code == "unknown_product"


def test_a_wrong_month_is_refused() -> None:
    with pytest.raises(ValueError):
        parse_month("2019")


@pytest.mark.real_data
@needs_data
def test_terms_agree_with_the_list_of_march_2025() -> None:
    rows = listed_2025()
    for row in rows:
        terms = terms_of(
            row["ExchangeID"], row["ProductID"], int(row["DeliveryYear"]), int(row["DeliveryMonth"]), MARCH_2025
        )
        assert terms == ContractTerms(float(row["VolumeMultiple"]), float(row["PriceTick"])), row["InstrumentID"]
    assert len(rows) == 789


@pytest.mark.real_data
@needs_data
def test_terms_agree_with_the_list_of_june_2020_on_each_contracts_last_day() -> None:
    """All but 2: the list gives old thermal coal (TC) and old fuel oil the multiplier of today's contracts."""
    differ = set()
    for row in listed_2020():
        product = "TC" if row["instrument_id"].startswith("TC") else row["product_id"]
        month = int(row["delivery_year"]), int(row["delivery_month"])
        last = min(date.fromisoformat(row["expire_datetime"][:10]), JUNE_2020)
        terms = terms_of(row["exchange_id"], product, *month, on=last)
        if terms != ContractTerms(float(row["volume_multiple"]), float(row["price_tick"])):
            differ.add(row["instrument_id"])

    assert {name[:2] for name in differ} == {"TC", "fu"}
    assert all(name < "fu1901" for name in differ)
