"""The recorder: everything that is published, into the database, once. One recorder at a time, by its lease.

What is stored and how far the stream is stored are one transaction, so a recorder that is killed goes on where its
rows end. While the database is away nothing new is read: the stream keeps it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connection

from accounts.leases import Held, LeaseKeeper, LeaseLostError, holder_name, take_over
from marketdata.heartbeat import beat, still
from marketdata.recording.alarms import LEASE, tell_behind, tell_caught_up
from marketdata.recording.source import BATCH_ROWS, SourceRecorder
from marketdata.stream import UnreachableError, sources
from quantsite.common.errors import ConflictError
from quantsite.common.texts import Kept, kept
from quantsite.web.database import DATABASE_AWAY

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 0.25
"""What has gathered in that time is written together: rows are at most this and the writing behind."""
LOOK_SECONDS = 1.0
"""So often new sources are looked for."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
LONGEST_REASON = 150
GIVE_UP_SECONDS = 10.0
"""After the order to stop, a database that is away is waited for no longer than this."""
BEHIND_SECONDS = 10.0
CAUGHT_UP_SECONDS = 2.0
IN_TIME = ""
BACKLOG = kept("It works off what has gathered in the stream.")

Outcome = TypeVar("Outcome")


class Recorder:
    """Stores the streams of these sources, of all where none is named. Runs once, in one thread."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._names = sorted(names) if names else None
        self._lanes: dict[str, SourceRecorder] = {}
        self._looked = 0.0
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._told: dict[str, str | Kept] = {}
        self._reason = ""

    @property
    def lease(self) -> str:
        """The name of the lease: recorders of different sources may run side by side."""
        return ":".join([LEASE, *self._names]) if self._names else LEASE

    def run(self, stop: threading.Event) -> None:
        """Record until ``stop``, then drain what is in the streams and end.

        Raises ``ConflictError`` ``lease_taken`` where another recorder is at work, now or after a break, and
        ``OperationalError`` where the database is away when the end is to come.
        """
        self._stop = stop
        try:
            while not stop.is_set():
                self._lost = threading.Event()
                self._hold(self._insist(lambda: take_over(self.lease, holder_name(), stop=stop)))
        except ConflictError:
            if not stop.is_set():
                raise
        finally:
            connection.close()
            still(LEASE)

    def _hold(self, held: Held) -> None:
        """Record while the lease is ours."""
        lost = self._lost
        keeper = LeaseKeeper(held, lambda _reason: lost.set()).start()
        log.info("recorder begins", lease=held.name, epoch=held.epoch)
        try:
            self._follow()
        except LeaseLostError as error:
            log.error("recorder lost its place", reason=str(error))
        finally:
            keeper.stop()
            for lane in self._lanes.values():
                lane.close()
            self._lanes.clear()
            self._looked = 0.0
            with suppress(DatabaseError):  # else it ends by itself, some seconds later
                held.release()
        log.info("recorder ends", lease=held.name, epoch=held.epoch)

    def _follow(self) -> None:
        while not self._lost.is_set():
            ending, began = self._stop.is_set(), time.monotonic()
            self._look()
            more = [self._step(lane) for lane in self._lanes.values()]
            if any(more):
                continue
            if ending:
                return
            self._stop.wait(max(0.0, PERIOD_SECONDS - (time.monotonic() - began)))

    def _step(self, lane: SourceRecorder) -> bool:
        """Store what is in a stream; gives whether there is more than a batch."""
        batch = lane.read()
        if batch.frames:
            self._insist(lambda: lane.store(batch))
        self._insist(lambda: self._tell_lag(lane))
        return batch.rows >= BATCH_ROWS

    def _look(self) -> None:
        """Open the streams that are new."""
        if self._looked and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        _say_alive()
        try:
            found = self._names or sources()
        except UnreachableError as error:
            log.warning("sources unknown", reason=str(error))
            return
        for name in set(found) - self._lanes.keys():
            lane = self._insist(partial(SourceRecorder, name))
            self._lanes[name] = lane
            log.info("recording", source=name, after=lane.position)

    def _tell_lag(self, lane: SourceRecorder) -> None:
        """Raise the alarm where a source is far behind, and again for another reason; clear it once it is not."""
        told = self._told.get(lane.source)
        if lane.lag_seconds > BEHIND_SECONDS:
            reason = lane.trouble or self._reason or BACKLOG
            if told != reason:
                tell_behind(lane.source, lane.lag_seconds, reason)
                self._told[lane.source] = reason
        elif lane.lag_seconds < CAUGHT_UP_SECONDS and told != IN_TIME:
            tell_caught_up(lane.source)  # also one of an earlier run
            self._told[lane.source] = IN_TIME
            self._reason = ""

    def _insist(self, work: Callable[[], Outcome]) -> Outcome:
        """Do what needs the database, again and again while it is away.

        Raises :class:`LeaseLostError` where the lease is gone meanwhile.
        """
        pause, deadline = FIRST_PAUSE_SECONDS, 0.0
        while True:
            try:
                return work()
            except DATABASE_AWAY as error:
                self._reason = " ".join(str(error).split())[:LONGEST_REASON]
                log.warning("database away, trying again", reason=self._reason, pause=pause)
                connection.close()  # a broken connection heals by a new one
                if self._stop.is_set():
                    deadline = deadline or time.monotonic() + GIVE_UP_SECONDS
                    if time.monotonic() >= deadline:
                        raise
            if self._lost.wait(pause):
                raise LeaseLostError("lease_lost", self._reason)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _say_alive() -> None:
    """For a container's health check; a disk that takes no file must not end the recording."""
    try:
        beat(LEASE)
    except OSError as error:
        log.warning("no sign of life written", reason=str(error))
