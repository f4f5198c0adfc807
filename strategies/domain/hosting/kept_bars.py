"""The closed bars of a leg that a hosted strategy may look back on."""

import base64
import zlib
from typing import Any

import numpy as np

from marketdata.domain.bars import VALUE_COLUMNS, Bar, BarSeries
from quantsite.common.errors import RuleError
from quantsite.common.texts import say

MOST = 5_000
"""Bars kept at least, beside what a strategy was warmed with or has asked for."""

_LEAST_ROOM = 256


def joined(first: BarSeries, second: BarSeries) -> BarSeries:
    """One series after another, under the second one's name."""
    names = ("start", "trading_day", *VALUE_COLUMNS)
    columns = [np.concatenate((getattr(first, name), getattr(second, name))) for name in names]
    return BarSeries(second.instrument, second.interval, *columns)


class KeptBars:
    """The last bars of one leg as columns. What :meth:`last` gives stays as it is: memory is left behind, not reused.

    ``seen`` counts every bar ever taken in, ``asked`` is the longest look back so far.
    """

    def __init__(self, instrument: str, interval: str) -> None:
        self.instrument, self.interval = instrument, interval
        self.seen = 0
        self.asked = 0
        self._most = MOST
        self._begin, self._stop = 0, 0
        self._written = (-1, -1, "")
        self._allot(_LEAST_ROOM)

    def __len__(self) -> int:
        return self._stop - self._begin

    def begin_with(self, bars: BarSeries) -> None:
        """Forget what there is and keep these."""
        count = len(bars)
        self._allot(max(2 * count, _LEAST_ROOM))
        self._start[:count], self._day[:count] = bars.start, bars.trading_day
        for row, name in enumerate(VALUE_COLUMNS):
            self._values[row, :count] = getattr(bars, name)
        self._begin, self._stop = 0, count
        self.seen = max(self.seen, count)
        self._most = max(self._most, count)

    def append(self, bar: Bar) -> None:
        """Take in the newest bar."""
        if self._stop == len(self._start):
            self._move()
        at = self._stop
        self._start[at], self._day[at] = bar.start, bar.trading_day
        self._values[:, at] = bar[2:]
        self._stop = at + 1
        self.seen += 1

    def last(self, count: int) -> BarSeries:
        """The last ``count`` bars, fewer where there have been no more, the newest last.

        Raises ``RuleError`` ``history_too_long`` where more were there once and are kept no longer.
        """
        if count > len(self) and self.seen > len(self):
            given = {"count": count, "kept": len(self)}
            text = say("A look back on %(count)d bars: only the last %(kept)d are kept, warm up with more.", **given)
            raise RuleError("history_too_long", text)
        self.asked = max(self.asked, count)
        return self.series(count)

    def series(self, count: int) -> BarSeries:
        """The last ``count`` of the bars that are kept."""
        rows = slice(max(self._begin, self._stop - max(count, 0)), self._stop)
        return BarSeries(self.instrument, self.interval, self._start[rows], self._day[rows], *self._values[:, rows])

    def close_before(self) -> float | None:
        """The close of the bar before the last one, None where there is none."""
        return float(self._values[3, self._stop - 2]) if len(self) > 1 else None

    def day_before(self) -> int | None:
        """The trading day of the bar before the last one, None where there is none."""
        return int(self._day[self._stop - 2]) if len(self) > 1 else None

    def document(self, least: int) -> dict[str, Any]:
        """The last ``least`` bars, or more where the strategy looks back farther, as JSON takes it.

        ``held`` says how many there are, ``first`` when those that are written begin (ns UTC).
        """
        count = min(len(self), max(least, 2 * self.asked))
        if self._written[:2] != (self.seen, count):
            kept = self.series(count)
            columns = [kept.start, kept.trading_day, *(getattr(kept, name) for name in VALUE_COLUMNS)]
            data = zlib.compress(b"".join(column.tobytes() for column in columns), 1)
            self._written = (self.seen, count, base64.b64encode(data).decode("ascii"))
        told = {"count": count, "seen": self.seen, "asked": self.asked, "bars": self._written[2]}
        first = int(self._start[self._stop - count]) if count else 0
        return {**told, "held": len(self), "most": self._most, "first": first}

    def restore(self, document: dict[str, Any], older: BarSeries | None) -> None:
        """Go on from :meth:`document`, with those of ``older`` that were kept before its bars."""
        count, data = document["count"], zlib.decompress(base64.b64decode(document["bars"]))
        starts, days = np.frombuffer(data, np.int64, count), np.frombuffer(data, np.int32, count, 8 * count)
        values = np.frombuffer(data, np.float64, offset=12 * count).reshape(len(VALUE_COLUMNS), count)
        kept = BarSeries(self.instrument, self.interval, starts, days, *values)
        before = None if older is None else older.between(end=int(starts[0]) if count else None)
        if before is not None:
            held = document.get("held", len(before) + count)  # older documents do not say
            before = before.take(slice(max(0, len(before) + count - held), len(before)))
        self.begin_with(kept if before is None else joined(before, kept))
        self.seen, self.asked = document["seen"], document["asked"]
        self._most = max(MOST, document.get("most", len(self)))

    def _move(self) -> None:
        """To new memory: what was handed out goes on showing the old."""
        kept = self.series(max(self._most, 2 * self.asked))
        seen = self.seen
        self._allot(max(2 * len(kept), _LEAST_ROOM))
        most, count = self._most, len(kept)
        self.begin_with(kept)
        self.seen, self._most = seen, most
        self._stop = count

    def _allot(self, room: int) -> None:
        self._start = np.zeros(room, dtype=np.int64)
        self._day = np.zeros(room, dtype=np.int32)
        self._values = np.zeros((len(VALUE_COLUMNS), room))
