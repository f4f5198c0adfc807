"""What contracts did on one trading day, from the bars that are stored: the input of the main-contract rule.

A daily bar is taken where there is one, else the day's bars of the finest interval.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isnan

from marketdata.domain.bars import BarSeries
from marketdata.domain.intervals import DAY, parse_interval
from marketdata.domain.main_contract import ContractDay
from marketdata.domain.sessions import SessionTable
from marketdata.models import Bar, BarCoverage, Instrument

LAST_MINUTES = 30


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One contract and day: first and last price, volume and open interest in lots as published; NaN where unknown.

    ``interval`` is that of the bars that it was taken from, ``last_start`` the start (ns UTC) of the last of them.
    """

    trading_day: date
    open: float
    close: float
    volume: float
    open_interest: float
    interval: str = DAY
    last_start: int = 0


def figures_of(instruments: Iterable[Instrument], day: date) -> dict[int, DayFigures]:
    """The figures by the instrument's key; contracts without a bar of the day are left out."""
    keys = [instrument.pk for instrument in instruments]
    rows = Bar.objects.filter(instrument__in=keys, interval=DAY, trading_day=day)
    columns = ("instrument_id", "open", "close", "volume", "open_interest")
    found = {
        key: DayFigures(day, first, last, float(volume), float("nan") if interest is None else interest)
        for key, first, last, volume, interest in rows.values_list(*columns)
    }
    for instrument, interval in _finest([key for key in keys if key not in found], day):
        bars = Bar.objects.series(instrument, interval, day, day)
        if len(bars):
            found[instrument.pk] = _summed(bars, day)
    return found


def last_figures(instrument: Instrument, days: Sequence[date]) -> DayFigures | None:
    """The figures of the latest of ``days`` (ascending) on which the contract has any."""
    for day in reversed(days):
        found = figures_of([instrument], day)
        if found:
            return found[instrument.pk]
    return None


def reach_close(figures: Iterable[DayFigures], table: SessionTable, day: date) -> bool:
    """Whether any of a product's contracts has a bar of the last :data:`LAST_MINUTES`; daily bars are believed.

    A recording that broke off in the middle of the day must not decide what is traded on the next one.
    """
    for row in figures:
        minutes = parse_interval(row.interval)
        if minutes is None:
            return True
        starts = table.grid(day, minutes)
        if row.last_start >= int(starts[max(len(starts) - 1 - LAST_MINUTES // minutes, 0)]):
            return True
    return False


def contract_day(instrument: Instrument, figures: DayFigures, *, quiet: bool = False) -> ContractDay:
    """The contract as the rule sees it; ``quiet``: it did not trade on the day, the figures are of an earlier one."""
    volume = 0.0 if quiet else figures.volume
    delivery = (instrument.delivery_year or 0, instrument.delivery_month or 0)
    return ContractDay(instrument.code, delivery, instrument.expires, figures.open_interest, volume, figures.close)


def _finest(keys: list[int], day: date) -> list[tuple[Instrument, str]]:
    """The instruments of ``keys`` with bars around the day, each with the shortest interval of these."""
    rows = BarCoverage.objects.filter(instrument__in=keys, first_day__lte=day, last_day__gte=day).exclude(interval=DAY)
    shortest: dict[int, tuple[int, Instrument, str]] = {}
    for row in rows.select_related("instrument"):
        minutes = parse_interval(row.interval) or 0
        if row.instrument_id not in shortest or minutes < shortest[row.instrument_id][0]:
            shortest[row.instrument_id] = (minutes, row.instrument, row.interval)
    return [(instrument, interval) for _minutes, instrument, interval in shortest.values()]


def _summed(bars: BarSeries, day: date) -> DayFigures:
    interest = [value for value in bars.open_interest.tolist() if not isnan(value)]
    return DayFigures(
        day,
        float(bars.open[0]),
        float(bars.close[-1]),
        float(bars.volume.sum()),
        interest[-1] if interest else float("nan"),
        bars.interval,
        int(bars.start[-1]),
    )
