"""Old ticks move from the table to files, one a contract and trading day, and are read back from there.

A day's file is written beside its place, read back and proved equal to the rows before, in one transaction, the
catalogue row is written and the rows go. Whoever is killed in between leaves the rows; a file without a catalogue row
means nothing and is written again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.alarms import clear_alarm
from accounts.models import Alarm
from marketdata.domain.calendar import to_day_number
from marketdata.domain.tick_series import TickSeries
from marketdata.locks import lock_ticks
from marketdata.models import Instrument
from marketdata.ticks.alarms import TICK_FILE_DAMAGED, archive_succeeded, tell_archive_failed, tell_file_damaged
from marketdata.ticks.days import days_with_rows
from marketdata.ticks.files import DAMAGED, put_in_place, read_ticks, remove_parts, write_beside
from marketdata.ticks.models import Tick, TickFile
from marketdata.ticks.partitions import drop_empty_partitions
from marketdata.ticks.rows import merged
from quantsite.common.errors import RuleError
from quantsite.common.texts import Kept, kept

log = structlog.get_logger(__name__)


NOT_THERE = kept("is not there")


class UnprovedError(RuleError):
    """A file that does not hold what was to be written; its rows stay."""

    def __init__(self, code: str, told: Kept) -> None:
        super().__init__(code, str(told))
        self.told = told


class DamagedArchiveError(RuleError):
    """A file of the catalogue that is not there or does not hold what the catalogue says."""

    def __init__(self, row: TickFile, reason: Kept) -> None:
        self.told = kept("The file of ticks %(path)s %(reason)s.", path=str(folder() / row.path), reason=reason)
        super().__init__("damaged_archive", str(self.told))
        self.reason = reason


@dataclass
class ArchiveRun:
    """What a run did; ``failed`` are days that stay in the database, each with the reason."""

    days: int = 0
    ticks: int = 0
    bytes: int = 0
    failed: list[str] = field(default_factory=list)
    dropped_partitions: list[str] = field(default_factory=list)


def archive_before(before: date | None = None) -> ArchiveRun:
    """Move all ticks of trading days before ``before`` (``TICK_DAYS`` days ago) to files; what fails is an alarm."""
    limit = before or cutoff()
    run = ArchiveRun()
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_parts(folder())
    for instrument, day in days_before(limit):
        _move(run, instrument, day)
    run.dropped_partitions = drop_empty_partitions(limit)
    check_catalogue()
    log.info("ticks archived", days=run.days, ticks=run.ticks, bytes=run.bytes, failed=len(run.failed))
    return run


def cutoff() -> date:
    """The first trading day whose ticks stay in the database."""
    return timezone.localdate() - timedelta(days=settings.TICK_DAYS)


def folder() -> Path:
    """Where the files are; the paths of the catalogue lie below it."""
    return Path(settings.TICK_DIR)


def days_before(before: date) -> Iterator[tuple[Instrument, date]]:
    """Instruments and trading days that have rows before ``before``, by the key's index alone."""
    oldest = Subquery(days_with_rows(OuterRef("pk")).values("trading_day")[:1])
    rows = Instrument.objects.select_related("product").annotate(oldest=oldest).filter(oldest__lt=before)
    for instrument in rows.order_by("pk"):
        day: date | None = instrument.oldest
        while day is not None and day < before:
            yield instrument, day
            day = (
                days_with_rows(instrument.pk).filter(trading_day__gt=day).values_list("trading_day", flat=True).first()
            )


def archive_day(instrument: Instrument, day: date) -> TickFile | None:
    """Move the ticks of one contract and trading day to a file; None where there are no rows.

    Ticks that came after an earlier file of the day go into a new one with those of the earlier. Raises ``OSError``,
    :class:`UnprovedError` and :class:`DamagedArchiveError`; then nothing has changed but files outside the catalogue.
    """
    with transaction.atomic():
        lock_ticks(instrument)
        rows = Tick.objects.stored(instrument, day, day)
        if not len(rows):
            return None
        earlier = TickFile.objects.filter(instrument=instrument, trading_day=day).first()
        ticks = rows if earlier is None else merged([_read(earlier), rows])
        path = _place(instrument, day, earlier)
        size = _write_proved(ticks, folder() / path)
        if earlier is not None:
            earlier.delete()
            transaction.on_commit(lambda: (folder() / earlier.path).unlink(missing_ok=True))
        found = TickFile.objects.create(
            instrument=instrument,
            trading_day=day,
            path=str(path),
            rows=len(ticks),
            bytes=size,
            checksum=ticks.checksum(),
        )
        gone, _by_model = Tick.objects.filter(instrument=instrument, trading_day=day).delete()
        if gone != len(rows):
            told = kept(
                "ticks came while the file was written: %(rows)d rows became %(gone)d", rows=len(rows), gone=gone
            )
            raise UnprovedError("ticks_came", told)
        return found


