"""Bars for computing: a whole series read from the database once, from then on out of a file mapped into memory.

The row of the coverage says which file is current: every change of bars raises ``revision`` and empties
``data_hash`` in its own transaction, and the first reader afterwards fills the hash if the revision is still the one
whose rows it read. The columns are read-only; ``copy()`` what is to be changed.
"""

from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from threading import Lock

import numpy as np
import structlog
from django.conf import settings
from django.db import OperationalError, transaction

from marketdata.bar_rows import Boundary
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import to_day_number
from marketdata.models import Bar, BarCoverage, Instrument
from marketdata.series_files import DamagedFileError, SeriesFolder
from quantsite.common.times import utc_to_ns

MAPPED_AT_ONCE = 16
"""Series that a process keeps mapped: address space, no memory of its own."""
HASHES_KEPT = 1_024
"""Hashes of parts of series that a process remembers."""

log = structlog.get_logger(__name__)


def load(instrument: Instrument, interval: str, start: Boundary = None, end: Boundary = None) -> tuple[BarSeries, str]:
    """The bars that ``Bar.objects.series`` gives for the same arguments, and the data hash of exactly these bars.

    A series without rows is empty. Where no file can be written the database serves, and the log says so once.
    """
    whole, whole_hash = _whole(instrument, interval)
    first, stop = span(whole, start, end)
    if (first, stop) == (0, len(whole)):
        return whole, whole_hash
    part = whole.take(slice(first, stop))
    return part, _process.part_hash(whole_hash, first, stop, part)


def current(instrument: Instrument, interval: str) -> BarSeries | None:
    """The whole series out of its file, if that is there and current; nothing is read or written for it otherwise."""
    coverage = BarCoverage.objects.filter(instrument=instrument.pk, interval=interval).first()
    if coverage is None or not coverage.data_hash:
        return None
    try:
        bars = _process.mapped(folder(), coverage.data_hash, instrument.code, interval)
    except (DamagedFileError, OSError):
        return None  # whoever loads the whole series next will tell, and write it again
    _count(folder(), "hit")
    return bars


def folder() -> SeriesFolder:
    """The folder that the settings name."""
    return SeriesFolder(Path(settings.BAR_CACHE_DIR), settings.BAR_CACHE_MB * 1_000_000)


def forget() -> None:
    """Let go of what this process has mapped and remembers: for tests that look at the files themselves."""
    _process.clear()


class _Process:
    """What one process keeps between loads; its threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._mapped: OrderedDict[tuple[Path, str, str, str], BarSeries] = OrderedDict()
        self._hashes: OrderedDict[tuple[str, int, int], str] = OrderedDict()
        self._warned = False

    def clear(self) -> None:
        with self._lock:
            self._mapped.clear()
            self._hashes.clear()
            self._warned = False

    def mapped(self, files: SeriesFolder, data_hash: str, instrument: str, interval: str) -> BarSeries:
        """The series out of its file. Raises as :meth:`SeriesFolder.read` does."""
        key = (files.path, data_hash, instrument, interval)
        with self._lock:
            found = self._mapped.get(key)
            if found is not None:
                self._mapped.move_to_end(key)
        if found is not None:
            files.touch(data_hash)
            return found
        bars = files.read(data_hash, instrument, interval)
        with self._lock:
            self._mapped[key] = bars
            while len(self._mapped) > MAPPED_AT_ONCE:
                self._mapped.popitem(last=False)
        return bars

    def part_hash(self, whole_hash: str, first: int, stop: int, part: BarSeries) -> str:
        """The hash of rows ``first`` to ``stop`` of a series, computed once."""
        key = (whole_hash, first, stop)
        with self._lock:
            known = self._hashes.get(key)
            if known is not None:
                self._hashes.move_to_end(key)
                return known
        computed = part.data_hash()
        with self._lock:
            self._hashes[key] = computed
            while len(self._hashes) > HASHES_KEPT:
                self._hashes.popitem(last=False)
        return computed

    def warn(self, files: SeriesFolder, error: OSError) -> None:
        """Say once that there is no cache."""
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            log.warning("bar cache unusable: the database serves", folder=str(files.path), reason=str(error))


_process = _Process()


def _whole(instrument: Instrument, interval: str) -> tuple[BarSeries, str]:
    """All bars of the series, out of its file if that is current, else out of the database and into the file."""
    files = folder()
    coverage = BarCoverage.objects.filter(instrument=instrument.pk, interval=interval).first()
    outcome = "miss"
    if coverage is not None and coverage.data_hash:
        try:
            bars = _process.mapped(files, coverage.data_hash, instrument.code, interval)
        except OSError:
            pass  # never written here, removed to make room, or no disk: writing will tell
        except DamagedFileError as error:
            outcome = "damaged"
            log.warning("bar cache file is rebuilt", file=str(files.file_of(coverage.data_hash)), reason=str(error))
        else:
            _count(files, "hit")
            return bars, coverage.data_hash
    bars = Bar.objects.series(instrument, interval)
    data_hash = bars.data_hash()
    if coverage is None:  # rows that nobody told the coverage of: nothing would say when they change
        return bars, data_hash
    if not coverage.data_hash:
        _remember(coverage, data_hash)
    return _stored(files, bars, data_hash, outcome), data_hash


def _stored(files: SeriesFolder, bars: BarSeries, data_hash: str, outcome: str) -> BarSeries:
    """The same bars out of a new file, or as they are where none can be written."""
    try:
        if outcome == "damaged":
            files.remove(data_hash)
        if len(bars) and files.write(bars, data_hash):
            bars = _process.mapped(files, data_hash, bars.instrument, bars.interval)
    except (DamagedFileError, OSError) as error:
        outcome = "unwritable"
        _process.warn(files, OSError(str(error)))
    _count(files, outcome)
    return bars


def _remember(coverage: BarCoverage, data_hash: str) -> None:
    """Fill the hash, unless bars were changed since the coverage was read; a row that is locked stays as it is."""
    try:
        with transaction.atomic():
            rows = BarCoverage.objects.select_for_update(skip_locked=True)
            current = rows.filter(pk=coverage.pk, revision=coverage.revision, data_hash="").first()
            if current is not None:
                BarCoverage.objects.filter(pk=coverage.pk).update(data_hash=data_hash)
    except OperationalError as error:  # SQLite: somebody has been writing for longer than one waits
        log.info("data hash not stored", coverage=coverage.pk, reason=str(error))


def _count(files: SeriesFolder, outcome: str) -> None:
    try:
        files.count(outcome)
    except OSError as error:
        log.debug("load not counted", reason=str(error))


def span(bars: BarSeries, start: Boundary, end: Boundary) -> tuple[int, int]:
    """First row and the row after the last of a period: trading days both included, instants the end not."""
    first, stop = 0, len(bars)
    if isinstance(start, datetime):
        first = int(np.searchsorted(bars.start, utc_to_ns(start), side="left"))
    elif start is not None:
        first = int(np.searchsorted(bars.trading_day, to_day_number(start), side="left"))
    if isinstance(end, datetime):
        stop = int(np.searchsorted(bars.start, utc_to_ns(end), side="left"))
    elif end is not None:
        stop = int(np.searchsorted(bars.trading_day, to_day_number(end), side="right"))
    return first, max(first, stop)
