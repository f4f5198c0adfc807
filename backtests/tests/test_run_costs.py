"""The cost table of a run out of options and rows: dated multiplier and tick of real series."""

from datetime import date
from decimal import Decimal

import pytest

from backtests.requests import CostOptions
from backtests.run_costs import cost_table
from marketdata.instruments import dated_terms, ensure_instrument
from marketdata.services import costs_for

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

NONE = CostOptions()


def test_a_gold_series_has_the_tick_of_each_day() -> None:
    gold = cost_table(ensure_instrument("au88.SHFE", date(2024, 1, 2)), NONE)
    assert [gold.tick_on(date(year, 1, 5)) for year in (2010, 2016, 2024)] == [0.01, 0.05, 0.02]
    assert gold.over(date(2016, 1, 4), date(2016, 12, 30)).price_tick == 0.05


def test_a_fuel_oil_series_has_the_size_of_each_day() -> None:
    oil = cost_table(ensure_instrument("fu88.SHFE", date(2024, 1, 2)), NONE)
    assert [oil.terms_on(date(year, 6, 1)).multiplier for year in (2010, 2015, 2020)] == [10, 50, 10]


def test_an_option_stands_for_all_days_and_leaves_the_other_figure_dated() -> None:
    oil = ensure_instrument("fu88.SHFE", date(2024, 1, 2))
    given = cost_table(oil, CostOptions(multiplier=7.0))
    assert {given.terms_on(date(year, 6, 1)).multiplier for year in (2010, 2015, 2020)} == {7.0}
    gold = cost_table(ensure_instrument("au88.SHFE", date(2024, 1, 2)), CostOptions(multiplier=7.0))
    assert [gold.tick_on(date(year, 1, 5)) for year in (2010, 2024)] == [0.01, 0.02]


@pytest.mark.parametrize("code", ["rb88.SHFE", "TA88.CZCE", "IF88.CFFEX", "rb2405.SHFE"])
def test_what_never_changed_has_the_document_it_always_had(code: str) -> None:
    instrument = ensure_instrument(code, date(2024, 1, 2))
    spec, _fees, _margins = costs_for(instrument)
    document = cost_table(instrument, NONE).over(date(2018, 1, 2), date(2019, 12, 31)).document()
    assert (document["multiplier"], document["price_tick"]) == (spec.multiplier, spec.price_tick)
    assert "prices" not in document


def test_a_contract_changes_with_the_day_too() -> None:
    december = cost_table(ensure_instrument("au1912.SHFE", date(2019, 4, 8)), NONE)
    assert (december.tick_on(date(2019, 7, 1)), december.tick_on(date(2019, 12, 12))) == (0.05, 0.02)
    assert december.over(date(2019, 4, 8), date(2019, 7, 9)).price_tick == 0.05


def test_what_the_desk_corrected_holds_always_the_other_figure_stays_dated() -> None:
    gold = ensure_instrument("au88.SHFE", date(2024, 1, 2))
    gold.multiplier = Decimal(999)
    gold.save()
    assert {row.value.multiplier for row in dated_terms(gold)} == {999}
    table = cost_table(gold, NONE)
    assert [table.tick_on(date(year, 1, 5)) for year in (2010, 2024)] == [0.01, 0.02]
