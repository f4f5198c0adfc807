"""Indicator channels: one value a bar, final with the closed one, live on the forming one."""

from collections import deque
from typing import Any

from marketdata.domain.bars import BarSeries
from marketdata.domain.indicator_values import bars_needed, compute
from marketdata.domain.live_indicator import LiveIndicator
from marketdata.domain.talib_catalogue import Memory
from marketdata.domain.ticks import BarMessage
from marketdata.hub.books import SHOWN, Book
from marketdata.hub.channels import Channel
from marketdata.hub.clients import Batch
from marketdata.hub.messages import Data, day_text, instant_text


def bars_before(live: LiveIndicator) -> int | None:
    """How many closed bars make its values final; None for all there are."""
    if live.indicator.memory(live.values) is Memory.CUMULATIVE:
        return None
    return bars_needed(live.indicator, live.values) + SHOWN


class IndicatorChannel(Channel):
    """The values of one indicator on the bars of a book."""

    def __init__(self, name: str, batch: Batch, book: Book, live: LiveIndicator) -> None:
        super().__init__(name, batch)
        self._book = book
        self._live = live
        self._points: deque[Data] = deque(maxlen=SHOWN)
        self._told: Data | None = None

    def warm(self, bars: BarSeries) -> None:
        """Begin with these closed bars, and what has closed since."""
        self._live.warm(bars)
        found = compute(self._live.indicator, self._live.values, bars) if len(bars) else {}
        columns = [column[-SHOWN:].tolist() for column in found.values()]
        stamps = zip(bars.start[-SHOWN:].tolist(), bars.trading_day[-SHOWN:].tolist(), strict=True)
        for (start, day), *values in zip(stamps, *columns, strict=True) if columns else ():
            self._points.append(_point(start, day, dict(zip(found, values, strict=True)), final=True))
        for bar in self._book.newest():
            self._close(bar)

    def state(self) -> Any:
        """The values of the last closed bars, oldest first, and the one on the forming bar."""
        return {"outputs": list(self._live.indicator.outputs), "values": list(self._points), "forming": self._forming()}

    def on_bar(self, bar: BarMessage) -> None:
        """Tell the final value of a bar that has closed."""
        if self._close(bar):
            self.publish(self._points[-1], conflate=False)

    def on_forming(self) -> None:
        """Tell the value on the forming bar, if it has changed."""
        point = self._forming()
        if point is not None and point != self._told:
            self._told = point
            self.publish(point, conflate=True)

    def _close(self, bar: BarMessage) -> bool:
        if bar.start <= self._live.newest:
            return False
        self._live.close(bar)
        self._points.append(_point(bar.start, bar.trading_day, self._live.value(), final=True))
        return True

    def _forming(self) -> Data | None:
        bar = self._book.forming
        if bar is None or bar.start <= self._live.newest:
            return None
        return _point(bar.start, bar.trading_day, self._live.value(bar), final=False)


def _point(start: int, day: int, values: dict[str, float], *, final: bool) -> Data:
    return {"start": instant_text(start), "trading_day": day_text(day), "values": values, "final": final}
