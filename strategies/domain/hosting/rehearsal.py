"""Bringing a strategy to where a backtest over past bars would have brought it.

A strategy by columns is asked for its last target. A plain one goes through the bars with an ideal exchange, so that
what it remembers of its own fills is what a backtest's would be. An event strategy begins at its start: what rests of
its orders is built anew when trading begins.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.hosting.bar_exchange import BarExchange
from strategies.domain.hosting.driving import PlainDriver, TargetDriver, finite_target
from strategies.domain.strategy import BaseStrategy
from strategies.domain.windowed import target_column

if TYPE_CHECKING:
    from strategies.domain.hosting.host import LiveHost


def together(series: Sequence[BarSeries]) -> Iterator[tuple[Bar | None, ...]]:
    """The bars of all legs, those that start together as one tuple, ``None`` where a leg has none."""
    rows = sorted(
        ((bar.start, leg, bar) for leg, bars in enumerate(series) for bar in bars.rows()), key=lambda row: row[:2]
    )
    for _start, group in groupby(rows, key=lambda row: row[0]):
        there = {leg: bar for _at, leg, bar in group}
        yield tuple(there.get(leg) for leg in range(len(series)))


class Outcome(NamedTuple):
    """Of one leg at the end of a rehearsal: the lots that the last signal asked for, and those that were held."""

    wanted: int
    held: int


def rehearse(host: "LiveHost", strategy: BaseStrategy) -> dict[int, Outcome]:
    """Let ``host`` drive ``strategy`` as a backtest over the bars that it keeps leaves it; gives legs with a target."""
    series = [leg.bars.series(len(leg.bars)) for leg in host.legs]
    host.take_on(strategy)
    driver = host.driver
    if isinstance(driver, PlainDriver):
        return _play(host, strategy, series)
    if driver is not None:
        driver.refill(series[0].take(slice(max(0, len(series[0]) - driver.window()), None)).rows())
    if isinstance(driver, TargetDriver) and len(series[0]):
        column = target_column(strategy, series[0])
        told = np.flatnonzero(~np.isnan(column))
        if len(told):
            lots = round(finite_target(float(column[told[-1]])) * host.setup.unit)
            return {0: Outcome(lots, lots)}
    return {}


def _play(host: "LiveHost", strategy: BaseStrategy, series: Sequence[BarSeries]) -> dict[int, Outcome]:
    """All bars through a host of its own; what the strategy has resting at the end is handed over."""
    shadow = type(host)(strategy, [leg.terms for leg in host.legs], host.setup)
    shadow.orders.numbers = host.orders.numbers
    exchange = BarExchange(shadow, [leg.terms for leg in host.legs])
    day = -1
    for bars in together(series):
        at = next(bar.start for bar in bars if bar is not None)
        now = max(bar.trading_day for bar in bars if bar is not None)
        if now != day:
            day = now
            begin_bar_day(shadow, exchange, day, at)
        for leg, bar in enumerate(bars):
            if bar is not None:
                exchange.meet(leg, bar)
        exchange.carry(shadow.on_bars(bars, at), at)
    strategy.desk = host.desk
    host.orders.take_over(shadow.orders)
    return {leg: Outcome(lots, shadow.positions[leg]) for leg, lots in shadow.wanted.items()}


def begin_bar_day(host: "LiveHost", exchange: BarExchange, day: int, at: int) -> None:
    """On bars a trading day's market is open from its first bar on."""
    exchange.carry(host.begin_day(day), at)
    for leg in range(len(host.legs)):
        exchange.carry(host.open(leg, at), at)
