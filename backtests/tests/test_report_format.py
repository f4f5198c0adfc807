"""Numbers as people and files read them."""

import math

import pytest

from backtests.reports import format as form


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.891, "1,234,567.89"),
        (-1234.5, "-1,234.50"),
        (0, "0.00"),
        (-0.004, "0.00"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_money_has_two_decimals_and_no_negative_zero(value: float | None, text: str) -> None:
    assert form.money(value) == text


@pytest.mark.parametrize(("value", "text"), [(5.0, "+5.00"), (-5.0, "-5.00"), (0.0, "0.00"), (0.001, "0.00")])
def test_a_signed_amount_shows_a_plus_but_not_on_zero(value: float, text: str) -> None:
    assert form.money(value, signed=True) == text


def test_percent_of_a_fraction_and_of_points() -> None:
    assert form.percent(0.12345) == "12.35 %"
    assert form.percent(-0.5, signed=True) == "-50.00 %"
    assert form.percent(None) == "–"
    assert form.percent_points(12.345) == "12.35 %"
    assert form.percent_points(math.nan) == "–"
    assert form.percent_of_day(-0.00436) == "-0.0044 %"


@pytest.mark.parametrize(("tick", "places"), [(1.0, 0), (5.0, 0), (10.0, 0), (0.2, 1), (0.02, 2), (0.005, 3)])
def test_prices_show_the_decimals_of_their_tick(tick: float, places: int) -> None:
    assert form.tick_places(tick) == places


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3585.0, "3585"),
        (0.1 + 0.2, "0.3"),
        (1234567.1234567, "1234567.123457"),
        (-0.0000001, "0"),
        (1e-5, "0.00001"),
        (100.0, "100"),
        (1e16, "10000000000000000"),
        (math.nan, ""),
    ],
)
def test_files_carry_six_decimals_without_trailing_zeros(value: float, text: str) -> None:
    assert form.plain(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0001, "0.0001"), (0.0, "0"), (1.51, "1.51"), (0.000023, "0.000023")])
def test_a_rate_is_never_rounded(value: float, text: str) -> None:
    assert form.rate(value) == text
