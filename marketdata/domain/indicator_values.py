"""The values of an indicator over columns of bars, and how many bars they need before them to be final."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicator_parameters import longest_period, talib_arguments
from marketdata.domain.talib_catalogue import BARS_BACK, Indicator, Memory, Value, lookback

FORGOTTEN = 1e-12
"""Two starts that differ by less than this fraction of the largest value have been forgotten."""
FEWEST_BEFORE = 1_024
PERIODS_BEFORE = 64
"""A recursive value is first tried with so many bars, or longest periods, before the range; half of them is the
second start. Wilder's average, the slowest, has lost all but 1e-14 of its start after 32 periods."""
MORE_BEFORE = 4
"""How many times as many bars are tried next."""

Values = dict[str, FloatColumn]
Earlier = Callable[[int | None], BarSeries]
"""Gives up to so many bars that come right before the range, None for all of them."""


@dataclass(frozen=True, slots=True)
class FinalValues:
    """Values of a range, each output of the range's length; ``before`` bars were computed along with it.

    ``begins`` is the start (ns UTC) of the first bar of all, where the values count from that one.
    """

    values: Values
    before: int
    begins: int | None = None


def compute(indicator: Indicator, values: Mapping[str, Value], bars: BarSeries) -> Values:
    """The outputs by name, shape ``(n,)``, from these bars alone; NaN where too few come before.

    Functions that point to a bar (MAXINDEX ...) give how many bars ago it was; the MACD's difference is multiplied
    by ``histogram``.
    """
    if not len(bars):
        return {name: np.empty(0) for name in indicator.outputs}
    columns = [getattr(bars, name) for name in indicator.columns(values)]
    if indicator.own is not None:
        found = indicator.own(*columns, **values)
    else:
        arguments = talib_arguments(indicator, values)
        found = getattr(_talib(), indicator.function)(*columns, **arguments)
        found = _as_floats(indicator, arguments, found if isinstance(found, tuple | list) else (found,))
    outputs = dict(zip(indicator.outputs, found, strict=True))
    return scaled(indicator, values, outputs)


def scaled(indicator: Indicator, values: Mapping[str, Value], outputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs with the MACD's difference as large as was asked for."""
    if "macdhist" in indicator.outputs:
        outputs["macdhist"] = outputs["macdhist"] * values["histogram"]
    return outputs


def final_values(indicator: Indicator, values: Mapping[str, Value], bars: BarSeries, earlier: Earlier) -> FinalValues:
    """The values of ``bars`` as they are on the whole history, which ``earlier`` reads as far as it is needed.

    A window needs its look-back. What is recursive is computed from two starts, one half as far back as the other,
    and further back until both agree over the whole range. What is cumulative is computed from the first bar on.
    """
    if not len(bars):
        return FinalValues(compute(indicator, values, bars), 0)
    memory = indicator.memory(values)
    if memory is Memory.CUMULATIVE:
        whole = joined(earlier(None), bars)
        return _last(indicator, values, whole, len(bars), begins=int(whole.start[0]))
    if memory is Memory.WINDOW:
        return _last(indicator, values, joined(earlier(bars_needed(indicator, values)), bars), len(bars))
    return _forgotten(indicator, values, bars, earlier)


def bars_needed(indicator: Indicator, values: Mapping[str, Value]) -> int:
    """Bars before the first one whose value is wanted: enough for a window, a first try for what is recursive."""
    least = lookback(indicator, talib_arguments(indicator, values)) if indicator.own is None else 0
    if indicator.memory(values) is Memory.WINDOW:
        return least
    return least + max(FEWEST_BEFORE, PERIODS_BEFORE * longest_period(values))


def joined(first: BarSeries, second: BarSeries) -> BarSeries:
    """Two series of one instrument and interval, one after the other."""
    columns = [field.name for field in fields(BarSeries)[2:]]
    pairs = ((getattr(first, name), getattr(second, name)) for name in columns)
    return BarSeries(second.instrument, second.interval, *(np.concatenate(pair) for pair in pairs))


def _forgotten(indicator: Indicator, values: Mapping[str, Value], bars: BarSeries, earlier: Earlier) -> FinalValues:
    wanted = bars_needed(indicator, values)
    while True:
        before = earlier(wanted)
        far = _last(indicator, values, joined(before, bars), len(bars))
        if len(before) < wanted:
            return far
        near = compute(indicator, values, joined(before.take(slice(len(before) // 2, None)), bars))
        if all(_agree(far.values[name], near[name][-len(bars) :]) for name in indicator.outputs):
            return far
        wanted *= MORE_BEFORE


def _agree(one: FloatColumn, other: FloatColumn) -> bool:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return True
    size = np.max(np.abs(one), where=np.isfinite(one), initial=0.0)
    return bool((np.abs(one[~same] - other[~same]) <= FORGOTTEN * size).all())


def _last(
    indicator: Indicator, values: Mapping[str, Value], bars: BarSeries, count: int, *, begins: int | None = None
) -> FinalValues:
    found = compute(indicator, values, bars)
    kept = {name: column[len(bars) - count :] for name, column in found.items()}
    return FinalValues(kept, len(bars) - count, begins)


def _as_floats(indicator: Indicator, arguments: Mapping[str, Any], found: Any) -> list[FloatColumn]:
    """Whole numbers too, whose first ones TA-Lib gives as 0 although it does not know them."""
    columns = []
    unknown = None
    for column in found:
        floats = np.asarray(column, dtype=np.float64)
        if column.dtype.kind == "i":
            unknown = lookback(indicator, arguments) if unknown is None else unknown
            if indicator.name in BARS_BACK:
                floats = np.arange(len(floats)) - floats
            floats = floats.copy()
            floats[:unknown] = np.nan
        columns.append(floats)
    return columns


def _talib() -> Any:
    import talib  # noqa: PLC0415 - loaded with the first indicator: the web process must start light

    return talib
