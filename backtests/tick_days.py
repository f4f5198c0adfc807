"""Recorded ticks as a run takes them: one trading day in memory at a time, and bars built from them.

Light: a file of archived ticks is opened when a day is read that lies in one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from backtests.domain.hosted_exchange import HostedLeg
from backtests.domain.hosted_feed import HostedDay
from backtests.domain.legs import Leg
from backtests.domain.tick_day import TickDay
from marketdata.built_bars import built_series
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.instruments import contract_of
from marketdata.models import Instrument
from marketdata.ticks.days import tick_days
from marketdata.ticks.models import Tick

TICK = "tick"
"""What stands in place of an interval for a run on every tick."""

MINUTE = "1m"
"""The bars that reports and statistics of a run on every tick are made of."""


def recorded_days(instrument: Instrument, start: date | None, end: date | None) -> Iterator[TickDay]:
    """The trading days with ticks, both ends included, each read when it is asked for.

    Raises ``MissingError`` where the hours of the product or the calendar are not known.
    """
    table = contract_of(instrument).table
    for series in _series(instrument, start, end):
        day = int(series.trading_day[0])
        plan = table.plan(day)
        yield TickDay(day, plan.opens, plan.closes, series.rows())


def hosted_days(instruments: Sequence[Instrument], start: date | None, end: date | None) -> Iterator[HostedDay]:
    """The trading days on which any of the instruments has ticks, likewise; raises as :func:`recorded_days` does."""
    within = (start or date.min, end or date.max)
    for day in sorted({day for instrument in instruments for day in tick_days(instrument, *within)}):
        ticks = tuple(Tick.objects.series(instrument, day, day).rows() for instrument in instruments)
        if any(ticks):
            yield HostedDay(to_day_number(day), ticks)


def hosted_legs(instruments: Sequence[Instrument], legs: Sequence[Leg]) -> list[HostedLeg]:
    """The legs of a run with what their contracts are. Raises ``MissingError`` where nobody knows their hours."""
    return [HostedLeg(leg, contract_of(instrument)) for instrument, leg in zip(instruments, legs, strict=True)]


def built_interval(interval: str, rules: Mapping[str, Any]) -> str | None:
    """The interval of the bars that a run builds from ticks; None for one that takes stored bars."""
    if interval == TICK:
        return MINUTE
    return interval if rules.get("ticks") else None


def bars_built(instrument: Instrument, interval: str, start: date | None, end: date | None) -> tuple[BarSeries, str]:
    """Bars of the recorded ticks, and the data hash: the SHA-256 (hex) over the checksums of the days' ticks.

    Raises as :func:`recorded_days` does.
    """
    contract, digest = contract_of(instrument), hashlib.sha256()
    parts = [BarSeries.empty(instrument.code, interval)]
    for series in _series(instrument, start, end):
        digest.update(series.checksum().encode("ascii"))
        parts.append(built_series(instrument.code, interval, build_bars(series.rows(), contract, (interval,))).series)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return BarSeries(instrument.code, interval, **columns), digest.hexdigest()


_COLUMNS = ("start", "trading_day", *VALUE_COLUMNS)


def tick_hash(instrument: Instrument, start: date | None, end: date | None) -> str:
    """The data hash of :func:`bars_built`, without building anything."""
    digest = hashlib.sha256()
    for series in _series(instrument, start, end):
        digest.update(series.checksum().encode("ascii"))
    return digest.hexdigest()


def _series(instrument: Instrument, start: date | None, end: date | None) -> Iterator[TickSeries]:
    for day in tick_days(instrument, start or date.min, end or date.max):
        series = Tick.objects.series(instrument, day, day)
        if len(series):
            yield series
