from datetime import date

import pytest

from marketdata.domain.hours import SessionHours, Span, format_spans, parse_spans
from marketdata.tests.domain.recorded import table
from quantsite.common.errors import RuleError


def test_spans_are_read_and_written() -> None:
    spans = parse_spans("21:00-02:30 09:00-10:15")

    assert spans == (Span(1260, 1590), Span(540, 615))
    assert format_spans(spans) == "21:00-02:30 09:00-10:15"
    assert parse_spans("") == ()


@pytest.mark.parametrize("text", ["9-10", "09:00", "09:00-10:61", "09:00–10:00"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_spans(text)

    assert refused.value.code == "invalid_hours"


@pytest.mark.parametrize("day", ["", "09:00-10:15 10:00-11:30", "10:30-11:30 09:00-10:15"])
def test_a_day_session_must_be_there_and_in_order(day: str) -> None:
    with pytest.raises(RuleError) as refused:
        SessionHours((), parse_spans(day))

    assert refused.value.code == "invalid_hours"


def test_minutes_of_a_session() -> None:
    hours = SessionHours(parse_spans("21:00-02:30"), parse_spans("09:00-10:15 10:30-11:30 13:30-15:00"))

    assert (hours.night_minutes, hours.day_minutes) == (330, 225)


@pytest.mark.parametrize(
    ("exchange", "product", "day", "night", "auction"),
    [
        ("SHFE", "rb", date(2014, 12, 26), "", "08:55-08:59"),
        ("SHFE", "rb", date(2014, 12, 29), "21:00-01:00", "20:55-20:59"),
        ("SHFE", "rb", date(2016, 4, 29), "21:00-01:00", "20:55-20:59"),
        ("SHFE", "rb", date(2016, 5, 3), "", "08:55-08:59"),
        ("SHFE", "rb", date(2016, 5, 4), "21:00-23:00", "20:55-20:59"),
        ("SHFE", "rb", date(2015, 9, 28), "", "08:55-08:59"),  # Mid-Autumn on the Sunday before
        ("SHFE", "rb", date(2019, 12, 26), "22:30-23:00", "22:25-22:29"),
        ("SHFE", "rb", date(2020, 2, 4), "", "08:55-08:59"),
        ("SHFE", "rb", date(2020, 5, 6), "", "08:55-08:59"),
        ("SHFE", "rb", date(2020, 5, 7), "21:00-23:00", "20:55-20:59"),
        ("SHFE", "au", date(2026, 11, 20), "21:00-02:30", "20:55-20:59"),
        ("CZCE", "TA", date(2019, 12, 10), "21:00-23:30", "20:55-20:59"),
        ("CZCE", "TA", date(2019, 12, 11), "21:00-23:00", "20:55-20:59"),
        ("DCE", "i", date(2014, 12, 26), "", "08:55-08:59"),
        ("DCE", "i", date(2014, 12, 29), "21:00-02:30", "20:55-20:59"),
        ("DCE", "i", date(2015, 5, 11), "21:00-23:30", "20:55-20:59"),
        ("DCE", "i", date(2019, 3, 29), "21:00-23:30", "20:55-20:59"),
        ("DCE", "i", date(2019, 4, 1), "21:00-23:00", "20:55-20:59"),
        ("CFFEX", "IF", date(2019, 6, 24), "", "09:25-09:29"),
        ("CFFEX", "IF", date(2015, 12, 31), "", "09:10-09:14"),
    ],
)
def test_the_night_session_of_a_day(exchange: str, product: str, day: date, night: str, auction: str) -> None:
    hours = table(exchange, product).hours_on(day)

    assert (format_spans(hours.night), format_spans(hours.auctions)) == (night, auction)


@pytest.mark.parametrize(
    ("product", "day", "hours"),
    [
        ("IF", date(2015, 12, 31), "09:15-11:30 13:00-15:15"),
        ("IF", date(2016, 1, 4), "09:30-11:30 13:00-15:00"),
        ("T", date(2020, 7, 17), "09:15-11:30 13:00-15:15"),
        ("T", date(2020, 7, 20), "09:30-11:30 13:00-15:15"),
    ],
)
def test_the_day_session_of_financial_futures(product: str, day: date, hours: str) -> None:
    assert format_spans(table("CFFEX", product).hours_on(day).day) == hours


def test_a_day_without_trading_has_no_hours() -> None:
    with pytest.raises(RuleError) as refused:
        table("SHFE", "rb").hours_on(date(2018, 10, 1))

    assert refused.value.code == "not_a_trading_day"
