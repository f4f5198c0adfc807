"""What every kind of feed gives: ticks, each with the moment of the market clock at which it arrives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from marketdata.domain.contract import Contract
from marketdata.domain.ticks import Tick


class Arrival(NamedTuple):
    """A tick and when it comes (ns UTC on the market clock, never going back); None: only the clock runs so far."""

    moment: int
    tick: Tick | None


class Published(Protocol):
    """What a kind of feed publishes may change while it runs. One thread calls it."""

    def add(self, contract: Contract, now: int) -> None:
        """Publish this contract too, from the moment ``now`` on; nothing changes where it is published already."""
        ...

    def remove(self, code: str) -> None:
        """Publish it no more."""
        ...


class Source(Published, Protocol):
    """A kind of feed whose market clock we drive ourselves."""

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, in the order of its moments. Raises ``RuleError`` for records that are none."""
        ...


class LiveSource(Published, Protocol):
    """A kind of feed that goes on whether we listen or not: its clock is the world's."""

    def wait(self, seconds: float) -> None:
        """Return as soon as something has come, at the latest after so many seconds."""
        ...

    def ticks(self, clock: int | None) -> Sequence[Tick]:
        """What came since the last call, in its order; far from ``clock`` (ns UTC; None: unknown) it is stale."""
        ...

    def counts(self) -> Mapping[str, int | str]:
        """What the feed's row shows of the connection beside the ticks."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...
