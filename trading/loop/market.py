"""What an account's loop knows of the market: the newest ticks, and the clock of each source."""

import math
import threading
import time
from collections.abc import Iterable, Mapping

import structlog

from marketdata.domain.ticks import BACKWARD, STALE, Clock, Message, Tick
from marketdata.live_models import InstrumentFeed
from marketdata.stream import parse_id

log = structlog.get_logger(__name__)

BACK_NS = 60 * 10**9
"""A clock that is this much (ns) behind itself has been set back: a replay begins again."""
SILENT_SECONDS = 30.0
"""A feed tells its clock every second, whether the market trades or not."""
UNREAD_SECONDS = 3.0
"""After so long without reading a stream nobody knows what its prices have become."""


class SourceClock:
    """The market clock of one source, told on from its last word by its speed."""

    __slots__ = ("at", "clock", "epoch")

    def __init__(self, clock: Clock, epoch: int) -> None:
        self.clock = clock
        self.epoch = epoch
        self.at = time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether the source has said nothing for so long that nobody knows what the market does."""
        return time.monotonic() - self.at > SILENT_SECONDS

    def now(self) -> int:
        """The market's instant (ns UTC)."""
        return self.clock.now + int((time.monotonic() - self.at) * self.clock.speed * 1e9)


class Publishing:
    """Who publishes what, read for all accounts of the process at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._known: dict[str, tuple[str, int]] = {}

    def read(self, within: float) -> dict[str, tuple[str, int]]:
        """Source and epoch of each instrument that has one, no more than ``within`` seconds old. Do not change it.

        Where another account is at reading it and some age will do, what was known before does: a database that says
        nothing must not hold up one account after the other.
        """
        if not self._lock.acquire(blocking=within <= 0):
            return self._known
        try:
            if time.monotonic() - self._read_at >= within:
                rows = InstrumentFeed.objects.values_list("instrument__code", "source", "epoch")
                self._known = {code: (source, epoch) for code, source, epoch in rows}
                self._read_at = time.monotonic()
            return self._known
        finally:
            self._lock.release()


_PUBLISHING = Publishing()


class Market:
    """The newest of everything that was read, by source. One thread only.

    An instrument has one source at a time, which its row of ``InstrumentFeed`` names; what other streams still hold of
    it (a replay of last week) counts for nothing. A feed that ends takes its rows away before everybody has read its
    last ticks: those of the source that published an instrument last still count. ``away`` says that the streams could
    not be reached yet, so that nothing is known at all.
    """

    def __init__(self) -> None:
        self.away = False
        self._ticks: dict[tuple[str, str], Tick] = {}
        self._day_before: dict[tuple[str, str], Tick] = {}
        self._clocks: dict[str, SourceClock] = {}
        self._source_of: dict[str, str] = {}
        self._published: dict[str, tuple[str, int]] = {}
        self._read_at: dict[str, float] = {}

    def look(self, within: float = 0.0) -> None:
        """Know who publishes what; what was read for any account within so many seconds will do."""
        self._published = _PUBLISHING.read(within)
        self._source_of |= {code: source for code, (source, _epoch) in self._published.items()}

    def remember(self, sources: Mapping[str, str]) -> None:
        """Who published instruments (codes) last, as far as no row says otherwise."""
        self._source_of = {**sources, **self._source_of}

    def sources_of(self, codes: Iterable[str]) -> dict[str, str]:
        """Who publishes these instruments, or did so last."""
        return {code: source for code in sorted(codes) if (source := self._source_of.get(code))}

    def take(self, source: str, name: str, message: Message) -> None:
        """Take one message of the frame ``name`` in."""
        if isinstance(message, Tick):
            key = (source, message.instrument)
            known = self._ticks.get(key)
            if not (message.flags & (BACKWARD | STALE)) or known is None:
                if known is not None and known.trading_day != message.trading_day:
                    self._day_before[key] = known
                self._ticks[key] = message
        elif isinstance(message, Clock):
            before = self._clocks.get(source)
            if before is not None and message.now < before.clock.now - BACK_NS:
                self._forget(source)
            self._clocks[source] = SourceClock(message, parse_id(name).epoch)

    def _forget(self, source: str) -> None:
        """A source that begins an earlier day again: what it told of a later one is not known yet."""
        for ticks in (self._ticks, self._day_before):
            for key in [key for key in ticks if key[0] == source]:
                del ticks[key]

    def comes_from(self, source: str, code: str) -> bool:
        """Whether a source is the one that publishes an instrument, or did so last."""
        return self._source_of.get(code) == source

    def tick(self, code: str) -> Tick | None:
        """The newest tick of an instrument; None where nobody has published it, or none has come."""
        return self._ticks.get((self._source_of.get(code, ""), code))

    def spoke(self, source: str) -> int:
        """The time (ns UTC) of the newest tick of whatever instrument that came from a source; 0 without any."""
        return max((tick.time for (told, _code), tick in self._ticks.items() if told == source), default=0)

    def last_on(self, code: str, day: int) -> float | None:
        """The last price of an instrument on a trading day (days since the epoch), as far as it was seen."""
        key = (self._source_of.get(code, ""), code)
        for tick in (self._ticks.get(key), self._day_before.get(key)):
            if tick is not None and not tick.flags and tick.trading_day == day and tick.last > 0:
                return tick.last
        return None

    def now(self, code: str) -> int | None:
        """The market clock (ns UTC) of the source that publishes an instrument.

        None where nobody publishes it, or its source has fallen silent.
        """
        clock = self._clocks.get(self._source_of[code]) if code in self._published else None
        return None if clock is None or clock.silent else self.told_on(code)

    def told_on(self, code: str) -> int | None:
        """As :meth:`now`, told on from the last word of the source however long it has been silent, or gone."""
        clock = self._clocks.get(self._source_of.get(code, ""))
        if clock is None:
            return None
        tick = self.tick(code)
        return clock.now() if tick is None else max(clock.now(), tick.time)

    def read(self, source: str) -> None:
        """A stream has just been read, as far as the loop keeps up; called by the threads that read."""
        self._read_at[source] = time.monotonic()

    def read_lately(self, code: str) -> bool:
        """Whether the stream of an instrument is being read."""
        at = self._read_at.get(self._source_of.get(code, ""))
        return at is not None and time.monotonic() - at <= UNREAD_SECONDS

    def age(self, code: str) -> float:
        """Seconds since the source of an instrument was heard of last; infinite where it never was."""
        clock = self._clocks.get(self._source_of.get(code, ""))
        return math.inf if clock is None else time.monotonic() - clock.at

    def heard(self, code: str) -> bool:
        """Whether the feed that publishes an instrument now has told its clock, be it silent since."""
        source, epoch = self._published.get(code, ("", 0))
        clock = self._clocks.get(source)
        return clock is not None and clock.epoch >= epoch
