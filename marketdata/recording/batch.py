"""What the recorder takes out of a stream at once: frames, and the messages in them by kind."""

import time
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby

import msgspec

from marketdata.domain.ticks import BarMessage, Clock, Message, SettlementMessage, Tick, unframe
from marketdata.stream import parse_id

Storable = Tick | BarMessage | SettlementMessage


@dataclass
class Batch:
    """Frames of one source with their messages; ``damaged`` are those that could not be decoded."""

    frames: list[tuple[str, bytes]] = field(default_factory=list)
    damaged: list[tuple[str, bytes]] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    bars: list[BarMessage] = field(default_factory=list)
    settlements: list[SettlementMessage] = field(default_factory=list)
    clock: Clock | None = None
    began: int = field(default_factory=time.time_ns)
    """When it was read, ns UTC."""

    @classmethod
    def of(cls, frames: Iterable[tuple[str, bytes]]) -> "Batch":
        """The batch of these frames."""
        batch = cls()
        for name, data in frames:
            batch.add(name, data)
        return batch

    @property
    def epoch(self) -> int:
        """The feed's run that published the first frame."""
        return parse_id(self.frames[0][0]).epoch

    @property
    def last_id(self) -> str:
        """The id of the newest frame."""
        return self.frames[-1][0]

    @property
    def rows(self) -> int:
        """How much there is to store."""
        return len(self.ticks) + len(self.bars) + len(self.settlements)

    @property
    def codes(self) -> set[str]:
        """The instruments of what is to be stored."""
        return {message.instrument for message in self._storable()}

    def add(self, name: str, data: bytes) -> None:
        """Put a frame at the end."""
        self.frames.append((name, data))
        try:
            messages = unframe(data)
        except msgspec.DecodeError:
            self.damaged.append((name, data))
            return
        for message in messages:
            self._sort_in(message)

    def runs(self) -> list["Batch"]:
        """A batch for each run of the feed: mostly there is one."""
        if not self.frames or parse_id(self.last_id).epoch == self.epoch:
            return [self]
        groups = groupby(self.frames, key=lambda frame: parse_id(frame[0]).epoch)
        return [Batch.of(frames) for _epoch, frames in groups]

    def only(self, known: Container[str]) -> "Batch":
        """The batch without the messages of instruments that are not ``known``."""
        if all(code in known for code in self.codes):
            return self
        return replace(
            self,
            ticks=[tick for tick in self.ticks if tick.instrument in known],
            bars=[bar for bar in self.bars if bar.instrument in known],
            settlements=[one for one in self.settlements if one.instrument in known],
        )

    def frames_about(self, codes: Collection[str]) -> list[tuple[str, bytes]]:
        """The frames with messages of these instruments."""
        return [frame for frame in self.frames if frame not in self.damaged and Batch.of([frame]).codes & set(codes)]

    def _storable(self) -> list[Storable]:
        return [*self.ticks, *self.bars, *self.settlements]

    def _sort_in(self, message: Message) -> None:
        if isinstance(message, Tick):
            self.ticks.append(message)
        elif isinstance(message, BarMessage):
            if message.final:
                self.bars.append(message)
        elif isinstance(message, SettlementMessage):
            self.settlements.append(message)
        else:
            self.clock = message


def lost_frames(after: str, frames: Iterable[tuple[str, bytes]]) -> list[str]:
    """The frames that should stand between ``after`` and these, and within these, as ranges such as ``3-7…3-9``.

    Numbers ascend by one within an epoch and begin with 1. Nothing can be said about frames before the first one
    where ``after`` is '' (nothing was recorded yet), nor about the last ones of an earlier epoch.
    """
    found = []
    before = parse_id(after) if after else None
    for name, _data in frames:
        here = parse_id(name)
        expected = 1 if before is None or before.epoch != here.epoch else before.number + 1
        if before is not None and here.number > expected:
            found.append(f"{here.epoch}-{expected}…{here.epoch}-{here.number - 1}")
        before = here
    return found
