"""The cost table of a run: what options mean, what is refused, and that it survives being stored."""

import json
from dataclasses import replace
from datetime import date

import pytest

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.tests.domain.series import flat_costs
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from quantsite.common.errors import RuleError


def only(rows: tuple[Dated[FeeRates], ...] | None) -> FeeRates:
    assert rows is not None
    (row,) = rows
    return row.value


def test_no_fee_option_leaves_the_dated_table() -> None:
    assert fees_given(None, None, None) is None
    assert margins_given(None) is None


def test_one_fee_option_sets_the_others_to_zero_and_close_today_to_the_rate() -> None:
    assert only(fees_given(0.0001, None, None)) == FeeRates(0.0001, 0, 0.0001, 0, 0.0001, 0)
    assert only(fees_given(None, 3.0, None)) == FeeRates(0, 3, 0, 3, 0, 3)
    assert only(fees_given(None, None, 0.0003)) == FeeRates(0, 0, 0, 0, 0.0003, 0)
    assert only(fees_given(0.0001, 1.0, 0.0)) == FeeRates(0.0001, 1, 0.0001, 1, 0, 1)
    assert only(fees_given(0.0, None, None)) == FeeRates()


def test_the_margin_option_is_for_both_sides() -> None:
    rows = margins_given(0.12)
    assert rows == (Dated(date.min, MarginRates(long_by_money=0.12, short_by_money=0.12)),)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"multiplier": 0.0}, "multiplier"),
        ({"price_tick": float("nan")}, "price_tick"),
        ({"slippage_ticks": -1.0}, "slippage_ticks"),
        ({"fees": ()}, "fees"),
        ({"margins": ()}, "margins"),
        ({"fees": (Dated(date.min, FeeRates(open_by_money=-0.1)),)}, "open_by_money"),
        ({"margins": (Dated(date.min, MarginRates(long_by_money=float("inf"))),)}, "long_by_money"),
    ],
)
def test_figures_that_make_no_sense_are_refused_by_name(change: dict[str, object], field: str) -> None:
    with pytest.raises(RuleError) as refusal:
        replace(flat_costs(), **change)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_costs"
    assert set(refusal.value.fields) == {field}


def test_a_stored_table_reads_back_the_same() -> None:
    rows = (Dated(date(2016, 5, 1), FeeRates(0.0001, 1, 0.0002, 2, 0.0003, 3)), Dated(date(2014, 1, 1), FeeRates(0.1)))
    costs = replace(flat_costs(1.5), fees=rows)
    document = json.loads(json.dumps(costs.document()))
    again = CostTable.from_document(document)
    assert again.document() == document
    assert [row.valid_from for row in again.fees] == [date(2014, 1, 1), date(2016, 5, 1)]
    assert again.terms_on(date(2015, 1, 1)) == costs.terms_on(date(2015, 1, 1))
    assert again.terms_on(date(2017, 1, 1)) == costs.terms_on(date(2017, 1, 1))


def test_rows_that_begin_after_the_run_are_left_out() -> None:
    fees = tuple(Dated(date(year, 1, 1), FeeRates(open_by_money=year * 1e-7)) for year in (2020, 2022, 2026))
    margins = (Dated(date(2026, 1, 1), MarginRates(long_by_money=0.1)),)
    table = CostTable(10.0, 1.0, 0.0, fees, margins).until(date(2023, 6, 1))

    assert [row.valid_from.year for row in table.fees] == [2020, 2022]
    assert table.margins == margins, "the earliest row stays, and serves the days before it"
    assert table.unknown_before(date(2019, 1, 2))
