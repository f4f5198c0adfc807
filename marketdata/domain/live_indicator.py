"""The value of an indicator on the bar that is forming, tick by tick: TA-Lib's streams, one step a bar.

A stream gives to the last bit what the function gives over all of its bars, and looks at a forming bar without
taking it in. The project's own indicators, and streams that have too few bars to begin, are computed over a window.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.indicator_parameters import Given, parsed_parameters, talib_arguments
from marketdata.domain.indicator_values import bars_needed, compute, scaled
from marketdata.domain.talib_catalogue import BARS_BACK, PRICES, Indicator, Value, find_indicator
from marketdata.domain.ticks import BarMessage


class LiveIndicator:
    """One indicator of one series. Give it the closed bars first, then every bar that closes, in order."""

    def __init__(self, indicator: Indicator, values: Mapping[str, Value]) -> None:
        self.indicator = indicator
        self.values = dict(values)
        self._columns = indicator.columns(values)
        self._kept = bars_needed(indicator, values) + 1
        self.warm(BarSeries.empty("", ""))

    def warm(self, bars: BarSeries) -> None:
        """Begin anew with closed bars, ascending. Values are final as far as these bars reach back."""
        self._stream: Any = None
        self._count = len(bars)
        self.newest = int(bars.start[-1]) if len(bars) else 0
        self._bars = bars
        self._open()

    def close(self, bar: BarMessage) -> None:
        """Take in a bar that has closed; one that does not come after the newest is known already and left out."""
        if bar.start <= self.newest:
            return
        self.newest = bar.start
        self._count += 1
        if self._stream is not None:
            self._stream.update(*self._numbers(bar))
            return
        self._bars = _with(self._bars, bar)
        self._open()

    def value(self, forming: BarMessage | None = None) -> dict[str, float]:
        """The outputs on the forming bar; without one, or with one that has closed, on the newest closed bar.

        NaN where there are too few bars.
        """
        if forming is not None and forming.start <= self.newest:
            forming = None
        if self._stream is None:
            return self._computed(forming)
        found = self._stream.value if forming is None else self._stream.peek(*self._numbers(forming))
        numbers = [float(number) for number in (found if isinstance(found, tuple) else (found,))]
        if self.indicator.name in BARS_BACK:
            place = self._count - 1 if forming is None else self._count
            numbers = [place - number for number in numbers]
        return scaled(self.indicator, self.values, dict(zip(self.indicator.outputs, numbers, strict=True)))

    def _open(self) -> None:
        """Hand the bars over to a stream as soon as it takes them."""
        if self.indicator.own is not None:
            self._bars = self._bars.take(slice(-self._kept, None))
            return
        streams = _streams()
        columns = [getattr(self._bars, name) for name in self._columns]
        try:
            arguments = talib_arguments(self.indicator, self.values)
            self._stream = getattr(streams, self.indicator.function)(*columns, **arguments)
        except _too_few():
            return
        self._bars = BarSeries.empty("", "")

    def _numbers(self, bar: BarMessage) -> list[float]:
        return [float(getattr(bar, name)) for name in self._columns]

    def _computed(self, forming: BarMessage | None) -> dict[str, float]:
        bars = self._bars if forming is None else _with(self._bars, forming)
        found = compute(self.indicator, self.values, bars)
        return {name: float(column[-1]) if len(column) else float("nan") for name, column in found.items()}


def live_indicator(name: str, parameters: Given | None = None) -> LiveIndicator:
    """An indicator without bars yet. Raises as ``find_indicator`` and ``parsed_parameters`` do."""
    indicator = find_indicator(name)
    return LiveIndicator(indicator, parsed_parameters(indicator, parameters or {}))


def _with(bars: BarSeries, bar: BarMessage) -> BarSeries:
    def longer(name: str) -> FloatColumn:
        return np.append(getattr(bars, name), float(getattr(bar, name)))

    values = [longer(name) for name in (*PRICES, "turnover", "open_interest")]
    days = np.append(bars.trading_day, np.int32(bar.trading_day))
    return BarSeries(bar.instrument, bar.interval, np.append(bars.start, bar.start), days, *values)


def _streams() -> Any:
    import talib.stream  # noqa: PLC0415 - loaded with the first indicator: the web process must start light

    return talib.stream


def _too_few() -> Any:
    import talib  # noqa: PLC0415 - as above

    return talib.InsufficientHistory  # type: ignore[attr-defined]
