"""CTP's rows read as they come: what is missing, split, frozen on the other side, or not a number."""

from datetime import date
from math import inf, nan
from typing import Any

import pytest

from trading.domain.balance import ProfitAlgorithm
from trading.domain.ctp.answers import day_of, funds_of, number, picture_of, price
from trading.domain.ctp.rates import fees_of, margins_of
from trading.domain.ctp.terms import terms_of
from trading.domain.margin import MarginPriceType
from trading.domain.offsets import Side
from trading.tests.domain.ctp.broker_rows import contract_of

DAY = date(2024, 1, 2)
FEES = {
    "OpenRatioByMoney": 0.0001, "OpenRatioByVolume": 0.0, "CloseRatioByMoney": 0.0001, "CloseRatioByVolume": 0.0,
    "CloseTodayRatioByMoney": 0.0, "CloseTodayRatioByVolume": 3.0,
}  # fmt: skip
MARGINS = {
    "LongMarginRatioByMoney": 0.1, "LongMarginRatioByVolume": 0.0, "ShortMarginRatioByMoney": 0.12,
    "ShortMarginRatioByVolume": 0.0,
}  # fmt: skip


def held(**fields: Any) -> dict[str, Any]:
    """One row of a position."""
    return {
        "InstrumentID": "rb2410", "ExchangeID": "SHFE", "PosiDirection": "2", "PositionDate": "1", "Position": 2,
        "TodayPosition": 2, "PositionCost": 80_000.0, "OpenCost": 80_000.0, "PositionProfit": 100.0, **fields,
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, nan, inf, -inf, 1.7976931348623157e308, 1.79769e308, -1.79769e308, "1.0"])
def test_no_number_is_none(value: Any) -> None:
    assert number({"Last": value}, "Last") is None
    assert price({"Last": 0.0}, "Last") is None


@pytest.mark.parametrize("text", ["", None, "2024010", "20241301", "today"])
def test_no_date_is_none(text: Any) -> None:
    assert day_of(text) is None


def test_rows_of_one_side_are_summed_and_yesterdays_position_is_not_believed() -> None:
    rows = [
        held(YdPosition=7),
        held(PositionDate="2", Position=3, TodayPosition=3, YdPosition=9, PositionCost=120_300.0, ShortFrozen=1),
        held(HedgeFlag="3", Position=1, TodayPosition=1, PositionCost=40_000.0, LongFrozen=8),
    ]
    picture = picture_of(DAY, {}, rows, [], contract_of)
    [side] = picture.positions.values()
    assert (side.volume, side.today, side.frozen) == (6, 3, 1)
    assert side.position_cost == 240_300.0
    assert side.average == pytest.approx(240_300 / 60)


def test_the_frozen_lots_of_a_short_stand_on_its_long_field() -> None:
    rows = [held(PosiDirection="3", LongFrozen=2, ShortFrozen=9)]
    [side] = picture_of(DAY, {}, rows, [], contract_of).positions.values()
    assert (side.side, side.frozen) == (Side.SHORT, 2)


def test_the_implied_price_is_that_of_the_profit() -> None:
    [side] = picture_of(DAY, {}, [held()], [], contract_of).positions.values()
    assert side.implied_price == 4005.0
    [side] = picture_of(DAY, {}, [held(PositionProfit=None)], [], contract_of).positions.values()
    assert side.implied_price is None


def test_a_side_that_was_closed_is_no_position_and_tells_its_settlement() -> None:
    picture = picture_of(DAY, {}, [held(Position=0, PreSettlementPrice=3990.0)], [], contract_of)
    assert picture.positions == {}
    assert picture.settlements == {"rb2410.SHFE": 3990.0}


def test_nothing_that_is_told_badly_breaks_the_picture() -> None:
    rows: list[dict[str, Any]] = [{}, {"InstrumentID": None, "Position": None}, held(PosiDirection="1"), held()]
    picture = picture_of(DAY, {}, rows, [{}, {"Direction": "9"}], contract_of)
    assert len(picture.positions) == 1
    assert picture.unknown == {"rb2410.SHFE": 2}
    assert picture.funds.balance is None


def test_mortgage_and_credit_stand_beside_the_entries_of_the_day() -> None:
    told = funds_of({"Mortgage": 500.0, "PreMortgage": 200.0, "PreCredit": 10.0, "Credit": 10.0, "DeliveryMargin": 7.0})
    assert (told.credits, told.withheld, told.start) == (290.0, -3.0, None)


def test_half_a_table_of_rates_is_none() -> None:
    assert fees_of(FEES) is not None
    assert fees_of({**FEES, "CloseRatioByMoney": None}) is None
    assert fees_of({**FEES, "CloseRatioByMoney": -0.1}) is None
    found = margins_of({**MARGINS, "IsRelative": 0})
    assert found is not None
    assert found.short_by_money == 0.12


def test_rates_told_on_top_of_the_exchanges_are_not_taken_for_rates() -> None:
    assert margins_of({**MARGINS, "IsRelative": 1}) is None


def test_a_brokers_terms() -> None:
    told = terms_of({"MarginPriceType": "4", "Algorithm": "2", "AvailIncludeCloseProfit": "2"})
    assert told is not None
    assert (told.margin_price_type, told.algorithm) == (MarginPriceType.OPEN, ProfitAlgorithm.LOSSES_ONLY)
    assert not told.include_close_profit
    assert terms_of({"MarginPriceType": "9", "Algorithm": "1"}) is None
    assert terms_of({}) is None
