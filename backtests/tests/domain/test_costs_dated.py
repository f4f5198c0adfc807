"""Multiplier and tick that change within a run, and tables that stay as they were where they do not."""

from datetime import date

import numpy as np
import pytest

from backtests.domain.costs import CostTable, fees_given, margins_given
from backtests.domain.engine import RunConfig, run
from backtests.tests.domain.series import CODE, Scripted, bar_series
from marketdata.domain.calendar import to_day_number
from marketdata.domain.instrument import Dated, FeeRates
from marketdata.domain.terms import ContractTerms, terms_history
from quantsite.common.errors import RuleError


def table(prices: tuple[Dated[ContractTerms], ...] = (), slippage: float = 0.0) -> CostTable:
    """A cost table without fees."""
    pair = prices[-1].value if prices else ContractTerms(10.0, 1.0)
    return CostTable(
        pair.multiplier, pair.price_tick, slippage, fees_given(0, 0, 0) or (), margins_given(0.1) or (), prices
    )


GOLD = table(terms_history("SHFE", "au"))
OIL = table(terms_history("SHFE", "fu"))


def test_gold_moved_in_other_steps() -> None:
    told = {day: GOLD.tick_on(date.fromisoformat(day)) for day in ("2007-01-01", "2013-12-31", "2014-01-01")}
    assert told == {"2007-01-01": 0.01, "2013-12-31": 0.01, "2014-01-01": 0.05}
    assert (GOLD.tick_on(date(2019, 12, 10)), GOLD.tick_on(date(2019, 12, 11))) == (0.05, 0.02)
    days = np.array([to_day_number(date(2019, 12, 10)), to_day_number(date(2019, 12, 11))], dtype=np.int32)
    assert GOLD.ticks_on(days).tolist() == [0.05, 0.02]
    assert GOLD.terms_on(date(2013, 1, 1)).multiplier == GOLD.terms_on(date(2024, 1, 1)).multiplier == 1000


def test_fuel_oil_had_another_size() -> None:
    sizes = [OIL.terms_on(date(year, 6, 1)).multiplier for year in (2010, 2013, 2020)]
    assert sizes == [10, 50, 10]


@pytest.mark.parametrize(
    ("first", "last", "tick"),
    [
        (date(2009, 1, 5), date(2013, 12, 31), 0.01),
        (date(2014, 1, 1), date(2019, 12, 10), 0.05),
        (date(2019, 12, 11), date(2024, 1, 2), 0.02),
        (date(2000, 1, 1), date(2001, 1, 1), 0.01),
    ],
)
def test_one_pair_over_the_whole_run_is_a_table_of_single_figures(first: date, last: date, tick: float) -> None:
    """Its document is to the letter that of a table that never knew of other years."""
    narrow = GOLD.over(first, last)
    plain = CostTable(1000.0, tick, 0.0, GOLD.fees, GOLD.margins)
    assert narrow.document() == plain.document()
    assert list(narrow.document()) == ["multiplier", "price_tick", "slippage_ticks", "fees", "margins"]


def test_two_pairs_are_written_down_and_read_back() -> None:
    both = GOLD.over(date(2019, 1, 2), date(2020, 1, 2))
    assert both.document()["prices"] == [
        {"valid_from": "2014-01-01", "multiplier": 1000.0, "price_tick": 0.05},
        {"valid_from": "2019-12-11", "multiplier": 1000.0, "price_tick": 0.02},
    ]
    assert (both.multiplier, both.price_tick) == (1000.0, 0.02)
    assert CostTable.from_document(both.document()) == both
    assert date(2019, 12, 11) in both.changes()


def test_rows_that_say_the_same_are_one() -> None:
    twice = table((Dated(date(2020, 1, 1), ContractTerms(10, 1)), Dated(date(2021, 1, 1), ContractTerms(10, 1))))
    assert twice.over(date(2020, 6, 1), date(2022, 1, 1)).prices == ()


def test_what_is_learnt_later_leaves_a_run_alone() -> None:
    later = Dated(date(2030, 1, 1), FeeRates(open_by_money=0.5))
    wide = CostTable(10.0, 1.0, 0.0, (*OIL.fees, later), OIL.margins, OIL.prices)
    assert wide.until(date(2020, 1, 1)).document() == OIL.until(date(2020, 1, 1)).document()
    assert (
        wide.over(date(2019, 6, 1), date(2020, 1, 1)).document()
        == OIL.over(date(2019, 6, 1), date(2020, 1, 1)).document()
    )


def test_a_pair_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(RuleError) as caught:
        CostTable(10.0, 1.0, 0.0, OIL.fees, OIL.margins, (Dated(date(2020, 1, 1), ContractTerms(10.0, 0.0)),))
    assert set(caught.value.fields) == {"price_tick"}


def test_the_engine_takes_the_size_and_the_step_of_the_day() -> None:
    """Bought and sold in a day of lots of 10, then in a day of lots of 50; each time one tick of that day is lost."""
    prices = (Dated(date(1970, 1, 1), ContractTerms(10.0, 1.0)), Dated(date(1970, 1, 3), ContractTerms(50.0, 0.5)))
    rows = [(day, 100.0, 100.0, 1.0) for day in (1, 1, 1, 2, 2, 2)]
    config = RunConfig(CODE, "1h", 1e6, 1.0, table(prices, slippage=1.0))
    result = run(bar_series(rows), Scripted([1, 0, 1, 1, 0]), config)
    slippage = list(zip(result.fills.trading_day.tolist(), result.fills.slippage.tolist(), strict=True))
    assert slippage == [(1, 10.0 * 1.0), (1, 10.0 * 1.0), (2, 50.0 * 0.5), (2, 50.0 * 0.5)]
    assert result.fills.price.tolist() == [101.0, 99.0, 100.5, 99.5]
