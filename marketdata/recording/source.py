"""One source's way from its stream into the database: each batch in one transaction with the place it ends at."""

import time

import structlog
from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.leases import LeaseLostError
from marketdata.domain.tick_gaps import EPOCH_SHIFT
from marketdata.live_models import RecorderPosition
from marketdata.models import Instrument
from marketdata.recording.alarms import DAMAGED, REFUSED, UNKNOWN, tell_aside, tell_repeated
from marketdata.recording.aside import Aside
from marketdata.recording.bars import store_bars
from marketdata.recording.batch import Batch
from marketdata.recording.gaps import GapBook
from marketdata.recording.settlements import store_settlements
from marketdata.stream import parse_id, reader
from marketdata.ticks.partitions import ensure_partitions
from marketdata.ticks.store import insert_messages
from quantsite.common.texts import kept
from quantsite.common.times import NS_PER_DAY, ns_to_utc

log = structlog.get_logger(__name__)

BATCH_ROWS = 20_000
"""As much as the busiest second of the market brings: some 0.2 s of writing."""
FRAMES = 64
SHOWN_CODES = 5
UNSTORABLE = (DataError, IntegrityError, OverflowError, ValueError)
"""What the database or the driver refuses for what it is: trying again would not help."""


class SourceRecorder:
    """Reads one stream and stores it, from the place that is stored with the rows. Used by one thread."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lag_seconds = 0.0
        self._trouble_since = 0.0
        row, _made = RecorderPosition.objects.get_or_create(source=source, defaults={"stream_id": ""})
        self.position = row.stream_id
        self._reader = reader(source, self.position)
        self._keys: dict[str, int] = {}
        self._gaps = GapBook(source, self.position)
        self._aside = Aside(source)

    @property
    def trouble(self) -> str:
        """Why nothing comes from the stream, '' where all is well."""
        return self._reader.trouble

    def close(self) -> None:
        """Let go of the stream."""
        self._reader.close()

    def read(self) -> Batch:
        """What is in the stream now, up to some :data:`BATCH_ROWS` rows; does not wait."""
        batch = Batch()
        while batch.rows < BATCH_ROWS:
            found = self._reader.read(0, FRAMES)
            for name, data in found:
                batch.add(name, data)
            if len(found) < FRAMES:
                break
        if not batch.frames:
            self._quiet()
        return batch

    def store(self, batch: Batch) -> None:
        """Store a batch and the place it ends at. What cannot be stored is kept in files and told.

        Raises ``OperationalError`` where the database is away (nothing is stored then, and the same batch may come
        again), :class:`LeaseLostError` where another recorder has moved on from our place.
        """
        for run in batch.runs() if batch.frames else ():
            if parse_id(run.last_id) > parse_id(self.position):  # else it was stored before the database went away
                self._store_run(run)

    def _store_run(self, batch: Batch) -> None:
        try:
            self._store(batch)
        except UNSTORABLE as error:
            self._keys.clear()
            if len(batch.frames) > 1:
                self._store_each(batch)
            else:
                self._refuse(batch, error)

    def _store_each(self, batch: Batch) -> None:
        """Store the frames one by one, so that the one that is refused is found."""
        for frame in batch.frames:
            self.store(Batch.of([frame]))

    def _quiet(self) -> None:
        """Nothing came: we are in time, unless the stream cannot be read."""
        if not self.trouble:
            self._trouble_since = self.lag_seconds = 0.0
            return
        self._trouble_since = self._trouble_since or time.monotonic()
        self.lag_seconds = time.monotonic() - self._trouble_since

    def _store(self, batch: Batch) -> None:
        self._find(batch.codes)
        sound = batch.only(self._keys)
        ensure_partitions({tick.trading_day for tick in sound.ticks})
        with transaction.atomic():
            self._keep_aside(batch)
            store_settlements(sound.settlements, sound.bars, self._keys, f"stream {self.source}")
            store_bars(sound.bars, self._keys)
            self._gaps.check(sound, self.position, self._keys)
            new = insert_messages(sound.ticks, self._keys)
            self._move(sound)
        self._gaps.accept(sound)
        self.position = batch.last_id
        if new < len(sound.ticks):
            self._tell_repeated(sound, len(sound.ticks) - new)

    def _tell_repeated(self, batch: Batch, ticks: int) -> None:
        """Of a replay that is run again it is expected; a live feed's numbers should never come twice."""
        live = any(tick.seq >> EPOCH_SHIFT for tick in batch.ticks)
        (log.warning if live else log.debug)("ticks were stored already", source=self.source, ticks=ticks)
        if live:
            tell_repeated(self.source, ticks)

    def _find(self, codes: set[str]) -> None:
        missing = codes - self._keys.keys()
        if missing:
            self._keys.update(Instrument.objects.filter(code__in=missing).values_list("code", "pk"))

    def _keep_aside(self, batch: Batch) -> None:
        """What cannot be stored, in files before the transaction ends: writing one again changes nothing."""
        for name, data in batch.damaged:
            self._aside.keep(name, data)
            self._gaps.note(kept("frame %(name)s was damaged", name=name))
            tell_aside(self.source, DAMAGED, id=name, folder=str(self._aside.path))
        unknown = batch.codes - self._keys.keys()
        if unknown:
            for name, data in batch.frames_about(unknown):
                self._aside.keep(name, data)
            shown = ", ".join(sorted(unknown)[:SHOWN_CODES]) + (" ..." if len(unknown) > SHOWN_CODES else "")
            tell_aside(self.source, UNKNOWN, codes=shown, folder=str(self._aside.path))

    def _refuse(self, batch: Batch, error: Exception) -> None:
        """Keep the one frame aside and go on behind it."""
        name, data = batch.frames[0]
        reason = " ".join(str(error).split())[:200]
        log.error("frame refused", source=self.source, id=name, reason=reason)
        self._aside.keep(name, data)
        self._gaps.note(kept("frame %(name)s was refused", name=name))
        with transaction.atomic():
            tell_aside(self.source, REFUSED, id=name, reason=reason, folder=str(self._aside.path))
            self._move(Batch(frames=batch.frames, clock=batch.clock))
        self.position = batch.last_id

    def _move(self, batch: Batch) -> None:
        """The place after this batch, if it still is where we left it. Raises :class:`LeaseLostError`."""
        self.lag_seconds = _lag(batch)
        moved: dict[str, object] = {"stream_id": batch.last_id, "updated_at": timezone.now()}
        if batch.clock is not None:
            moved["market_time"] = ns_to_utc(batch.clock.now)
        rows = RecorderPosition.objects.filter(source=self.source, stream_id=self.position)
        if not rows.update(
            ticks=F("ticks") + len(batch.ticks),
            bars=F("bars") + len(batch.bars),
            lag_ms=1_000 * self.lag_seconds,
            **moved,
        ):
            text = f"another recorder has gone on from {self.position or 'the beginning'} of {self.source}"
            raise LeaseLostError("lease_lost", text)


def _lag(batch: Batch) -> float:
    """Seconds since the oldest tick was received; since the batch was read where that is not told (replays)."""
    now = time.time_ns()
    received = batch.ticks[0].received if batch.ticks else 0
    return (now - (received if 0 <= now - received < NS_PER_DAY else batch.began)) / 1e9
