"""What every kind of feed gives: ticks, each with the moment of the market clock at which it arrives."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from marketdata.domain.contract import Contract
from marketdata.domain.ticks import Tick


class Arrival(NamedTuple):
    """A tick and when it comes (ns UTC on the market clock, never going back); None: only the clock runs so far."""

    moment: int
    tick: Tick | None


class Source(Protocol):
    """A kind of feed whose market clock we drive ourselves. One thread calls it."""

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, in the order of its moments. Raises ``RuleError`` for records that are none."""
        ...

    def add(self, contract: Contract, now: int) -> None:
        """Publish this contract too, from the moment ``now`` on; nothing changes where it is published already."""
        ...

    def remove(self, code: str) -> None:
        """Publish it no more."""
        ...
