"""What an author's tests ask of a strategy, on made markets, without a database: ``manage.py new_strategy`` writes one.

Made prices are a random walk on the tick grid: enough to find what looks ahead, nothing to measure a profit on.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead import look_ahead_in
from backtests.domain.lookahead_market import Make, Market
from backtests.domain.lookahead_ticks import TickMarket
from backtests.domain.lookahead_warm_up import warm_ups_in
from backtests.domain.result import FillTable
from backtests.domain.tick_day import TickDay
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_DAY
from strategies.domain.forms import forms
from strategies.domain.strategy import BaseStrategy
from strategies.loading_import import load
from strategies.loading_places import Broken, SourceFile, place_of

__all__ = [
    "BaseStrategy", "Deal", "deals", "faults_of", "made_bars", "made_ticks", "market_of", "still_bars", "still_ticks",
    "strategy_class",
]  # fmt: skip

BARS, DAY_BARS = 3_600, 72
TICKS, DAYS = 1_500, 2
INTERVAL, NS_PER_BAR = "5m", 300_000_000_000
NINE = 3_600_000_000_000
"""Nine in the morning in Shanghai, within the UTC day: made days last until three in the afternoon, without breaks."""

HALF_SECOND = 500_000_000
PRICE = 4_000.0
CAPITAL, VOLUME = 1e9, 1.0
MULTIPLIER, PRICE_TICK = 10.0, 1.0


Floats = npt.NDArray[np.float64]


class Deal(NamedTuple):
    """One fill: the start of its bar or its instant (ns UTC), the leg, signed lots, the price."""

    at: int
    leg: int
    lots: float
    price: float


def strategy_class(path: Path) -> type[BaseStrategy]:
    """The strategy of a file. Raises ``AssertionError`` with file and line where it is broken."""
    place = place_of(str(path.resolve().parent))
    if place is None:
        raise AssertionError(f"{path.parent} is no folder")
    found = load(SourceFile(place, path.resolve()))
    if isinstance(found, Broken):
        raise AssertionError(f"{found.error_text}\n{found.traceback}")
    return found


def market_of(closes: Sequence[Sequence[float]], day_bars: int = DAY_BARS) -> Market:
    """Bars whose four prices are their close, one row of closes for each leg: for cases computed by hand."""
    rows = [np.array([leg] * 4, dtype=np.float64) for leg in closes]
    return Market([_leg(number, _series(row, day_bars)) for number, row in enumerate(rows)], RunSetup(CAPITAL, VOLUME))


def made_bars(legs: int = 1, seed: int = 8) -> Market:
    """Fifty days of 72 five-minute bars, a walk for each leg."""
    chance = np.random.default_rng(seed)
    made = [_leg(number, _series(_walk(chance), DAY_BARS)) for number in range(legs)]
    return Market(made, RunSetup(CAPITAL, VOLUME))


def still_bars(legs: int = 1) -> Market:
    """Ten days on which nothing moves."""
    return market_of([[PRICE] * 10 * DAY_BARS] * legs)


def made_ticks(seed: int = 8) -> TickMarket:
    """Two days of ticks, two a second, with quotes that walk and sizes that change."""
    chance = np.random.default_rng(seed)
    last = PRICE + chance.integers(-1, 2, TICKS * DAYS).cumsum()
    sizes = chance.integers(1, 30, (TICKS * DAYS, 2)).astype(np.float64)
    return _tick_market(last, sizes)


def still_ticks() -> TickMarket:
    """Two days of ticks on which nothing moves."""
    return _tick_market(np.full(TICKS * DAYS, PRICE), np.full((TICKS * DAYS, 2), 10.0))


def faults_of(make: Make, market: Market) -> list[str]:
    """One sentence for each decision that hangs on what comes later, or on what is older than ``warm_up`` says."""
    found = [fault.sentence for fault in look_ahead_in(market, make).faults]
    return found + [warm.sentence for warm in warm_ups_in(market, make) if warm.short]


def deals(make: Make, market: Market) -> list[list[Deal]]:
    """What is traded in each form that a host may choose, the first one run once more at the end."""
    ways = market.forms(type(make())) if isinstance(market, TickMarket) else forms(type(make()))
    return [_deals(market.run(make, form).fills) for form in (*ways, ways[0])]


def _deals(fills: FillTable) -> list[Deal]:
    columns = (fills.start, fills.leg, fills.direction * fills.volume, fills.price)
    return [Deal(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _walk(chance: np.random.Generator) -> Floats:
    """Open, high, low and close on whole ticks: shape ``(4, BARS)``."""
    moves = chance.integers(-4, 5, (BARS, 3))
    close = PRICE + moves[:, 0].cumsum()
    opened = np.concatenate([[PRICE], close[:-1]])
    high = np.maximum(opened, close) + abs(moves[:, 1])
    return np.stack([opened, high, np.minimum(opened, close) - abs(moves[:, 2]), close]).astype(np.float64)


def _series(prices: Floats, day_bars: int) -> BarSeries:
    number = np.arange(prices.shape[1])
    days = (number // day_bars).astype(np.int32)
    start = days.astype(np.int64) * NS_PER_DAY + NINE + number % day_bars * NS_PER_BAR
    volume = np.full(prices.shape[1], 100.0)
    opened, high, low, close = prices
    return BarSeries(
        "made", INTERVAL, start, days, opened, high, low, close, volume, volume * MULTIPLIER * close, volume
    )


def _leg(number: int, bars: BarSeries) -> Leg:
    fees, margins = FeeRates(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), MarginRates(0.1, 0.0, 0.1, 0.0)
    costs = CostTable(MULTIPLIER, PRICE_TICK, 0.0, (Dated(date.min, fees),), (Dated(date.min, margins),))
    return Leg(f"made{number}.SHFE", bars, costs)


def _tick_market(last: Floats, sizes: Floats) -> TickMarket:
    days = [_tick_day(day, last[day * TICKS :][:TICKS], sizes[day * TICKS :][:TICKS]) for day in range(DAYS)]
    closes = np.array([[day.ticks[-1].last] * 4 for day in days]).T
    bars = _series(closes, day_bars=1)
    return TickMarket(_leg(0, bars), days, RunSetup(CAPITAL, VOLUME))


def _tick_day(day: int, last: Floats, sizes: Floats) -> TickDay:
    """Ten lots at the last price between two ticks; the quotes are one price tick away on each side."""
    opens = day * NS_PER_DAY
    turnover = (10.0 * MULTIPLIER * last).cumsum().tolist()
    rows = enumerate(zip(last.tolist(), sizes.tolist(), turnover, strict=True), start=1)
    ticks = [
        Tick(
            "made0.SHFE", day, number, opens + number * HALF_SECOND, 0, price, 10 * number, traded, 0.0,
            price - PRICE_TICK, int(bid), price + PRICE_TICK, int(ask),
        )
        for number, (price, (bid, ask), traded) in rows
    ]  # fmt: skip
    return TickDay(day, opens, opens + NS_PER_DAY - 1, ticks)
