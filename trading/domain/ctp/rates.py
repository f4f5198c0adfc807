"""What a broker charges an account for one instrument, out of its two answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.ctp.answers import number

FEES = {
    "open_by_money": "OpenRatioByMoney",
    "open_by_volume": "OpenRatioByVolume",
    "close_by_money": "CloseRatioByMoney",
    "close_by_volume": "CloseRatioByVolume",
    "close_today_by_money": "CloseTodayRatioByMoney",
    "close_today_by_volume": "CloseTodayRatioByVolume",
}
MARGINS = {
    "long_by_money": "LongMarginRatioByMoney",
    "long_by_volume": "LongMarginRatioByVolume",
    "short_by_money": "ShortMarginRatioByMoney",
    "short_by_volume": "ShortMarginRatioByVolume",
}


@dataclass(frozen=True, slots=True)
class ToldRates:
    """The rates of an instrument on a trading day; what the broker did not answer is None."""

    instrument: str
    trading_day: date
    fees: FeeRates | None
    margins: MarginRates | None


def fees_of(row: Mapping[str, Any]) -> FeeRates | None:
    """``CThostFtdcInstrumentCommissionRateField``; its instrument may be the product, so it is not looked at."""
    found = _all(row, FEES)
    return None if found is None else FeeRates(**found)


def margins_of(row: Mapping[str, Any]) -> MarginRates | None:
    """``CThostFtdcInstrumentMarginRateField``; None for one that is told as an addition to the exchange's rate."""
    found = _all(row, MARGINS)
    return None if found is None or row.get("IsRelative") else MarginRates(**found)


def _all(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float] | None:
    """Every rate, or None where one is missing or below 0: half a table must not replace a whole one."""
    found = {name: number(row, field) for name, field in names.items()}
    known = {name: value for name, value in found.items() if value is not None and value >= 0}
    return known if len(known) == len(names) else None
