"""What never reached the recorder: found by the numbers of frames and ticks, kept as rows, told by an alarm."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import structlog
from django.db.models import OuterRef, Subquery

from accounts.alarms import clear_alarm
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.tick_gaps import Key, MissingTicks, TickNumbers
from marketdata.domain.ticks import Tick
from marketdata.live_models import TickGap
from marketdata.models import Instrument
from marketdata.recording.alarms import TICK_GAP, tell_gap, tell_lost_frames
from marketdata.recording.batch import Batch, lost_frames
from marketdata.stream import parse_id
from marketdata.ticks.models import Tick as TickRow
from quantsite.common.texts import Kept, kept, stored

log = structlog.get_logger(__name__)

TROUBLES = 3
"""So many of the last troubles are named as the reason of a gap: it shows with the next tick, maybe minutes later."""
TROUBLE_SECONDS = 3_600.0
DROPPED = kept("the frames are whole, so the feed dropped them")
BEGAN = kept("the recording began after them")
DAYS_KEPT = 7


class GapBook:
    """The gaps of one source. What it says of a batch counts only once the batch is stored (:meth:`accept`)."""

    def __init__(self, source: str, after: str) -> None:
        """``after`` is the id of the last frame that is stored, '' for none."""
        self._source = source
        self._run = parse_id(after).epoch
        self._resumed = True
        self._numbers = TickNumbers()
        self._troubles: deque[tuple[float, Kept]] = deque(maxlen=TROUBLES)
        newest = TickGap.objects.filter(source=source).order_by("-trading_day").first()
        self._gap_day = to_day_number(newest.trading_day) if newest else 0
        self._day = 0

    def note(self, trouble: Kept) -> None:
        """Something happened that may show as a gap."""
        if trouble not in self._recent():
            self._troubles.append((time.monotonic(), trouble))

    def check(self, batch: Batch, after: str, keys: Mapping[str, int]) -> list[MissingTicks]:
        """Within the transaction of the batch: its gaps as rows, with one alarm for all.

        ``after`` is the id of the last frame stored, ``keys`` gives the instrument's key for its code.
        """
        if not after:
            self.note(BEGAN)
        lost = lost_frames(after, batch.frames)
        if lost:
            frames = ", ".join(lost)
            self.note(kept("frames %(frames)s were not in the stream any more", frames=frames))
            log.error("frames lost", source=self._source, frames=frames)
            tell_lost_frames(self._source, frames)
        if batch.epoch != self._run:
            self._numbers.begin_run()
            self._run, self._resumed = batch.epoch, False
        self._learn(batch.ticks, keys)
        missing = self._numbers.missing(batch.ticks)
        if missing:
            self._keep(missing, keys)
        return missing

    def accept(self, batch: Batch) -> None:
        """The batch is stored."""
        self._numbers.accept(batch.ticks)
        if batch.clock is not None and batch.clock.trading_day != self._day:
            self._begin_day(batch.clock.trading_day)

    def _recent(self) -> list[Kept]:
        return [trouble for moment, trouble in self._troubles if time.monotonic() - moment < TROUBLE_SECONDS]

    def _begin_day(self, day: int) -> None:
        """A gap of an earlier trading day stays as a row; its alarm goes."""
        if self._day and self._gap_day < day:
            clear_alarm(TICK_GAP, self._source)
        self._day = day
        self._numbers.forget_before(day - DAYS_KEPT)

    def _keep(self, missing: Sequence[MissingTicks], keys: Mapping[str, int]) -> None:
        reasons = self._recent() or [DROPPED]
        rows = (
            TickGap(
                instrument_id=keys[gap.instrument],
                trading_day=from_day_number(gap.trading_day),
                source=self._source,
                first_seq=gap.first,
                last_seq=gap.last,
                reasons=stored(reasons),
            )
            for gap in missing
        )
        TickGap.objects.bulk_create(rows, ignore_conflicts=True)
        self._gap_day = max(self._gap_day, *(gap.trading_day for gap in missing))
        tell_gap(self._source, missing, reasons)
        for gap in missing:
            log.error("ticks missing", source=self._source, reasons=[str(reason) for reason in reasons], **_shown(gap))

    def _learn(self, ticks: Iterable[Tick], keys: Mapping[str, int]) -> None:
        """Before the first tick of an instrument and day: the last number that is stored of it."""
        by_day: dict[int, list[str]] = {}
        for code, day in self._numbers.unknown(ticks):
            by_day.setdefault(day, []).append(code)
        for day, codes in by_day.items():
            self._numbers.learn(_last_stored(day, {keys[code]: code for code in codes}), resumed=self._resumed)


def _last_stored(day: int, codes: Mapping[int, str]) -> dict[Key, int]:
    """One look at the end of the key for each instrument: a maximum by group would read every tick of the day."""
    newest = TickRow.objects.filter(instrument=OuterRef("pk"), trading_day=from_day_number(day)).order_by("-seq")
    rows = Instrument.objects.filter(pk__in=codes).annotate(last=Subquery(newest.values("seq")[:1]))
    return {(codes[key], day): last for key, last in rows.values_list("pk", "last") if last is not None}


def _shown(gap: MissingTicks) -> dict[str, object]:
    return {
        "instrument": gap.instrument,
        "trading_day": str(from_day_number(gap.trading_day)),
        "first": gap.first,
        "last": gap.last,
    }
