"""Files of bars for numpy: one whole series each, column after column, mapped into memory and never written again.

A file is named after the data hash of its series, so what is found under a name is right whoever wrote it. All
processes of a machine share the pages. Layout, little-endian: a header of 64 bytes, the starts (int64), the seven
value columns (float64), the trading days (int32).
"""

import fcntl
import mmap
import os
import secrets
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries

MAGIC = b"QSBARS01"
_HEADER = struct.Struct("<8sqI")
HEADER_BYTES = 64
"""A whole cache line, so that every column lies on an address that its numbers may have."""
BYTES_A_BAR = 8 + 8 * len(VALUE_COLUMNS) + 4

SUFFIX = ".bars"
DRAFT_SUFFIX = ".draft"
ABANDONED_SECONDS = 3_600
"""A draft older than this belongs to a process that died while it wrote."""

OUTCOMES = ("hit", "miss", "damaged", "unwritable")
_COUNTS = struct.Struct(f"<{len(OUTCOMES)}q")


class DamagedFileError(Exception):
    """A file under the right name that is not what it should be; its text says how."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What lies in a folder."""

    files: int
    bytes: int


class SeriesFolder:
    """A folder of such files, bounded in size: what was not read for the longest time goes first.

    Methods raise ``OSError`` where the disk refuses.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self.limit_bytes = limit_bytes

    def file_of(self, data_hash: str) -> Path:
        """Where the series of this hash lies, or would."""
        return self.path / f"{data_hash}{SUFFIX}"

    def read(self, data_hash: str, instrument: str, interval: str) -> BarSeries:
        """The series, its columns read-only views of the file; the whole file is looked through once (4 GB/s).

        Raises ``FileNotFoundError``, and :class:`DamagedFileError` for a file that was cut or altered.
        """
        path = self.file_of(data_hash)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < HEADER_BYTES:
                raise DamagedFileError(f"{size} bytes are no header")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        count = _checked_count(content)
        self.touch(data_hash)
        return _series(content, count, instrument, interval)

    def touch(self, data_hash: str) -> None:
        """Note that the file was used just now: its time of access, whatever the mount notes by itself."""
        path = self.file_of(data_hash)
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        except OSError:
            return  # on a read-only disk nothing is removed either, and a file that is gone needs no time

    def write(self, bars: BarSeries, data_hash: str) -> bool:
        """Store the series whole or not at all, and make room for it; gives whether it fits at all."""
        size = HEADER_BYTES + BYTES_A_BAR * len(bars)
        if size > self.limit_bytes:
            return False
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room(size, keep=data_hash)
        draft = self.path / f"{data_hash}.{os.getpid()}.{secrets.token_hex(4)}{DRAFT_SUFFIX}"
        try:
            with draft.open("xb") as file:
                _write(file.fileno(), bars)
            draft.replace(self.file_of(data_hash))
        finally:
            draft.unlink(missing_ok=True)
        return True

    def remove(self, data_hash: str) -> None:
        """Remove the file where it is there; who has it mapped keeps it."""
        self.file_of(data_hash).unlink(missing_ok=True)

    def usage(self) -> Usage:
        """Number and size of the files."""
        sizes = [size for _read_at, size, _path in self._files()]
        return Usage(len(sizes), sum(sizes))

    def writable(self) -> bool:
        """Whether a file could be written here now, as far as that can be told without trying."""
        existing = next(folder for folder in (self.path, *self.path.parents) if folder.exists())
        return os.access(existing, os.W_OK | os.X_OK)

    def count(self, outcome: str) -> None:
        """Count one load, together with all other processes that use the folder."""
        with self._counts_file(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as number:
            counts = _read_counts(number)
            counts[outcome] += 1
            os.pwrite(number, _COUNTS.pack(*counts.values()), 0)

    def counts(self) -> dict[str, int]:
        """Loads by outcome since the folder was made."""
        try:
            with self._counts_file(os.O_RDONLY, fcntl.LOCK_SH) as number:
                return _read_counts(number)
        except FileNotFoundError:
            return dict.fromkeys(OUTCOMES, 0)

    @contextmanager
    def _counts_file(self, flags: int, lock: int) -> Iterator[int]:
        number = os.open(self.path / "loads", flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, lock)
            yield number
        finally:
            os.close(number)

    def _files(self) -> list[tuple[int, int, Path]]:
        """Time of the last use (ns), size and path of every file, the longest unused first."""
        found = []
        for path in self.path.glob(f"*{SUFFIX}"):
            try:
                about = path.stat()
            except FileNotFoundError:
                continue  # another process made room
            found.append((about.st_atime_ns, about.st_size, path))
        return sorted(found)

    def _make_room(self, size: int, keep: str) -> None:
        self._remove_abandoned()
        files = [entry for entry in self._files() if entry[2] != self.file_of(keep)]
        free = self.limit_bytes - sum(entry[1] for entry in files)
        for _used, length, path in files:
            if free >= size:
                return
            path.unlink(missing_ok=True)
            free += length

    def _remove_abandoned(self) -> None:
        for path in self.path.glob(f"*{DRAFT_SUFFIX}"):
            try:
                abandoned = time.time() - path.stat().st_mtime > ABANDONED_SECONDS
            except FileNotFoundError:
                continue
            if abandoned:
                path.unlink(missing_ok=True)


def _write(number: int, bars: BarSeries) -> None:
    """Header and columns through one file descriptor, the check sum last: it is known last."""
    columns = [bars.start.astype("<i8", copy=False)]
    columns += [getattr(bars, name).astype("<f8", copy=False) for name in VALUE_COLUMNS]
    columns.append(bars.trading_day.astype("<i4", copy=False))
    check, place = 0, HEADER_BYTES
    for column in columns:
        content = column.view(np.uint8).data
        check = zlib.crc32(content, check)
        for first in range(0, len(content), 1 << 30):  # one call writes at most 2 GB
            place += os.pwrite(number, content[first : first + (1 << 30)], place)
    os.pwrite(number, _HEADER.pack(MAGIC, len(bars), check).ljust(HEADER_BYTES, b"\0"), 0)
    if os.fstat(number).st_size != HEADER_BYTES + BYTES_A_BAR * len(bars):
        raise OSError("the disk took a part of the file only")


def _checked_count(content: mmap.mmap) -> int:
    """The number of bars in the file. Raises :class:`DamagedFileError`."""
    magic, count, check = _HEADER.unpack_from(content)
    if magic != MAGIC:
        raise DamagedFileError(f"it begins with {magic!r}")
    if len(content) != HEADER_BYTES + BYTES_A_BAR * count:
        raise DamagedFileError(f"{count} bars do not take {len(content)} bytes")
    if zlib.crc32(memoryview(content)[HEADER_BYTES:]) != check:
        raise DamagedFileError("the check sum differs")
    return int(count)


def _series(content: mmap.mmap, count: int, instrument: str, interval: str) -> BarSeries:
    start = np.frombuffer(content, dtype="<i8", count=count, offset=HEADER_BYTES)
    place = HEADER_BYTES + 8 * count
    values = []
    for _name in VALUE_COLUMNS:
        values.append(np.frombuffer(content, dtype="<f8", count=count, offset=place))
        place += 8 * count
    trading_day = np.frombuffer(content, dtype="<i4", count=count, offset=place)
    return BarSeries(instrument, interval, start, trading_day, *values)


def _read_counts(number: int) -> dict[str, int]:
    raw = os.pread(number, _COUNTS.size, 0)
    values = _COUNTS.unpack(raw) if len(raw) == _COUNTS.size else (0,) * len(OUTCOMES)
    return dict(zip(OUTCOMES, values, strict=True))
