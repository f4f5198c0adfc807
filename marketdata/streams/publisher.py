"""The publishing end of a stream: never waits, never loses what fits into memory, stops where another took over."""

import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog
from django.utils.translation import gettext as _

from accounts.leases import LeaseLostError
from marketdata.domain.ticks import frame
from marketdata.streams.frames import BEGINNING, Backlog, RefusedFrameError, Sink, StreamId, UnreachableError

log = structlog.get_logger(__name__)

FRAME_MESSAGES = 500
BATCH_FRAMES = 64
BATCH_BYTES = 1 << 20
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
FLUSH_POLL_SECONDS = 0.001
WAKE = b""
"""In the queue: no message, only a reason to look up."""


@dataclass(frozen=True)
class Limits:
    """How much a publisher keeps in memory: for a server that is away, and for one that comes back without data."""

    messages: int = 200_000
    bytes: int = 64 << 20
    seconds: float = 600.0


class Publisher:
    """Sends encoded messages to one stream, in frames of whatever has gathered while the last one was under way.

    One thread calls :meth:`send`; a thread of the publisher's own builds and sends the frames. While the server is
    away the frames wait; when it comes back, with its data, without, or with an older state of them, what it lacks
    is sent again under the same ids. ``dropped`` counts messages that never arrived for want of room.
    """

    def __init__(self, source: str, epoch: int, sink: Sink, limits: Limits | None = None) -> None:
        self.source = source
        self.epoch = epoch
        self.trouble = ""
        self.trouble_since = 0.0
        self.sent_again = 0
        self.fenced = False
        self._limits = limits or Limits()
        self._sink = sink
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._backlog = Backlog(self._limits.bytes, self._limits.seconds)
        self._newest = BEGINNING
        self._joined = False
        self._begun = False
        self._accepted = 0
        self._overflow = 0
        self._gathered = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"publisher {source}", daemon=True)
        self._thread.start()

    def send(self, encoded: bytes) -> None:
        """Hand over one message of ``ticks.encode``; returns at once, whatever the network does.

        Raises :class:`LeaseLostError` where a publisher with a newer epoch owns the stream: the caller must stop.
        """
        if self.fenced:
            raise self._taken_over()
        self._queue.put(encoded)
        self._accepted += 1
        if self._queue.qsize() > self._limits.messages:
            self._drop_oldest()

    def flush(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds until the stream has everything; gives whether it does."""
        deadline = time.monotonic() + timeout
        while self.pending:
            if self.fenced or time.monotonic() >= deadline:
                return False
            time.sleep(FLUSH_POLL_SECONDS)
        return True

    def close(self, timeout: float = 2.0) -> bool:
        """Flush, then end the thread; gives whether everything arrived."""
        done = self.flush(timeout)
        self._closing.set()
        self._queue.put(WAKE)
        self._thread.join()
        return done

    @property
    def pending(self) -> int:
        """Messages that the stream has not confirmed yet."""
        return self._accepted - self._overflow - self._gathered + self._backlog.waiting_messages

    @property
    def dropped(self) -> int:
        """Messages lost because the server was away for longer than memory lasts."""
        return self._overflow + self._backlog.dropped

    @property
    def last_id(self) -> str:
        """The newest id that the stream has confirmed, '' before the first."""
        return "" if self._newest == BEGINNING else str(self._newest)

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except Empty:  # the thread took it in between: nothing was lost
            return
        self._overflow += 1

    def _work(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        try:
            while not self._closing.is_set():
                self._gather()
                try:
                    self._write()
                    pause = FIRST_PAUSE_SECONDS
                    continue
                except UnreachableError as error:
                    self._note_trouble(error)
                except LeaseLostError:
                    raise
                except Exception as error:  # whatever it is, the thread must go on: nobody else sends
                    log.exception("publisher failed", source=self.source)
                    self._joined = False
                    self._note_trouble(error)
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        except LeaseLostError as error:
            self.fenced = True
            log.error("stream taken over", source=self.source, epoch=self.epoch, reason=str(error))
        finally:
            self._sink.close()

    def _gather(self) -> None:
        """Make frames of what is in the queue; sleep for a message where nothing waits to be sent."""
        taken = [] if self._backlog else [self._queue.get()]
        try:
            while len(taken) < self._limits.messages:
                taken.append(self._queue.get_nowait())
        except Empty:
            pass
        messages = [message for message in taken if message is not WAKE]
        now = time.monotonic()
        for begin in range(0, len(messages), FRAME_MESSAGES):
            part = messages[begin : begin + FRAME_MESSAGES]
            self._backlog.add(frame(part), len(part), now)
            self._gathered += len(part)

    def _write(self) -> None:
        """Send the next frames. Raises :class:`UnreachableError`, :class:`LeaseLostError`."""
        if not self._joined:
            self._join()
        frames = self._backlog.next_frames(BATCH_FRAMES, BATCH_BYTES)
        if not frames:
            return
        try:
            self._sink.write(frames)
        except RefusedFrameError as error:
            self._join()  # tells a newer owner from frames that had arrived already
            if self._newest.number < frames[0].number:
                raise UnreachableError(f"refuses {self.epoch}-{frames[0].number}, yet has not got it") from error
        except UnreachableError:
            self._joined = False
            raise
        else:
            self._note_success()  # first: whoever waits until all has arrived must not find trouble that is over
            self._settle(frames[-1].number)
            return
        self._note_success()

    def _join(self) -> None:
        """Ask the stream how far it is, and make what it lacks wait again."""
        self._joined = False
        newest = self._sink.newest()
        if newest.epoch > self.epoch or (newest.epoch == self.epoch and not self._begun):
            raise self._taken_over()
        self._joined = self._begun = True
        again = self._settle(newest.number if newest.epoch == self.epoch else 0)
        if again:
            self.sent_again += again
            log.warning("stream lost frames, sending again", source=self.source, newest=str(newest), frames=again)

    def _settle(self, number: int) -> int:
        again = self._backlog.settle(number)
        if number:
            self._newest = StreamId(self.epoch, number)
        return again

    def _taken_over(self) -> LeaseLostError:
        text = _("The stream of %(source)s has another publisher than this one of epoch %(epoch)s.")
        return LeaseLostError("stream_taken", text % {"source": self.source, "epoch": self.epoch})

    def _note_trouble(self, error: Exception) -> None:
        if not self.trouble:
            self.trouble_since = time.time()
            log.warning("stream unreachable", source=self.source, reason=str(error))
        self.trouble = str(error) or type(error).__name__

    def _note_success(self) -> None:
        if self.trouble:
            away = round(time.time() - self.trouble_since, 1)
            log.info("stream reachable again", source=self.source, seconds=away, dropped=self.dropped)
            self.trouble = ""
