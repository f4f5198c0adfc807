"""Which ticks are missing between those that came: their numbers ascend by one within a trading day and feed epoch.

A live feed's numbers carry its epoch in the upper half: the first tick of an instrument and trading day that an epoch
publishes has the number ``epoch << 32``, the next one more. A replay publishes the numbers of its file, in epoch 0; it
may begin anywhere in it, and ascends by one from there on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketdata.domain.ticks import Tick

EPOCH_SHIFT = 32

Key = tuple[str, int]
"""Instrument's code and trading day."""


@dataclass(frozen=True, slots=True, order=True)
class MissingTicks:
    """Numbers of one instrument and trading day that never came, both ends included."""

    instrument: str
    trading_day: int
    first: int
    last: int


class TickNumbers:
    """The last number of each instrument and trading day.

    A batch is looked at with :meth:`missing` and counts only once :meth:`accept` is told that it was stored.
    """

    def __init__(self) -> None:
        self._last: dict[Key, int] = {}

    def unknown(self, ticks: Iterable[Tick]) -> set[Key]:
        """The instruments and days of which no number is known: what is stored of them should be told first."""
        return {(tick.instrument, tick.trading_day) for tick in ticks} - self._last.keys()

    def learn(self, last: Mapping[Key, int], *, resumed: bool) -> None:
        """Take the last stored numbers; those of files only where the run of the feed that stored them goes on."""
        self._last.update({key: seq for key, seq in last.items() if resumed or seq >> EPOCH_SHIFT})

    def begin_run(self) -> None:
        """The feed has started anew: numbers of files may begin anywhere again."""
        self._last = {key: seq for key, seq in self._last.items() if seq >> EPOCH_SHIFT}

    def missing(self, ticks: Iterable[Tick]) -> list[MissingTicks]:
        """What is missing before and between these ticks, in their order. Numbers that repeat are no news."""
        last: dict[Key, int] = {}
        found = []
        for tick in ticks:
            key, seq = (tick.instrument, tick.trading_day), tick.seq
            before = last.get(key)
            if before is None:
                before = self._last.get(key, -1)
            expected = before + 1 if _epoch(before) == _epoch(seq) else first_number(seq)
            if seq > expected:
                found.append(MissingTicks(*key, expected, seq - 1))
            if seq > before or _epoch(seq) != _epoch(before):
                last[key] = seq
        return found

    def accept(self, ticks: Iterable[Tick]) -> None:
        """The ticks are stored."""
        for tick in ticks:
            key, seq = (tick.instrument, tick.trading_day), tick.seq
            before = self._last.get(key, -1)
            if seq > before or _epoch(seq) != _epoch(before):
                self._last[key] = seq

    def forget_before(self, day: int) -> None:
        """Trading days before this one are over."""
        self._last = {key: seq for key, seq in self._last.items() if key[1] >= day}


def first_number(seq: int) -> int:
    """The number with which the epoch of ``seq`` begins a trading day: of a file, any."""
    return seq >> EPOCH_SHIFT << EPOCH_SHIFT if seq >> EPOCH_SHIFT else seq


def _epoch(seq: int) -> int:
    """-1 for -1, which stands for no number."""
    return seq >> EPOCH_SHIFT
