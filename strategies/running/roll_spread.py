"""The two prices whose spread counts at a roll: those that a backtest takes later on the adjusted series (889)."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import isnan, nan

from marketdata.domain.calendar import TradingCalendar, to_day_number
from marketdata.domain.ticks import Tick
from marketdata.main_contracts.contract_days import figures_of
from marketdata.models import Instrument

Prices = tuple[float, float]
"""Of the old contract and of the new one."""

UNKNOWN: Prices = (nan, nan)


def spread_prices(
    pair: Sequence[Instrument], ticks: Sequence[Tick | None], day: date, calendar: TradingCalendar
) -> Prices:
    """The opens of the trading day, where both contracts have traded on it; else the closes of the day before; else
    the last prices that there are. NaN where one contract has none of these.
    """
    number = to_day_number(day)
    today = [None if tick is None or tick.trading_day != number else tick for tick in ticks]
    opens = _both([nan if tick is None else tick.open for tick in today])
    if opens is not None:
        return opens
    figures = figures_of(pair, calendar.on_or_before(day - timedelta(days=1)))
    closes = _both([figures[one.pk].close if one.pk in figures else nan for one in pair])
    if closes is not None:
        return closes
    return _both([nan if tick is None else tick.last for tick in ticks]) or UNKNOWN


def _both(prices: Sequence[float]) -> Prices | None:
    old, new = prices
    return None if isnan(old) or isnan(new) or old <= 0 or new <= 0 else (old, new)
