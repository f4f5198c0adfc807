"""Every session of a product on one line of trading time, so that questions about a column become binary searches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LongColumn = npt.NDArray[np.int64]
DayColumn = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SessionLine:
    """The spans of all trading days in ascending order; every column has shape ``(spans,)``.

    ``start`` and ``end`` are ns UTC. ``elapsed`` is the trading time (ns) on the whole line before the span;
    ``opens`` and ``closes`` are where on that line the span's session (a night or a day) begins and ends.
    ``trading_day`` is in days since the epoch.
    """

    start: LongColumn
    end: LongColumn
    elapsed: LongColumn
    opens: LongColumn
    closes: LongColumn
    trading_day: DayColumn

    @property
    def openings(self) -> LongColumn:
        """The opening instant of every session, ascending, ns UTC."""
        found: LongColumn = self.start[self.elapsed == self.opens]
        return found

    def span_holding(self, instants: LongColumn, *, ends: bool = False) -> tuple[LongColumn, Flags]:
        """The row of the span that holds each instant, and whether one does (else the row means nothing).

        A span holds its start but not its end; with ``ends`` its end but not its start.
        """
        row = np.searchsorted(self.start, instants, side="left" if ends else "right") - 1
        safe = np.maximum(row, 0)
        if not len(self.start):
            return safe, np.zeros(len(instants), dtype=np.bool_)
        held = instants <= self.end[safe] if ends else instants < self.end[safe]
        return safe, (row >= 0) & held

    def instants_at(self, elapsed: LongColumn) -> LongColumn:
        """The instant (ns UTC) at which each amount of trading time on the line has passed, as a start."""
        row = np.searchsorted(self.elapsed, elapsed, side="right") - 1
        return self.start[row] + (elapsed - self.elapsed[row])


def draw_line(start: LongColumn, end: LongColumn, session: LongColumn, trading_day: DayColumn) -> SessionLine:
    """The line of the given spans (ns UTC, ascending); spans of the same ``session`` number are one session."""
    length = end - start
    passed = np.cumsum(length)
    elapsed = passed - length
    first = np.flatnonzero(np.diff(session, prepend=-1))
    last = np.append(first[1:], len(session)) - 1
    parts = np.diff(np.append(first, len(session)))
    return SessionLine(
        start, end, elapsed, np.repeat(elapsed[first], parts), np.repeat(passed[last], parts), trading_day
    )
