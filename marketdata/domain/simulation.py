"""Made-up bars for demonstrations and tests; whatever comes from here is labelled as simulated.

The model is a random walk that leans back to its start price, with clustered volatility, fat tails, gaps over night and
the day's usual shape of volume. It is meant to look plausible on a chart, not to be traded on.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import InstrumentSpec
from marketdata.domain.intervals import interval_name
from marketdata.domain.sessions import SessionTable
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

FloatColumn = npt.NDArray[np.float64]
LongColumn = npt.NDArray[np.int64]

DAILY_VOLATILITY = 0.012
"""Standard deviation of a day's log return in a quiet market, about that of rb."""

VOLATILITY_MEMORY = 0.94
"""How much of a day's volatility is still there the day after (the decay that RiskMetrics uses)."""

VOLATILITY_SHOCK = 0.12
PULL_A_DAY = 0.004
"""Share of the distance to the start price that is taken back each day, so that years of bars stay in a sane range."""

TAIL_DEGREES = 5
"""Degrees of freedom of the Student-t returns; a kurtosis of 9 a bar before volatility clusters."""

GAP_SHARE = 0.35
"""Size of the gap at a session's opening, in daily standard deviations."""

LOTS_A_DAY = 900_000
OPEN_INTEREST = 1_500_000


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where each bar lies in its day, shape ``(bars,)``; ``days`` is their number."""

    day: LongColumn
    first_of_day: LongColumn
    opens_session: npt.NDArray[np.bool_]
    weight: FloatColumn
    days: int


def simulate_bars(
    spec: InstrumentSpec,
    table: SessionTable,
    first_day: date,
    last_day: date,
    *,
    minutes: int,
    seed: int,
    start_price: float,
) -> BarSeries:
    """Bars of ``minutes`` on every trading day from ``first_day`` to ``last_day``, both included.

    The same arguments give the same bars. Prices are positive multiples of the price tick, volume and open interest
    whole lots, turnover yuan; every bar has volume. Raises :class:`RuleError` ``not_simulated`` for an instrument
    that is not marked as simulated, ``invalid_start_price`` where the price is below one tick.
    """
    if not spec.simulated:
        text = say("%(code)s is a real instrument: made-up bars belong to a simulated one.", code=spec.code)
        raise RuleError("not_simulated", text)
    if not start_price >= spec.price_tick:
        given = {"price": start_price, "tick": spec.price_tick}
        text = say("Start price %(price)s is below one price tick (%(tick)s).", **given)
        raise RuleError("invalid_start_price", text)
    start, trading_day = table.grid_between(first_day, last_day, minutes)
    interval = interval_name(minutes)
    if not len(start):
        return BarSeries.empty(spec.code, interval)
    random = np.random.default_rng(seed)
    shape = _shape(start, trading_day, minutes)
    volatility = _volatility(random, shape)
    closes = _closes(random, shape, volatility, start_price / spec.price_tick)
    opens, highs, lows = _ranges(random, shape, closes, volatility * closes)
    volume = np.rint(LOTS_A_DAY * shape.weight * random.lognormal(-0.08, 0.4, len(start))) + 1
    interest = np.rint(
        OPEN_INTEREST * np.exp(np.cumsum(random.normal(0, 0.02 / np.sqrt(len(start) / shape.days), len(start))))
    )
    opens, highs, lows, closes = (np.round(ticks * spec.price_tick, 10) for ticks in (opens, highs, lows, closes))
    turnover = volume * spec.multiplier * (opens + highs + lows + closes) / 4
    return BarSeries(spec.code, interval, start, trading_day, opens, highs, lows, closes, volume, turnover, interest)


def _shape(start: LongColumn, trading_day: npt.NDArray[np.int32], minutes: int) -> _Shape:
    """Days and sessions of the grid; a day's weights sum to 1 and are highest where a session opens."""
    day = np.cumsum(np.diff(trading_day, prepend=trading_day[:1]) > 0, dtype=np.int64)
    first_of_day = np.flatnonzero(np.diff(day, prepend=-1))
    opens_session = np.diff(start, prepend=start[:1] - 1) > 4 * 3_600_000_000_000
    opens_session[0] = True
    since = np.arange(len(start)) - np.maximum.accumulate(np.where(opens_session, np.arange(len(start)), 0))
    raw = 1 + 2.5 * np.exp(-since * minutes / 20)
    weight = raw / np.bincount(day, weights=raw)[day]
    return _Shape(day, first_of_day, opens_session, weight, len(first_of_day))


def _volatility(random: np.random.Generator, shape: _Shape) -> FloatColumn:
    """The standard deviation of each bar's log return: the day's, clustered, spread by the weight of the bar."""
    shocks = random.normal(0, VOLATILITY_SHOCK, shape.days)
    level = np.empty(shape.days)
    current = 0.0
    for index, shock in enumerate(shocks):
        current = VOLATILITY_MEMORY * current + shock
        level[index] = current
    spread: FloatColumn = DAILY_VOLATILITY * np.exp(level)[shape.day] * np.sqrt(shape.weight)
    return spread


def _closes(random: np.random.Generator, shape: _Shape, volatility: FloatColumn, start_ticks: float) -> FloatColumn:
    """The close of each bar in whole ticks, at least one."""
    fat = random.standard_t(TAIL_DEGREES, len(volatility)) / np.sqrt(TAIL_DEGREES / (TAIL_DEGREES - 2))
    gaps = random.normal(0, GAP_SHARE * DAILY_VOLATILITY, len(volatility)) * shape.opens_session
    moves = fat * volatility + gaps
    passed = np.cumsum(moves)
    change = np.add.reduceat(moves, shape.first_of_day)
    level = np.empty(shape.days)
    current = 0.0
    for index, day_change in enumerate(change):
        level[index] = current
        current = (1 - PULL_A_DAY) * current + day_change
    before = (passed - moves)[shape.first_of_day]
    path = level[shape.day] + passed - before[shape.day]
    closes: FloatColumn = np.maximum(np.rint(start_ticks * np.exp(path)), 1.0)
    return closes


def _ranges(
    random: np.random.Generator, shape: _Shape, closes: FloatColumn, spread: FloatColumn
) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Open, high and low of each bar in whole ticks: a session opens near its first close, a bar at the last one."""
    before = np.concatenate((closes[:1], closes[:-1]))
    opened = np.where(shape.opens_session, closes, before) + np.rint(random.normal(0, 0.5, len(closes)))
    opens = np.maximum(opened, 1.0)
    above = np.floor(random.exponential(0.5, len(closes)) * spread)
    below = np.floor(random.exponential(0.5, len(closes)) * spread)
    return opens, np.maximum(opens, closes) + above, np.maximum(np.minimum(opens, closes) - below, 1.0)
