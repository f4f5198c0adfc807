"""What the library has told: callbacks as records that belong to us, in the order in which they came."""

from collections import OrderedDict
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from marketdata.domain.ctp.errors import Refusal

__all__ = ["FAULT", "QUOTE", "Heard", "HeardQueue", "Refusal"]

QUOTE = "OnRtnDepthMarketData"
FAULT = "fault"
"""Name of what takes the place of a callback that failed: ``fields`` has ``callback`` and ``error``."""

QUOTES_KEPT = 20_000
"""So many records wait for a slow reader before quotes are conflated: some seconds of the whole market."""


class Heard(NamedTuple):
    """One callback. ``fields`` is a copy; what is missing in a struct is None (see :func:`fields.copied`)."""

    name: str
    fields: dict[str, Any] | None
    error: Refusal | None
    """None where the front has no objection (``pRspInfo`` None, or its ErrorID 0)."""
    request: int
    """``nRequestID``, 0 where there is none; ``nReason`` of OnFrontDisconnected, ``nTimeLapse`` of a warning."""
    last: bool
    at: int
    """``time.time_ns()`` in the callback."""


class HeardQueue:
    """From the library's thread to ours. Quotes of a reader that is too slow are conflated, nothing else is dropped.

    One thread puts, one thread gets. Past ``bound`` waiting records a quote waits apart, the newest of its instrument
    only, until all before it are taken: quotes carry the day's sums, so a skipped one loses no volume.
    """

    def __init__(self, bound: int = QUOTES_KEPT) -> None:
        self.conflated = 0
        self._bound = bound
        self._queue: SimpleQueue[Heard] = SimpleQueue()
        self._newest: OrderedDict[str, Heard] = OrderedDict()

    def put(self, heard: Heard) -> None:
        """Add a record."""
        if heard.name == QUOTE and (self._newest or self._queue.qsize() >= self._bound):
            code = str((heard.fields or {}).get("InstrumentID"))
            self.conflated += self._newest.pop(code, None) is not None
            self._newest[code] = heard  # behind the others: the order of time
        else:
            self._queue.put(heard)

    def get_nowait(self) -> Heard:
        """The next record. Raises ``queue.Empty``."""
        try:
            return self._queue.get_nowait()
        except Empty:
            try:
                return self._newest.popitem(last=False)[1]
            except KeyError:
                raise Empty from None

    def taken(self) -> list[Heard]:
        """All that waits now, oldest first."""
        return [self.get_nowait() for _ in range(self.qsize())]

    def qsize(self) -> int:
        """How many records wait."""
        return self._queue.qsize() + len(self._newest)

    def empty(self) -> bool:
        """Whether none waits."""
        return not self.qsize()
