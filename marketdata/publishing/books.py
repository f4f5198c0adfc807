"""What a feed tells and asks the database, once a second, by a thread of its own: ticks never wait for rows."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from queue import SimpleQueue
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models.functions import Now

from accounts.leases import Held
from marketdata import heartbeat
from marketdata.domain.contract import Contract
from marketdata.instruments import contract_of
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Instrument
from marketdata.publishing import alarms as feed_alarms
from marketdata.publishing.claims import claim, give_up
from quantsite.common.errors import RuleError

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Told:
    """What stands in the feed's row; names as in :class:`FeedState`."""

    status: str
    market_time: datetime | None = None
    trading_day: date | None = None
    speed: float = 1.0
    instruments: int = 0
    ticks: int = 0
    bars: int = 0
    counters: Mapping[str, Any] = field(default_factory=dict)
    stream_id: str = ""
    last_tick_at: datetime | None = None


@dataclass(frozen=True)
class StreamTold:
    """How the publisher is: the trouble it has, and how many messages were lost."""

    trouble: str
    dropped: int


Wants = Callable[[], Iterable[Instrument]]
"""The instruments that a feed should publish now."""


class FeedBooks:
    """Writes a feed's row, claims what is wanted, and raises the alarms that only the feed itself can raise.

    ``wants`` is asked each time; what is new and granted is put into ``added`` as contracts, what nobody wants any
    more into ``removed`` as codes. None: nothing changes while the feed runs. ``introduce`` is called for each new one.
    ``heard`` gives the instruments of a live feed's ticks since it was asked last.
    """

    def __init__(
        self,
        source: str,
        kind: str,
        held: Held,
        *,
        tell: Callable[[], Told],
        stream: Callable[[], StreamTold],
        introduce: Callable[[Instrument], None],
        wants: Wants | None = None,
        heard: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.added: SimpleQueue[Contract] = SimpleQueue()
        self.removed: SimpleQueue[str] = SimpleQueue()
        self.claimed: dict[str, int] = {}
        self.refused: dict[str, str] | None = None  # not asked yet: an alarm of an earlier run may be open
        self._source, self._kind, self._held = source, kind, held
        self._tell, self._stream, self._wants, self._introduce = tell, stream, wants, introduce
        self._heard = heard
        self._told_stream: StreamTold | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"books {source}", daemon=True)

    def open(self) -> None:
        """Write the row of a feed that begins, from the caller's thread, then go on in our own."""
        defaults = {"kind": self._kind, "epoch": self._held.epoch, **_columns(self._tell())}
        FeedState.objects.update_or_create(source=self._source, defaults=defaults)
        self._thread.start()

    def close(self, last: Told) -> None:
        """End the thread, give the instruments up and write the last state."""
        self._done.set()
        self._thread.join()
        self._write(last)
        give_up(self._source, self._held)
        feed_alarms.clear_own(self._source)
        heartbeat.still("feed")

    def ask(self, instruments: Iterable[Instrument]) -> list[Instrument]:
        """Claim instruments; gives those that are ours and were not before, refuses are told as alarms."""
        wanted = {row.pk: row for row in instruments}
        answer = claim(self._source, self._held, wanted)
        refused = {wanted[key].code: other for key, other in answer.refused.items()}
        if refused != self.refused:
            feed_alarms.tell_refused(self._source, refused)
        self.refused = refused
        new = [wanted[key] for key in sorted(answer.granted) if wanted[key].code not in self.claimed]
        self.claimed |= {row.code: row.pk for row in new}
        return new

    def look(self) -> None:
        """Once: write the row, look at what is wanted, tell of the stream."""
        self._write(self._tell())
        self._write_heard()
        heartbeat.beat("feed")
        if self._wants is not None:
            self._follow_wishes(list(self._wants()))
        now, before = self._stream(), self._told_stream
        if before is None or bool(now.trouble) != bool(before.trouble) or now.dropped > before.dropped:
            feed_alarms.tell_stream(self._source, now.trouble, now.dropped, before.dropped if before else 0)
        self._told_stream = now

    def _follow_wishes(self, wanted: list[Instrument]) -> None:
        codes = {row.code for row in wanted}
        gone = [code for code in self.claimed if code not in codes]
        give_up(self._source, self._held, [self.claimed.pop(code) for code in gone])
        for code in gone:
            self.removed.put(code)
        new = [row for row in wanted if row.code not in self.claimed]
        for row in self.ask(new) if new or self.refused else []:
            try:
                self._introduce(row)
                self.added.put(contract_of(row))
            except RuleError as error:
                log.warning("instrument not published", source=self._source, instrument=row.code, reason=error.text)

    def _work(self) -> None:
        try:
            while not self._done.wait(EVERY_SECONDS):
                try:
                    self.look()
                except DatabaseError as error:
                    log.warning("feed state not written", source=self._source, reason=" ".join(str(error).split()))
                    connection.close()  # a broken connection heals by a new one
                except Exception:  # a full disk, a claim that collided: nobody else writes the row
                    log.exception("feed state not written", source=self._source)
        finally:
            connection.close()

    def _write_heard(self) -> None:
        """A live feed's instruments of which something came since the last time."""
        keys = [self.claimed[code] for code in self._heard() if code in self.claimed]
        if keys:
            mine = InstrumentFeed.objects.filter(source=self._source, epoch=self._held.epoch, instrument__in=keys)
            mine.update(last_tick_at=Now())

    def _write(self, told: Told) -> None:
        """Only the holder's epoch writes: who was shut out changes nothing."""
        mine = FeedState.objects.filter(source=self._source, epoch=self._held.epoch)
        mine.update(**_columns(told), updated_at=Now())


def _columns(told: Told) -> dict[str, Any]:
    return {**asdict(told), "counters": dict(told.counters)}
