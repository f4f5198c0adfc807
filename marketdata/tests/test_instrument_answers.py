"""Instruments as a broker answers them: futures of known products are made or brought up to date, nothing else."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from marketdata.importers import instrument_answers
from marketdata.importers.instrument_answers import store_answers
from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument, MarginRate

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAY = date(2024, 1, 2)
RB: dict[str, Any] = {
    "InstrumentID": "rb2405",
    "ExchangeID": "SHFE",
    "InstrumentName": "螺纹钢2405",
    "ProductID": "rb",
    "ProductClass": "1",
    "DeliveryYear": 2024,
    "DeliveryMonth": 5,
    "VolumeMultiple": 10,
    "PriceTick": 1.0,
    "OpenDate": "20230516",
    "ExpireDate": "20240515",
    "MinLimitOrderVolume": 1,
    "MaxLimitOrderVolume": 500,
    "MinMarketOrderVolume": 0,
    "MaxMarketOrderVolume": 30,
    "LongMarginRatio": 0.09,
    "ShortMarginRatio": None,
    "MaxMarginSideAlgorithm": "1",
    "StrikePrice": None,
}


def test_a_new_contract_is_made_with_all_that_is_told() -> None:
    counts = store_answers([RB], DAY)
    row = Instrument.objects.get(code="rb2405.SHFE")
    assert (counts.created, counts.updated) == (1, 0)
    assert (row.name, row.price_tick, row.multiplier) == ("螺纹钢2405", Decimal(1), Decimal(10))
    assert (row.listed, row.expires, row.expiry_by_rule) == (date(2023, 5, 16), date(2024, 5, 15), False)
    volumes = (row.min_limit_volume, row.max_limit_volume, row.min_market_volume, row.max_market_volume)
    assert volumes == (1, 500, 1, 30)
    assert row.max_margin_side


def test_a_known_contract_is_brought_up_to_date_and_rates_stay_as_they_are() -> None:
    made = ensure_instrument("rb2405.SHFE", DAY)
    rates = MarginRate.objects.count()
    counts = store_answers([{**RB, "PriceTick": 2.0, "MaxMarginSideAlgorithm": "0"}], DAY)
    made.refresh_from_db()
    assert (counts.updated, made.price_tick, made.max_margin_side) == (1, Decimal(2), False)
    assert store_answers([{**RB, "PriceTick": 2.0, "MaxMarginSideAlgorithm": "0"}], DAY).unchanged == 1
    assert MarginRate.objects.count() == rates


def test_what_is_not_ours_is_left_out_and_told_once() -> None:
    rows = [
        {**RB, "InstrumentID": "zz2405", "ProductID": "zz"},
        {**RB, "InstrumentID": "rb2405C4000", "ProductClass": "2"},
        {**RB, "InstrumentID": "SP rb2405&rb2410", "ProductClass": "3"},
        {**RB, "InstrumentID": "rb2406", "PriceTick": None},
        {"InstrumentID": "odd"},
    ]
    instrument_answers._TOLD.clear()
    with capture_logs() as told:
        counts = store_answers(rows, DAY)
        store_answers(rows, DAY)
    assert (counts.created, sum(counts.left_out.values())) == (0, 2)
    assert [one["event"] for one in told].count("instruments left out") == 1
    assert not Instrument.objects.filter(code__startswith="zz").exists()
