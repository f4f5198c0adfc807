"""What an account's loop knows of the market from the streams: the newest ticks, and the clock of each source."""

import threading
import time
from collections.abc import Mapping
from queue import Full, Queue

import msgspec
import structlog

from marketdata.domain.ticks import BACKWARD, STALE, Clock, Message, Tick, unframe
from marketdata.live_models import InstrumentFeed
from marketdata.stream import Reader, UnreachableError, newest_id, oldest_id, parse_id, reader, sources, tail

log = structlog.get_logger(__name__)

TAIL_FRAMES = 2_000
"""How far back in a stream the newest tick of an instrument is looked for at the start."""
READ_MS = 500
READ_FRAMES = 50
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 0.2
CATCH_UP_SECONDS = 30.0
"""So long new orders wait at most for a loop that is still at what happened before it began."""
BACK_NS = 60 * 10**9
"""A clock that is this much (ns) behind itself has been set back: a replay begins again."""
SILENT_SECONDS = 30.0
"""A feed tells its clock every second, whether the market trades or not."""


class SourceClock:
    """The market clock of one source, told on from its last word by its speed."""

    __slots__ = ("at", "clock")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at = time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether the source has said nothing for so long that nobody knows what the market does."""
        return time.monotonic() - self.at > SILENT_SECONDS

    def now(self) -> int:
        """The market's instant (ns UTC)."""
        return self.clock.now + int((time.monotonic() - self.at) * self.clock.speed * 1e9)


class Market:
    """The newest of everything that was read, by source. One thread only.

    An instrument has one source at a time, which its row of ``InstrumentFeed`` names; what other streams still hold of
    it (a replay of last week) counts for nothing.
    """

    def __init__(self) -> None:
        self._ticks: dict[tuple[str, str], Tick] = {}
        self._day_before: dict[tuple[str, str], Tick] = {}
        self._clocks: dict[str, SourceClock] = {}
        self._source_of: dict[str, str] = {}

    def look(self) -> None:
        """Read who publishes what."""
        self._source_of = dict(InstrumentFeed.objects.values_list("instrument__code", "source"))

    def take(self, source: str, message: Message) -> None:
        """Take one message in."""
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
            self._clocks[source] = SourceClock(message)

    def _forget(self, source: str) -> None:
        """A source that begins an earlier day again: what it told of a later one is not known yet."""
        for ticks in (self._ticks, self._day_before):
            for key in [key for key in ticks if key[0] == source]:
                del ticks[key]

    def comes_from(self, source: str, code: str) -> bool:
        """Whether a source is the one that publishes an instrument."""
        return self._source_of.get(code) == source

    def tick(self, code: str) -> Tick | None:
        """The newest tick of an instrument; None where nobody publishes it, or none has come."""
        return self._ticks.get((self._source_of.get(code, ""), code))

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
        clock = self._clocks.get(self._source_of.get(code, ""))
        if clock is None or clock.silent:
            return None
        tick = self.tick(code)
        return clock.now() if tick is None else max(clock.now(), tick.time)


class Follower:
    """Follows every stream in a thread each, from given ids on, and puts the frames into a queue that may fill up."""

    def __init__(self, queue: "Queue[tuple[str, str, bytes] | None]", positions: Mapping[str, str]) -> None:
        self._queue = queue
        self._positions = dict(positions)
        self._stop = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._looker = threading.Thread(target=self._look, name="account streams", daemon=True)

    def start(self) -> "Follower":
        """Begin; gives itself."""
        self._looker.start()
        return self

    def close(self) -> None:
        """Follow no more."""
        self._stop.set()
        for thread in (self._looker, *self._threads.values()):
            thread.join(2 * READ_MS / 1_000)

    def _look(self) -> None:
        while not self._stop.is_set():
            try:
                found = sources()
            except UnreachableError as error:
                log.warning("sources unknown", reason=str(error))
                found = []
            for source in found:
                if source not in self._threads or not self._threads[source].is_alive():
                    thread = threading.Thread(target=self._follow, args=(source,), name=f"ticks {source}", daemon=True)
                    self._threads[source] = thread
                    thread.start()
            self._stop.wait(LOOK_SECONDS)

    def _follow(self, source: str) -> None:
        after = self._positions.get(source, "")
        stream = reader(source, after or "0-0")
        try:
            self._read(source, stream)
        finally:
            stream.close()

    def _read(self, source: str, stream: Reader) -> None:
        while not self._stop.is_set():
            for name, data in stream.read(READ_MS, READ_FRAMES):
                self._put((source, name, data))
                self._positions[source] = name  # where a thread that takes this one's place goes on

    def _put(self, item: tuple[str, str, bytes]) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=PATIENCE_SECONDS)
                return
            except Full:
                continue


def starting_points(kept: Mapping[str, str], *, resume: bool, market: Market) -> tuple[dict[str, str], list[str]]:
    """From which id on each stream is read, and the sources whose stream has lost what an account still needed.

    Without orders at work there is nothing to catch up with: the newest frames tell the prices, and reading begins
    behind them. Else what had been read before tells the prices. Raises :class:`UnreachableError`.
    """
    points: dict[str, str] = {}
    lost: list[str] = []
    for source in sources():
        wanted = kept.get(source, "") if resume else ""
        if wanted and parse_id(wanted) <= parse_id(newest_id(source)):
            oldest = oldest_id(source)
            _take_tail(source, market, wanted)
            points[source] = wanted
            if oldest and parse_id(oldest).epoch == parse_id(wanted).epoch and parse_id(oldest) > parse_id(wanted):
                lost.append(source)
            continue
        if wanted:
            lost.append(source)
        points[source] = _take_tail(source, market) or newest_id(source) or "0-0"
    return points, lost


class CatchingUp:
    """How far the streams had come when an account's loop began: until it is there it looks at the past."""

    def __init__(self, points: Mapping[str, str]) -> None:
        newest = {source: parse_id(newest_id(source)) for source in points}
        self._goals = {source: goal for source, goal in newest.items() if goal > parse_id(points[source])}
        self._until = time.monotonic() + CATCH_UP_SECONDS

    def over(self, positions: Mapping[str, str]) -> bool:
        """Whether everything of then has been read, or has been waited for long enough."""
        if self._goals:
            read = {source: parse_id(positions.get(source, "")) for source in self._goals}
            self._goals = {source: goal for source, goal in self._goals.items() if goal > read[source]}
        return not self._goals or time.monotonic() > self._until


def _take_tail(source: str, market: Market, last: str = "") -> str:
    """Take the newest frames in, those up to the id ``last`` where one is given; gives the last one's id."""
    taken = ""
    for name, data in tail(source, TAIL_FRAMES):
        if last and parse_id(name) > parse_id(last):
            break
        for message in readable(source, name, data):
            market.take(source, message)
        taken = name
    return taken


def readable(source: str, name: str, data: bytes) -> list[Message]:
    """The messages of a frame; none of one that cannot be read, which must not stop an account for good."""
    try:
        return unframe(data)
    except msgspec.DecodeError as error:
        log.error("frame unreadable", source=source, frame=name, reason=str(error))
        return []
