"""The bars of the continuous series, computed from stored bars of contracts and decided main contracts."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from marketdata.daily_facts import RAW_SERIES, MainContractDay
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.continuous import Opening, index_day, joined, spells
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.sessions import SessionTable
from marketdata.main_contracts.contract_bars import contract_bars
from marketdata.main_contracts.state import series_code
from marketdata.models import Instrument, Product

INDEX_SERIES = "99"

OPENING_DAYS = 5
"""Trading days in which a contract's last close and open interest are looked for: later they are too old to weigh."""

STRETCH = 60
"""Trading days whose minutes of all contracts are in memory at once."""

LONG_BEFORE = timedelta(days=40)
"""Calendar days that hold :data:`OPENING_DAYS` trading days whatever holidays lie in them."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """A series (88 or 99) of a product, the interval of its bars, and the product's hours."""

    product: Product
    series: str
    interval: str
    table: SessionTable

    @property
    def code(self) -> str:
        """``rb88.SHFE``."""
        return series_code(self.product, self.series)


def made_bars(wanted: Wanted, first: date, last: date) -> BarSeries:
    """The bars of the trading days ``first`` to ``last``; days without any input have none."""
    make = _raw if wanted.series == RAW_SERIES else _index
    days = wanted.table.calendar.between(first, last)
    stretches = [days[at : at + STRETCH] for at in range(0, len(days), STRETCH)]
    return joined((make(wanted, part[0], part[-1]) for part in stretches), wanted.code, wanted.interval)


def _raw(wanted: Wanted, first: date, last: date) -> BarSeries:
    """88: the bars of each day's main contract, the night session with its day."""
    rows = MainContractDay.objects.filter(product=wanted.product, trading_day__lte=last).order_by("trading_day")
    days = [(to_day_number(row.trading_day), row.instrument) for row in rows.select_related("instrument")]
    known = {instrument.code: instrument for _day, instrument in days}
    decided = [(day, instrument.code) for day, instrument in days]
    parts = []
    for spell in spells(decided, to_day_number(first), to_day_number(last)):
        span = (from_day_number(spell.first), from_day_number(spell.last))
        parts.append(contract_bars(known[spell.contract], wanted.interval, *span, table=wanted.table))
    return joined(parts, wanted.code, wanted.interval)


def _index(wanted: Wanted, first: date, last: date) -> BarSeries:
    """99: :func:`index_day` of every trading day."""
    calendar = wanted.table.calendar
    days = calendar.between(first, last)
    every = [*calendar.between(max(first - LONG_BEFORE, calendar.first), first)[:-1][-OPENING_DAYS:], *days]
    rows = _contracts(wanted, every[0], last)
    parts = []
    for at, day in enumerate(every):
        if day < first:
            continue
        trading = [bars for expires, bars in rows if expires is None or expires >= day]
        today = [_between(bars, day, day) for bars in trading]
        openings = [_opening(_between(bars, every[max(at - OPENING_DAYS, 0)], day), day) for bars in trading]
        parts.append(index_day(today, openings, wanted.code, wanted.interval, to_day_number(day)))
    return joined(parts, wanted.code, wanted.interval)


def _contracts(wanted: Wanted, first: date, last: date) -> list[tuple[date | None, BarSeries]]:
    """The last trading day and the bars of every contract that trades within these days."""
    rows = Instrument.objects.filter(product=wanted.product, kind=InstrumentKind.FUTURE.value).exclude(
        expires__lt=first
    )
    reached = rows.filter(coverage__first_day__lte=last, coverage__last_day__gte=first).distinct().order_by("code")
    return [(one.expires, contract_bars(one, wanted.interval, first, last, table=wanted.table)) for one in reached]


def _between(bars: BarSeries, first: date, last: date) -> BarSeries:
    begin, end = np.searchsorted(bars.trading_day, [to_day_number(first), to_day_number(last) + 1])
    return bars.take(slice(int(begin), int(end)))


def _opening(bars: BarSeries, day: date) -> Opening | None:
    """The last close before ``day`` with a known open interest; ``None`` where there is none."""
    known = np.flatnonzero((bars.trading_day < to_day_number(day)) & np.isfinite(bars.open_interest))
    if not len(known):
        return None
    return Opening(float(bars.close[known[-1]]), float(bars.open_interest[known[-1]]))
