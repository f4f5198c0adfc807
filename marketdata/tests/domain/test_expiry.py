from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.expiry import expiry_by_rule, is_estimate
from marketdata.domain.reference import find_product, load_calendar
from marketdata.tests.domain.recorded import listed_2020, listed_2025, needs_data
from quantsite.common.errors import MissingError

CALENDAR = load_calendar()


@pytest.mark.parametrize(
    ("exchange", "product", "year", "month", "last_day"),
    [
        ("SHFE", "rb", 2025, 1, date(2025, 1, 15)),
        ("SHFE", "rb", 2025, 3, date(2025, 3, 17)),  # the 15th is a Saturday
        ("SHFE", "au", 2019, 2, date(2019, 2, 15)),
        ("SHFE", "fu", 2025, 10, date(2025, 9, 30)),
        ("INE", "sc", 2025, 5, date(2025, 4, 30)),
        ("INE", "ec", 2025, 4, date(2025, 4, 28)),
        ("DCE", "m", 2025, 5, date(2025, 5, 19)),  # tenth trading day, after five days of holiday
        ("DCE", "jd", 2017, 2, date(2017, 2, 16)),  # until then like any other, from March the fourth last day
        ("DCE", "jd", 2017, 3, date(2017, 3, 28)),
        ("DCE", "l_f", 2026, 3, date(2026, 3, 31)),
        ("CZCE", "ZC", 2025, 10, date(2025, 10, 15)),
        ("CZCE", "WS", 2012, 9, date(2012, 9, 20)),  # seventh last: 20 21 24 25 26 27 28
        ("CFFEX", "IF", 2025, 4, date(2025, 4, 18)),
        ("CFFEX", "IF", 2014, 2, date(2014, 2, 21)),
        ("CFFEX", "IF", 2013, 6, date(2013, 6, 21)),
        ("CFFEX", "IF", 2026, 2, date(2026, 2, 24)),  # third Friday in the Spring Festival
        ("CFFEX", "T", 2025, 6, date(2025, 6, 13)),
        ("GFEX", "si", 2025, 1, date(2025, 1, 15)),
    ],
)
def test_the_last_trading_day(exchange: str, product: str, year: int, month: int, last_day: date) -> None:
    assert expiry_by_rule(find_product(exchange, product), year, month, CALENDAR) == last_day
    assert not is_estimate(last_day, CALENDAR)


def test_past_the_calendar_the_day_is_an_estimate() -> None:
    known = expiry_by_rule(find_product("SHFE", "rb"), 2027, 5, CALENDAR)

    assert known == date(2027, 5, 17)
    assert is_estimate(known, CALENDAR)
    # Labour Day and National Day are kept free even there, New Year too.
    assert expiry_by_rule(find_product("DCE", "m"), 2027, 10, CALENDAR) == date(2027, 10, 21)
    assert expiry_by_rule(find_product("DCE", "m"), 2027, 1, CALENDAR) == date(2027, 1, 15)


def test_before_the_calendar_weekdays_count() -> None:
    short = TradingCalendar([], date(2020, 1, 1), date(2020, 12, 31))

    assert expiry_by_rule(find_product("DCE", "m"), 2019, 9, short) == date(2019, 9, 13)


def test_an_unknown_rule() -> None:
    with pytest.raises(MissingError) as missing:
        expiry_by_rule(replace(find_product("SHFE", "rb"), expiry_rule="at full moon"), 2025, 1, CALENDAR)

    assert missing.value.code == "unknown_expiry_rule"


def _differing(
    rows: list[dict[str, str]], read: Callable[[dict[str, str]], tuple[str, str, int, int, date]]
) -> dict[str, date]:
    """Contracts whose listed last trading day is not that of the rule, with the listed one."""
    differ = {}
    for row in rows:
        exchange, product, year, month, listed = read(row)
        if expiry_by_rule(find_product(exchange, product), year, month, CALENDAR) != listed:
            differ[row.get("InstrumentID") or row["instrument_id"]] = listed
    return differ


@pytest.mark.real_data
@needs_data
def test_rules_agree_with_the_list_of_march_2025() -> None:
    """707 of 789, among them all 654 of 2025: the list was written before the holidays of 2026 were fixed."""
    rows = listed_2025()
    differ = _differing(
        rows,
        lambda row: (
            row["ExchangeID"],
            row["ProductID"],
            int(row["DeliveryYear"]),
            int(row["DeliveryMonth"]),
            datetime.strptime(row["ExpireDate"], "%Y%m%d").date(),  # noqa: DTZ007  (a date, no moment)
        ),
    )

    assert {day.year for day in differ.values()} == {2026}
    assert {day.month for day in differ.values()} == {1, 2}  # New Year on a Thursday and the Spring Festival
    known = [row for row in rows if row["ExpireDate"] < "20260101"]
    assert (len(rows), len(known), len(differ)) == (789, 654, 82)


@pytest.mark.real_data
@needs_data
def test_rules_agree_with_the_list_of_june_2020() -> None:
    """2777 of 2940. Of the others 142 expire in 2021, whose holidays were not fixed yet, 21 have own reasons."""
    rows = listed_2020()
    differ = _differing(
        rows,
        lambda row: (
            row["exchange_id"],
            row["product_id"],
            int(row["delivery_year"]),
            int(row["delivery_month"]),
            date.fromisoformat(row["expire_datetime"][:10]),
        ),
    )
    expired = {name for name, day in differ.items() if day < date(2020, 6, 16)}
    oil_until_2002 = {name for name in expired if name.startswith("sc")}

    # The Spring Festival of 2020 was prolonged while these traded: the list counts 2020-01-31 as a trading day.
    assert expired - oil_until_2002 == {"eg2001", "jd2001", "fu2002"}
    # Up to sc2002 the list gives the first trading day of the delivery month, later the last one before it.
    assert len(oil_until_2002) == 18
    assert all(day.year == 2021 for name, day in differ.items() if name not in expired)
    assert (len(rows), len(differ) - len(expired)) == (2940, 142)
