"""Ticks into the database, in columns: binary COPY on PostgreSQL, executemany on SQLite.

A tick that is stored already (instrument, trading day, number) is left alone. On PostgreSQL rows go straight into the
table, which is a third faster; where one is there already they go through a temporary table that leaves it out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, connection, transaction

from marketdata.bar_rows import PG_EPOCH_DAYS, PG_EPOCH_MICROSECONDS
from marketdata.copy_rows import COPY_HEADER, COPY_TRAILER, BoolColumn, Field, binary_rows
from marketdata.domain.tick_series import COLUMNS, DEPTH_WIDTH, FLOATS, LONGS, Levels, LongColumn, TickSeries
from marketdata.domain.ticks import Tick
from marketdata.models import Instrument
from marketdata.ticks.partitions import TABLE, ensure_partitions

TABLE_COLUMNS = ("instrument_id", *COLUMNS, "depth")
CHUNK = 50_000
"""Rows a statement: some 15 MB on their way."""
UNIQUE_VIOLATION = "23505"

_NAMES = ", ".join(f'"{name}"' for name in TABLE_COLUMNS)
_INCOMING = "incoming_tick"


@dataclass(frozen=True, slots=True, eq=False)
class TickBlock:
    """Ticks of any instruments as columns of shape ``(n,)``; ``columns`` has those of :class:`TickSeries`."""

    instrument_id: LongColumn
    columns: Mapping[str, npt.NDArray[Any]]
    depth: Levels | None = None

    def __len__(self) -> int:
        return len(self.instrument_id)

    @classmethod
    def of(cls, ticks: Sequence[Tick], keys: Mapping[str, int]) -> Self:
        """The columns of ticks; ``keys`` gives the instrument's key for its code. Raises ``KeyError``."""
        told = dict(zip(Tick.__struct_fields__, zip(*map(msgspec.structs.astuple, ticks), strict=True), strict=True))
        columns: dict[str, npt.NDArray[Any]] = {
            name: np.array(told[name], dtype=np.float64 if name in FLOATS else np.int64) for name in COLUMNS
        }
        depth = None
        if any(levels is not None for levels in told["depth"]):
            nothing = (np.nan,) * DEPTH_WIDTH
            depth = np.array([levels or nothing for levels in told["depth"]], dtype=np.float64)
        return cls(np.array([keys[code] for code in told["instrument"]], dtype=np.int64), columns, depth)

    @classmethod
    def of_series(cls, instrument: Instrument, series: TickSeries) -> Self:
        """The ticks of one instrument."""
        columns = {name: getattr(series, name) for name in COLUMNS}
        return cls(np.full(len(series), instrument.pk, dtype=np.int64), columns, series.depth)

    def parts(self, size: int) -> Iterator[Self]:
        """The block in pieces of at most ``size`` rows."""
        for first in range(0, len(self), size):
            piece = slice(first, first + size)
            columns = {name: column[piece] for name, column in self.columns.items()}
            depth = None if self.depth is None else self.depth[piece]
            yield type(self)(self.instrument_id[piece], columns, depth)


def insert_ticks(ticks: Mapping[Instrument, TickSeries]) -> int:
    """Store the ticks of each instrument, partitions included; gives how many were not there before."""
    return sum(insert_block(TickBlock.of_series(instrument, series)) for instrument, series in ticks.items())


def insert_messages(ticks: Sequence[Tick], keys: Mapping[str, int]) -> int:
    """Store ticks of many instruments together, as a stream brings them; gives how many were not there before."""
    return insert_block(TickBlock.of(ticks, keys)) if ticks else 0


def insert_block(block: TickBlock) -> int:
    """Store a block in one transaction; gives how many of its ticks were not there before."""
    if not len(block):
        return 0
    write = _copy if connection.vendor == "postgresql" else _insert_many
    with transaction.atomic():
        ensure_partitions(np.unique(block.columns["trading_day"]).tolist())
        return sum(write(part) for part in block.parts(CHUNK))


def _copy(block: TickBlock) -> int:
    """Straight into the table; by the temporary table where a tick of the block is stored already."""
    data = _binary(block)
    try:
        with transaction.atomic():
            _send(TABLE, data)
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        return _copy_new(data)
    return len(block)


