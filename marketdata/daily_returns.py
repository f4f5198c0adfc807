"""Daily returns of an instrument over the trading days before one, for what is computed from history.

A contract lives for a year, and is hardly traded in the first half of it. On days without a bar of its own that follows
one of the day before, the return of the product's main contract stands in (the raw series ``88`` with its rolls taken
out by quotients, so that a change of contract is no return).
"""

from datetime import date

import numpy as np

from marketdata.daily_facts import ContractRoll
from marketdata.domain.adjust import adjusted, aligned
from marketdata.domain.bars import BarSeries, DayColumn, FloatColumn
from marketdata.domain.calendar import TradingCalendar, to_day_number
from marketdata.instruments import find_instrument
from marketdata.klines import read_klines
from marketdata.main_contracts.state import series_code
from marketdata.models import Instrument

DAILY = "1d"
BY_QUOTIENT = "888r"


def days_before(calendar: TradingCalendar, day: date, count: int) -> list[date]:
    """The ``count`` trading days before ``day``, ascending; fewer where the calendar begins later."""
    found: list[date] = []
    first = next(iter(calendar), day)
    while len(found) < count and day > first:
        day = calendar.previous_before(day)
        found.append(day)
    return found[::-1]


def daily_returns(code: str, days: list[date]) -> FloatColumn:
    """The simple return of each of these consecutive trading days, from close to close, shape ``(len(days) - 1,)``.

    The first day only gives the close to begin with. NaN where there is no bar. Raises ``MissingError`` for an
    instrument that is not known.
    """
    instrument = find_instrument(code)
    numbers = np.array([to_day_number(day) for day in days], dtype=np.int32)
    own = _returns(_bars(instrument, days), numbers)
    if np.isfinite(own).all():
        return own
    raw = Instrument.objects.filter(code=series_code(instrument.product)).first()
    if raw is None or raw.pk == instrument.pk:
        return own
    return np.where(np.isfinite(own), own, _returns(_without_rolls(raw, _bars(raw, days)), numbers))


def _bars(instrument: Instrument, days: list[date]) -> BarSeries:
    """The daily bars between the first and the last of the days; none where there are no days."""
    if not days:
        return BarSeries.empty(instrument.code, DAILY)
    return read_klines(instrument, DAILY, days[0], days[-1]).bars


def _without_rolls(raw: Instrument, bars: BarSeries) -> BarSeries:
    splices = [row.to_domain() for row in ContractRoll.objects.of(raw)]
    return adjusted(bars, aligned(splices, bars), BY_QUOTIENT, raw.code) if len(bars) else bars


def _returns(bars: BarSeries, days: DayColumn) -> FloatColumn:
    """From the close of each day before to the close of the day; NaN where one of them is missing or not above 0."""
    closes = np.full(len(days), np.nan)
    at = np.searchsorted(days, bars.trading_day)
    known = (at < len(days)) & (days[np.minimum(at, max(len(days) - 1, 0))] == bars.trading_day)
    closes[at[known]] = bars.close[known]
    closes[~(closes > 0)] = np.nan
    told: FloatColumn = closes[1:] / closes[:-1] - 1
    return told
