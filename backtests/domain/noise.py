"""Would the result survive slightly other prices? Bars with noise on the tick grid, and many runs on them.

A rule that is there in the market does not hang on single ticks. Every price of every bar is moved by a whole
number of ticks of its own, drawn from a normal distribution and rounded; high and low are then widened so that
``low <= open, close <= high`` holds again. Times, volumes and trading days stay as they are, and the move of one
bar knows nothing of the one before: the path of the market is kept, its ripples are drawn anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtests.domain.engine import RunConfig, prepare
from backtests.domain.monte_carlo import Spread
from backtests.domain.result import RunResult
from backtests.domain.statistics_returns import FLAT
from marketdata.domain.bars import PRICE_COLUMNS, BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from strategies.domain.strategy import BaseStrategy

Floats = npt.NDArray[np.float64]
Objective = Callable[[RunResult], float | None]
"""What is judged of a run, such as its Sharpe ratio; None where it is undefined."""

SHARE = 0.1
"""Noise as a share of the mean range of a bar, unless given."""

RUNS = 20


@dataclass(frozen=True, slots=True)
class NoiseTest:
    """The objective on the bars as they were (``value``) and over ``runs`` noisy ones.

    ``values`` has one number for each run that has one, shape ``(defined,)``; ``spread`` None if none has.
    ``ticks`` is the standard deviation of the noise before rounding; ``kept`` the median over the value as it was,
    None unless that is above 0; ``loss`` the share of runs at or below 0, undefined ones among them.
    """

    value: float | None
    ticks: float
    runs: int
    values: Floats
    spread: Spread | None
    kept: float | None
    loss: float


def usual_ticks(bars: BarSeries, price_tick: float, share: float = SHARE) -> float:
    """A fitting standard deviation in ticks: ``share`` of the mean range of a bar, at least half a tick."""
    mean = float((bars.high - bars.low).mean()) if len(bars) else 0.0
    return max(0.5, share * mean / price_tick)


def noisy_bars(bars: BarSeries, price_tick: float, ticks: float, seed: int) -> BarSeries:
    """The bars with normal noise of ``ticks`` standard deviation on each price, rounded to whole ticks.

    A price on the grid stays on it, one off it (an adjusted series) keeps its distance; none falls below one tick
    that was not there. The same seed gives the same bars. Raises ``RuleError`` ``invalid_noise`` for a negative
    ``ticks`` or a tick of 0.
    """
    if not (np.isfinite(ticks) and ticks >= 0 and price_tick > 0):
        given = {"ticks": ticks, "tick": price_tick}
        text = say("Noise must be 0 ticks or more of a tick above 0, not %(ticks)r of %(tick)r.", **given)
        raise RuleError("invalid_noise", text, fields={"ticks": text})
    prices = np.stack([getattr(bars, name) for name in PRICE_COLUMNS])
    moves = np.rint(np.random.default_rng(seed).normal(0.0, ticks, prices.shape))
    moved = np.maximum(np.round(prices + moves * price_tick, 10), np.minimum(prices, price_tick))
    opened, _, _, closed = moved
    columns = (opened, moved.max(axis=0), moved.min(axis=0), closed, bars.volume, bars.turnover, bars.open_interest)
    return BarSeries(bars.instrument, bars.interval, bars.start, bars.trading_day, *columns)


def noise_test(
    bars: BarSeries,
    config: RunConfig,
    strategy: Callable[[], BaseStrategy],
    objective: Objective,
    *,
    runs: int = RUNS,
    ticks: float | None = None,
    seed: int = 0,
) -> NoiseTest:
    """Run a new ``strategy()`` on the bars and on ``runs`` noisy versions of them (seeds from ``seed`` on).

    ``ticks`` as in :func:`noisy_bars`, by default :func:`usual_ticks`. Raises ``RuleError`` ``invalid_noise``.
    """
    if runs < 1:
        text = say("runs must be at least 1, not %(runs)s.", runs=runs)
        raise RuleError("invalid_noise", text, fields={"runs": text})
    tick = config.costs.price_tick
    width = usual_ticks(bars, tick) if ticks is None else ticks
    value = _judged(bars, config, strategy, objective)
    found = [_judged(noisy_bars(bars, tick, width, seed + run), config, strategy, objective) for run in range(runs)]
    values = np.array([number for number in found if number is not None], dtype=np.float64)
    spread = Spread.of(values) if len(values) else None
    kept = spread.median / value if spread and value is not None and value > FLAT else None
    loss = float((values <= 0.0).sum() + runs - len(values)) / runs
    return NoiseTest(value, width, runs, values, spread, kept, loss)


def _judged(
    bars: BarSeries, config: RunConfig, strategy: Callable[[], BaseStrategy], objective: Objective
) -> float | None:
    return objective(prepare(bars, config).run(strategy()))