def _copy_new(data: bytes) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TEMPORARY TABLE IF NOT EXISTS "{_INCOMING}" (LIKE "{TABLE}") ON COMMIT DELETE ROWS')
        cursor.execute(f'TRUNCATE "{_INCOMING}"')
        _send(_INCOMING, data)
        cursor.execute(f'INSERT INTO "{TABLE}" ({_NAMES}) SELECT {_NAMES} FROM "{_INCOMING}" ON CONFLICT DO NOTHING')  # noqa: S608
        return int(cursor.rowcount)


def _send(table: str, data: bytes) -> None:
    query = f'COPY "{table}" ({_NAMES}) FROM STDIN (FORMAT BINARY)'
    # Django translates the driver's errors of execute(), not those of copy().
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(query) as copy:
        copy.write(COPY_HEADER)
        copy.write(data)
        copy.write(COPY_TRAILER)


def _binary(block: TickBlock) -> bytes:
    """The rows of a block in the order of :data:`TABLE_COLUMNS`."""
    columns = block.columns
    values: dict[str, Field] = {
        "instrument_id": Field(">i8", block.instrument_id),
        "trading_day": Field(">i4", columns["trading_day"] - PG_EPOCH_DAYS),
        **{name: Field(">i8", columns[name]) for name in LONGS},
        "time": Field(">i8", _pg_time(columns["time"])),
        "received": Field(">i8", _pg_time(columns["received"]), columns["received"] == 0),
        "flags": Field(">i2", columns["flags"]),
        **{name: Field(">f8", columns[name], np.isnan(columns[name])) for name in FLOATS},
        "depth": Field("V1", b"", np.ones(len(block), dtype=np.bool_)),
    }
    if block.depth is not None:
        packed = block.depth.astype("<f8").view(f"V{8 * DEPTH_WIDTH}").ravel()
        values["depth"] = Field(packed.dtype.str, packed, _without_levels(block.depth))
    return binary_rows(len(block), [values[name] for name in TABLE_COLUMNS])


def _without_levels(depth: Levels) -> BoolColumn:
    """The rows in which no level was published."""
    return np.asarray(np.isnan(depth).all(axis=1))


def _pg_time(column: LongColumn) -> LongColumn:
    return column // 1_000 - PG_EPOCH_MICROSECONDS


def _insert_many(block: TickBlock) -> int:
    marks = ", ".join(["%s"] * len(TABLE_COLUMNS))
    with connection.cursor() as cursor:
        cursor.executemany(
            f'INSERT INTO "{TABLE}" ({_NAMES}) VALUES ({marks}) ON CONFLICT DO NOTHING',  # noqa: S608
            list(_rows(block)),
        )
        return int(cursor.rowcount)


def _rows(block: TickBlock) -> Iterator[tuple[Any, ...]]:
    """Tuples in the order of :data:`TABLE_COLUMNS`, times as Django writes them to SQLite."""
    columns: dict[str, list[Any]] = {name: block.columns[name].tolist() for name in LONGS}
    columns["trading_day"] = np.datetime_as_string(block.columns["trading_day"].astype("datetime64[D]")).tolist()
    columns["time"] = _texts(block.columns["time"])
    received = zip(_texts(block.columns["received"]), (block.columns["received"] == 0).tolist(), strict=True)
    columns["received"] = [None if unknown else text for text, unknown in received]
    for name in FLOATS:
        columns[name] = [None if value != value else value for value in block.columns[name].tolist()]  # noqa: PLR0124
    depth: list[bytes | None] = [None] * len(block)
    if block.depth is not None:
        levels = zip(block.depth.astype("<f8"), _without_levels(block.depth), strict=True)
        depth = [None if unknown else row.tobytes() for row, unknown in levels]
    return zip(block.instrument_id.tolist(), *(columns[name] for name in COLUMNS), depth, strict=True)


def _texts(times: LongColumn) -> list[str]:
    texts: list[str] = np.strings.replace(
        np.datetime_as_string((times // 1_000).astype("datetime64[us]")), "T", " "
    ).tolist()
    return texts