def read_archived(instrument: Instrument, first: date | None = None, last: date | None = None) -> TickSeries:
    """The archived ticks of the trading days from ``first`` to ``last``, both included.

    Each file must hold what the catalogue says of it: raises :class:`DamagedArchiveError` otherwise, with an alarm.
    """
    rows = TickFile.objects.filter(instrument=instrument.pk).order_by("trading_day")
    if first is not None:
        rows = rows.filter(trading_day__gte=first)
    if last is not None:
        rows = rows.filter(trading_day__lte=last)
    parts = [_read_current(row) for row in rows.select_related("instrument")]
    return merged(parts) if parts else TickSeries.empty(instrument.code)


def check_catalogue() -> int:
    """Raise the alarm for files that are missing or of another size; gives their number.

    Those with an open alarm are read whole: it is cleared for a file that is sound again or not in the catalogue.
    """
    bad = set()
    for row in TickFile.objects.all().iterator():
        path = folder() / row.path
        size = path.stat().st_size if path.is_file() else None
        if size != row.bytes:
            bad.add(row.path)
            reason = kept("has %(size)d bytes, not %(wanted)d", size=size, wanted=row.bytes)
            tell_file_damaged(row.path, NOT_THERE if size is None else reason)
    raised = Alarm.objects.open().filter(code=TICK_FILE_DAMAGED).exclude(subject__in=bad)
    for subject in raised.values_list("subject", flat=True):
        if all(_is_sound(row) for row in TickFile.objects.filter(path=subject).select_related("instrument")):
            clear_alarm(TICK_FILE_DAMAGED, subject)
    return len(bad)


def _is_sound(row: TickFile) -> bool:
    try:
        _read(row)
    except DamagedArchiveError:
        return False
    return True


def _move(run: ArchiveRun, instrument: Instrument, day: date) -> None:
    subject = f"{instrument.code} {day}"
    try:
        found = archive_day(instrument, day)
    except (OSError, RuleError) as error:
        run.failed.append(f"{subject}: {error}")
        tell_archive_failed(subject, getattr(error, "told", str(error)))
        return
    archive_succeeded(subject)
    if found is not None:
        run.days, run.ticks, run.bytes = run.days + 1, run.ticks + found.rows, run.bytes + found.bytes


def _place(instrument: Instrument, day: date, earlier: TickFile | None) -> Path:
    """``SHFE/ru1901/20181009.parquet``; a later file of the same day has another name, so that readers of the first
    one find it until the catalogue names the new one."""
    name = f"{day:%Y%m%d}"
    if earlier is not None:
        _day, _dash, number = Path(earlier.path).stem.partition("-")
        name = f"{name}-{int(number or 1) + 1}"
    return Path(instrument.product.exchange_id, instrument.symbol, f"{name}.parquet")


def _write_proved(ticks: TickSeries, path: Path) -> int:
    """Write the file and read it back before it gets its name; gives its size."""
    part = write_beside(ticks, path)
    try:
        _prove(part, ticks)
        size = part.stat().st_size
        put_in_place(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return size


def _prove(part: Path, ticks: TickSeries) -> None:
    try:
        copy = read_ticks(part, ticks.instrument)
    except DAMAGED as error:
        told = kept("the file cannot be read back: %(reason)s", reason=_first_line(error))
        raise UnprovedError("unproved", told) from error
    if len(copy) != len(ticks):
        told = kept("the file holds %(held)d ticks, not %(wanted)d", held=len(copy), wanted=len(ticks))
        raise UnprovedError("unproved", told)
    if copy.checksum() != ticks.checksum():
        raise UnprovedError("unproved", kept("the file holds other ticks than the rows"))


def _read_current(row: TickFile) -> TickSeries:
    """The ticks of a file; once more by the catalogue as it is now, if the file went while we came to it."""
    try:
        return _read(row)
    except DamagedArchiveError as error:
        now = TickFile.objects.filter(instrument=row.instrument_id, trading_day=row.trading_day).first()
        if now is not None and now.pk != row.pk:
            return _read(now)
        tell_file_damaged(row.path, error.reason)
        raise


def _read(row: TickFile) -> TickSeries:
    """The ticks of a file, proved against the catalogue."""
    path = folder() / row.path
    try:
        ticks = read_ticks(path, row.instrument.code)
    except FileNotFoundError:
        raise DamagedArchiveError(row, NOT_THERE) from None
    except DAMAGED as error:
        raise DamagedArchiveError(row, kept("cannot be read: %(reason)s", reason=_first_line(error))) from error
    if len(ticks) != row.rows:
        raise DamagedArchiveError(row, kept("holds %(held)d ticks, not %(wanted)d", held=len(ticks), wanted=row.rows))
    if ticks.checksum() != row.checksum or set(ticks.trading_day.tolist()) - {to_day_number(row.trading_day)}:
        raise DamagedArchiveError(row, kept("holds other ticks than those that were archived"))
    return ticks


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
