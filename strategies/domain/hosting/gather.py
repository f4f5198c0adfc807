"""Bars of several legs as they close live, put together by their start: what ``BaseStrategy.on_bars`` is given.

Bars of one minute do not close at one moment: each closes with the next tick of its own instrument, at the latest two
seconds after its end by the market clock. Pure and deterministic: a backtest on ticks gathers as a live day does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from marketdata.domain.bars import Bar
from quantsite.common.times import NS_PER_SECOND

PATIENCE = 3 * NS_PER_SECOND
"""By the market clock, after the first bar of a start: the clock closes what no tick closes within two seconds.

Counted in whole seconds of the clock, however often that is told.
"""

Gathered = tuple[Bar | None, ...]


class BarGatherer:
    """What has closed and waits for the other legs.

    Bars of one start go out together once every leg has one, or a later one, or the patience is over; always in the
    order of their starts. One that comes after its start went out is ``late``: counted, and given to nobody.
    """

    def __init__(self, legs: int) -> None:
        self.legs = legs
        self.late = 0
        self._waiting: dict[int, dict[int, Bar]] = {}
        self._since: dict[int, int] = {}
        self._newest = [-1] * legs
        self._told = -1

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def told(self) -> int:
        """The start of the newest bars that went out, -1 before the first."""
        return self._told

    def begin_behind(self, newest: Sequence[int]) -> None:
        """The strategy has seen the bars of each leg up to these starts, -1 for none: they do not go out again."""
        self._newest = list(newest)
        self._told = min(newest)

    def take(self, leg: int, bar: Bar, now: int) -> list[Gathered]:
        """What can go out now that ``leg`` has closed a bar at ``now`` (ns UTC, market clock), the oldest first."""
        if bar.start <= max(self._told, self._newest[leg]):
            self.late += 1
            return []
        if self.legs == 1:
            self._told = self._newest[0] = bar.start
            return [(bar,)]
        self._waiting.setdefault(bar.start, {})[leg] = bar
        self._since.setdefault(bar.start, now)
        self._newest[leg] = max(self._newest[leg], bar.start)
        complete = min(self._newest)
        return self._let_go([start for start in self._waiting if start <= complete])

    def on_clock(self, now: int) -> list[Gathered]:
        """What has waited long enough by the market clock."""
        if not self._waiting:
            return []
        second = now - now % NS_PER_SECOND
        over = [start for start, since in self._since.items() if second >= since + PATIENCE]
        return self._let_go([start for start in self._waiting if start <= max(over)]) if over else []

    def finish(self) -> list[Gathered]:
        """All that waits: the trading day, or the recording, is over."""
        return self._let_go(list(self._waiting))

    def document(self) -> dict[str, Any]:
        """What a fresh gatherer goes on from, as JSON takes it."""
        return {
            "newest": self._newest,
            "told": self._told,
            "late": self.late,
            "waiting": [
                [start, self._since[start], [[leg, list(bar)] for leg, bar in sorted(bars.items())]]
                for start, bars in sorted(self._waiting.items())
            ],
        }

    @classmethod
    def restored(cls, document: Mapping[str, Any]) -> Self:
        """The gatherer that wrote :meth:`document`."""
        made = cls(len(document["newest"]))
        made._newest, made._told, made.late = list(document["newest"]), document["told"], document["late"]
        for start, since, bars in document["waiting"]:
            made._since[start] = since
            made._waiting[start] = {leg: Bar(*values) for leg, values in bars}
        return made

    def _let_go(self, starts: list[int]) -> list[Gathered]:
        gathered = []
        for start in sorted(starts):
            bars = self._waiting.pop(start)
            del self._since[start]
            self._told = start
            gathered.append(tuple(bars.get(leg) for leg in range(self.legs)))
        return gathered
