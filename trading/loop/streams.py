"""An account's loop beside the streams: where it begins to read, how it follows them, and when it has caught up."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from queue import Full, Queue

import structlog

from marketdata.stream import Reader, UnreachableError, newest_id, oldest_id, parse_id, readable, reader, sources, tail
from trading.loop.market import Market

log = structlog.get_logger(__name__)

TAIL_FRAMES = 2_000
"""How far back in a stream the newest tick of an instrument is looked for at the start."""
READ_MS = 500
READ_FRAMES = 50
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 0.2
CATCH_UP_SECONDS = 30.0
"""So long new orders wait at most for a loop that is still at what happened before it began."""


class Follower:
    """Follows every stream in a thread each, from given ids on, and puts the frames into a queue that may fill up.

    ``positions`` is None where the server was away: then it only looks for it, and tells by ``found``, until it is
    told where to :meth:`begin`. ``read`` hears of each reading that has reached the server and found room in the queue.
    """

    def __init__(
        self,
        queue: "Queue[tuple[str, str, bytes] | None]",
        positions: Mapping[str, str] | None,
        read: Callable[[str], None],
    ) -> None:
        self.found = threading.Event()
        self._queue = queue
        self._heard = read
        self._positions = None if positions is None else dict(positions)
        self._stop = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._looker = threading.Thread(target=self._look, name="account streams", daemon=True)

    def start(self) -> "Follower":
        """Begin; gives itself."""
        self._looker.start()
        return self

    def begin(self, positions: Mapping[str, str]) -> None:
        """Follow from these ids on."""
        self._positions = dict(positions)

    def close(self) -> None:
        """Follow no more: nobody reads the queue from now on, and each thread ends with the reading that it is at."""
        self._stop.set()

    def _look(self) -> None:
        while not self._stop.is_set():
            try:
                found = sources()
            except UnreachableError as error:
                log.warning("sources unknown", reason=str(error))
                found = []
            else:
                self.found.set()
            if self._positions is not None:
                self._follow_all(found, self._positions)
            self._stop.wait(LOOK_SECONDS)

    def _follow_all(self, found: Iterable[str], positions: dict[str, str]) -> None:
        for source in found:
            if source not in self._threads or not self._threads[source].is_alive():
                given = (source, positions)
                thread = threading.Thread(target=self._follow, args=given, name=f"ticks {source}", daemon=True)
                self._threads[source] = thread
                thread.start()

    def _follow(self, source: str, positions: dict[str, str]) -> None:
        stream = reader(source, positions.get(source) or "0-0")
        try:
            self._read(source, stream, positions)
        finally:
            stream.close()

    def _read(self, source: str, stream: Reader, positions: dict[str, str]) -> None:
        while not self._stop.is_set():
            for name, data in stream.read(READ_MS, READ_FRAMES):
                self._put((source, name, data))
                positions[source] = name  # where a thread that takes this one's place goes on
            if not stream.trouble and not self._stop.is_set():
                self._heard(source)

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
            market.take(source, name, message)
        taken = name
    market.read(source)
    return taken
