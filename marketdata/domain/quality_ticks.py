"""What is wrong with the ticks of one trading day, as columns in and findings out."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketdata.domain.quality_score import Fault, Finding, first_examples
from marketdata.domain.tick_series import TickSeries
from marketdata.domain.ticks import BACKWARD
from quantsite.common.numbers import on_grid_array
from quantsite.common.times import NS_PER_DAY

Flags = npt.NDArray[np.bool_]

QUOTED = ("last", "bid_price", "ask_price")
NS_PER_MS = 1_000_000
SKEW_ALLOWED_MS = 500.0
"""Exchanges stamp every half second, and the way to us takes some ms."""
SKEW_WORST_MS = 10_000.0
"""From here on the clock cannot cost more."""
RECORDED_LIVE_NS = NS_PER_DAY
"""A tick received later than this was replayed or imported: its delay says nothing about a clock."""


@dataclass(frozen=True, slots=True)
class Skew:
    """Received less the exchange's time, in ms: the median and the 99th percentile of its size."""

    median: float
    p99: float


def skew_of(ticks: TickSeries) -> Skew | None:
    """The clock skew of ticks that were received live; None where there are none."""
    delay = ticks.received - ticks.time
    live = (ticks.received > 0) & (np.abs(delay) < RECORDED_LIVE_NS) & (ticks.flags == 0)
    if not live.any():
        return None
    ms = delay[live] / NS_PER_MS
    return Skew(float(np.median(ms)), float(np.percentile(np.abs(ms), 99)))


def clock_skew(skew: Skew | None) -> Finding:
    """Costs from half a second on; ``count`` is the ms beyond."""
    beyond = max(0.0, abs(skew.median) - SKEW_ALLOWED_MS) if skew else 0.0
    return Finding(Fault.CLOCK_SKEW, round(beyond, 1), SKEW_WORST_MS)


def crossed(ticks: TickSeries) -> Finding:
    """Quotes whose bid is at or above the ask, in ticks within the sessions."""
    wrong = (ticks.bid_price >= ticks.ask_price) & (ticks.bid_volume > 0) & (ticks.ask_volume > 0) & (ticks.flags == 0)
    return _finding(Fault.CROSSED, ticks, wrong, "bid_price", ticks.ask_price)


def locked(ticks: TickSeries) -> int:
    """How many of the crossed quotes have a bid equal to the ask."""
    return int(((ticks.bid_price == ticks.ask_price) & (ticks.bid_volume > 0) & (ticks.ask_volume > 0)).sum())


def backward(ticks: TickSeries) -> Finding:
    """Ticks that go back in time or in volume, as their source flagged them."""
    return _finding(Fault.BACKWARD, ticks, (ticks.flags & BACKWARD) != 0, "volume", np.full(len(ticks), np.nan))


def off_tick(ticks: TickSeries, price_tick: float | None) -> Finding:
    """Ticks of which the last price or a quote is no multiple of the price tick; no quote (NaN) is none."""
    if price_tick is None:
        return Finding(Fault.OFF_TICK, 0, len(ticks))
    prices = np.array([getattr(ticks, name) for name in QUOTED])
    wrong = np.isfinite(prices) & ~on_grid_array(np.where(np.isfinite(prices), prices, 0.0), price_tick)
    return _of_prices(Fault.OFF_TICK, ticks, prices, wrong, np.full(prices.shape, price_tick))


def outside_limits(ticks: TickSeries, price_tick: float | None) -> Finding:
    """Ticks of which the last price or a quote lies outside the limits that they carry themselves."""
    slack = (price_tick or 0.0) / 2
    prices = np.array([getattr(ticks, name) for name in QUOTED])
    above, below = prices > ticks.upper_limit + slack, prices < ticks.lower_limit - slack
    against = np.where(above, ticks.upper_limit, ticks.lower_limit)
    return _of_prices(Fault.OUTSIDE_LIMITS, ticks, prices, above | below, against)


def limits_of(ticks: TickSeries) -> tuple[float, float]:
    """The last upper and lower limit that the ticks carry, NaN where none does."""
    return _last_known(ticks.upper_limit), _last_known(ticks.lower_limit)


def _last_known(column: npt.NDArray[np.float64]) -> float:
    known = column[np.isfinite(column)]
    return float(known[-1]) if len(known) else float("nan")


def _of_prices(
    fault: Fault, ticks: TickSeries, prices: npt.NDArray[np.float64], wrong: Flags, against: npt.NDArray[np.float64]
) -> Finding:
    """A finding over ticks of which any price is wrong; the arrays have shape ``(3, n)``."""
    rows = np.flatnonzero(wrong.any(axis=0))
    which = wrong[:, rows].argmax(axis=0)
    examples = first_examples(
        ticks.time[rows].tolist(),
        name=[QUOTED[row] for row in which.tolist()],
        value=prices[which, rows].tolist(),
        against=against[which, rows].tolist(),
    )
    return Finding(fault, len(rows), len(ticks), examples)


def _finding(fault: Fault, ticks: TickSeries, wrong: Flags, name: str, against: npt.NDArray[np.float64]) -> Finding:
    rows = np.flatnonzero(wrong)
    values = getattr(ticks, name)[rows].astype(np.float64).tolist()
    held = [None if np.isnan(value) else value for value in against[rows].tolist()]
    examples = first_examples(ticks.time[rows].tolist(), name=[name] * len(rows), value=values, against=held)
    return Finding(fault, len(rows), len(ticks), examples)
