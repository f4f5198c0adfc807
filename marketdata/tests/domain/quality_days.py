"""A hand-made trading day of rb with its ticks, sound in every way; tests break one thing of it."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.domain.quality import DayFacts, DayReport, check_day
from marketdata.domain.quality_activity import Usual
from marketdata.domain.quality_bars import DayBars
from marketdata.domain.tick_series import TickSeries
from marketdata.tests.domain.recorded import table
from quantsite.common.times import NS_PER_MINUTE, NS_PER_SECOND

DAY = date(2024, 1, 4)
ALWAYS = Usual(stretch=0.0, share=0.0)
"""A contract that trades in every bar."""


def grid(minutes: int = 1) -> npt.NDArray[np.int64]:
    """345 starts of bars of one minute, the night from 21:00 of the evening before on."""
    return table("SHFE", "rb").grid(DAY, minutes)


def sound_bars(starts: npt.NDArray[np.int64] | None = None) -> BarSeries:
    """Bars that wander up and down by a tick, each with volume."""
    start = grid() if starts is None else starts
    close = 4000.0 + np.arange(len(start)) % 3
    columns = {
        "open": close,
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "volume": np.full(len(start), 10.0),
        "turnover": close * 100,
        "open_interest": np.full(len(start), 5_000.0),
    }
    day = np.full(len(start), to_day_number(DAY), np.int32)
    return BarSeries("rb2405.SHFE", "1m", start, day, *(columns[name] for name in VALUE_COLUMNS))


def changed(bars: BarSeries, name: str, place: int, value: float) -> BarSeries:
    """The bars with one figure replaced."""
    column = getattr(bars, name).copy()
    column[place] = value
    return replace(bars, **{name: column})


def without(bars: BarSeries, *places: int) -> BarSeries:
    """The bars without some of them."""
    return bars.take(np.delete(np.arange(len(bars)), places))


def day_of(bars: BarSeries, **about: Any) -> DayBars:
    """The day that these bars are of, held against the grid of rb and a tick of 1."""
    given: dict[str, Any] = {"grid": grid(), "step": NS_PER_MINUTE, "price_tick": 1.0}
    return DayBars(bars, **(given | about))


def report(bars: BarSeries, usual: Usual | None = ALWAYS, facts: DayFacts | None = None, **about: Any) -> DayReport:
    """The day's report."""
    return check_day(day_of(bars, **about), facts or DayFacts(), usual)


def sound_ticks(**columns: Any) -> TickSeries:
    """One tick in the middle of every minute, each with ten lots more; ``columns`` replace some of theirs."""
    time = grid() + 30 * NS_PER_SECOND
    count = len(time)
    made = {name: np.full(count, 4000.0) for name in ("last", "open", "high", "low", "average")}
    made |= {name: np.full(count, np.nan) for name in ("close", "settlement", "pre_settlement", "pre_close")}
    made |= {"turnover": np.zeros(count), "open_interest": np.zeros(count), "pre_open_interest": np.zeros(count)}
    made |= {"bid_price": np.full(count, 3999.0), "ask_price": np.full(count, 4001.0)}
    made |= {"upper_limit": np.full(count, 4400.0), "lower_limit": np.full(count, 3600.0)}
    longs = {"seq": np.arange(1, count + 1), "time": time, "received": time + 20_000_000, "flags": np.zeros(count)}
    longs |= {"volume": 10 * np.arange(1, count + 1), "bid_volume": np.ones(count), "ask_volume": np.ones(count)}
    day = np.full(count, to_day_number(DAY))
    return TickSeries("rb2405.SHFE", trading_day=day, **(made | longs | columns))


def spoiled(ticks: TickSeries, name: str, place: int, value: float) -> TickSeries:
    """The ticks with one figure replaced."""
    column = getattr(ticks, name).copy()
    column[place] = value
    return replace(ticks, **{name: column})
