"""The bars behind channels: the last stored ones, what has closed since, and the bar that is forming."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import fields
from operator import attrgetter

import numpy as np

from marketdata.domain.bars import Bar, BarSeries
from marketdata.domain.ticks import BarMessage

SHOWN = 300
"""Closed bars in a snapshot."""
MERGE = 128
"""Bars that came from the stream are put to the stored columns by so many at once."""

_COLUMNS = [field.name for field in fields(BarSeries)[2:]]


class Book:
    """The bars of one instrument and interval, ascending by start; ``loaded`` once the stored ones are in."""

    def __init__(self, code: str, interval: str) -> None:
        self.code = code
        self.interval = interval
        self.loaded = False
        self.forming: BarMessage | None = None
        self._stored = BarSeries.empty(code, interval)
        self._new: list[BarMessage] = []

    def load(self, stored: BarSeries) -> None:
        """Put stored bars under what has come from the stream in the meantime."""
        first = self._new[0].start if self._new else None
        self._stored = stored if first is None else stored.take(stored.start < first)
        self.loaded = True

    def add(self, bar: BarMessage) -> None:
        """Take a closed bar; one that is there already is replaced (a settlement came), an older one ignored."""
        if self.forming is not None and self.forming.start <= bar.start:
            self.forming = None
        new = self._new
        place = bisect_left(new, bar.start, key=attrgetter("start"))
        if place < len(new) and new[place].start == bar.start:
            new[place] = bar
            return
        if place == 0 and len(self._stored) and bar.start <= self._stored.start[-1]:
            if bar.start < self._stored.start[-1]:
                return
            self._stored = self._stored.take(slice(None, -1))
        new.insert(place, bar)
        if len(new) > MERGE and self.loaded:
            self._stored = self.series(forming=False)
            new.clear()

    def __len__(self) -> int:
        return len(self._stored) + len(self._new)

    def newest(self, count: int = SHOWN) -> list[BarMessage]:
        """The last closed bars, oldest first."""
        new = self._new[-count:]
        rest = count - len(new)
        stored = self._stored.take(slice(-rest, None)) if rest else BarSeries.empty(self.code, self.interval)
        return [*self._messages(stored), *new]

    def series(self, *, forming: bool) -> BarSeries:
        """All bars as columns, the forming one last if it is asked for."""
        extra = [*self._new, *([self.forming] if forming and self.forming is not None else [])]
        if not extra:
            return self._stored
        rows = ([getattr(bar, name) for bar in extra] for name in _COLUMNS)
        pairs = zip((getattr(self._stored, name) for name in _COLUMNS), rows, strict=True)
        columns = [np.concatenate([stored, np.array(added, dtype=stored.dtype)]) for stored, added in pairs]
        return BarSeries(self.code, self.interval, *columns)

    def _messages(self, series: BarSeries) -> Iterable[BarMessage]:
        columns = (getattr(series, name).tolist() for name in _COLUMNS)
        for row in zip(*columns, strict=True):
            bar = Bar(*row)
            yield BarMessage(
                self.code, self.interval, bar.start, bar.trading_day, bar.open, bar.high, bar.low, bar.close,
                int(bar.volume), bar.turnover, bar.open_interest,
            )  # fmt: skip
